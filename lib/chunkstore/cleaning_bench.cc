// What overwriting a disk that is 73 % full costs: a volume of 8 parts on a disk of 11, random
// aligned writes in groups, on a device in memory that copies bytes as tmpfs would. Prints, for
// each MiB that a client writes: CPU time, bytes written and read by the store, checkpoints.
// bazel run //lib/chunkstore:cleaning_bench
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "lib/base/crc32c.h"
#include "lib/base/random.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::chunkstore {
namespace {

// Keeps everything but payload, which is zeroes here: that is copied to and from a scratch area
// that no cache holds, so that a disk of any size costs what it would, but no memory.
class SparseDevice : public env::Device, private env::PhaseHook {
 public:
  SparseDevice(env::Reactor& reactor, uint64_t size_bytes)
      : reactor_(reactor), info_{.size_bytes = size_bytes}, kept_(size_bytes / kPage) {
    void* memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    memory_ = static_cast<uint8_t*>(memory);
  }
  ~SparseDevice() override { munmap(memory_, info_.size_bytes); }
  const env::DeviceInfo& info() const override { return info_; }
  Counters counters() const override { return counters_; }
  void Queue(env::DeviceIo* io) override {
    queued_.push_back(io);
    reactor_.Schedule(env::Phase::kSubmit, this);
  }

 private:
  static constexpr uint64_t kPage = 4096;
  static constexpr uint64_t kScratch = 64 << 20;

  void OnPhase(env::Phase) override {
    running_.swap(queued_);
    for (env::DeviceIo* io : running_) {
      uint64_t at = io->offset_bytes;
      for (const env::IoSlice& s : io->slices) {
        io->op == env::DeviceIo::Op::kRead ? ReadPart(at, s) : WritePart(at, s);
        at += s.size_bytes;
      }
      io->OnDone(absl::OkStatus());
    }
    running_.clear();
  }
  uint8_t* Scratch(size_t size) {
    if (scratch_at_ + size > kScratch) scratch_at_ = 0;
    scratch_at_ += size;
    return scratch_.data() + scratch_at_ - size;
  }
  void WritePart(uint64_t at, const env::IoSlice& s) {
    ++counters_.writes;
    counters_.bytes_written += s.size_bytes;
    const uint64_t zero = 0;
    const bool payload = std::memcmp(s.data, &zero, sizeof zero) == 0;
    for (uint64_t p = at / kPage; p * kPage < at + s.size_bytes; ++p) {
      const uint64_t begin = std::max(at, p * kPage);
      const uint64_t end = std::min(at + s.size_bytes, (p + 1) * kPage);
      if (payload && kept_[p]) std::memset(memory_ + begin, 0, end - begin);
      if (!payload) std::memcpy(memory_ + begin, s.data + (begin - at), end - begin);
      if (!payload) kept_[p] = true;
      if (payload && end - begin == kPage) kept_[p] = false;
    }
    if (payload) std::memcpy(Scratch(s.size_bytes), s.data, s.size_bytes);
  }
  void ReadPart(uint64_t at, const env::IoSlice& s) {
    ++counters_.reads;
    counters_.bytes_read += s.size_bytes;
    std::memcpy(s.data, Scratch(s.size_bytes), s.size_bytes);
    for (uint64_t p = at / kPage; p * kPage < at + s.size_bytes; ++p) {
      const uint64_t begin = std::max(at, p * kPage);
      const uint64_t end = std::min(at + s.size_bytes, (p + 1) * kPage);
      if (kept_[p]) std::memcpy(s.data + (begin - at), memory_ + begin, end - begin);
    }
  }

  env::Reactor& reactor_;
  env::DeviceInfo info_;
  uint8_t* memory_ = nullptr;
  std::vector<bool> kept_;
  std::vector<uint8_t> scratch_ = std::vector<uint8_t>(kScratch);
  uint64_t scratch_at_ = 0;
  std::vector<env::DeviceIo*> queued_, running_;
  Counters counters_;
};

class NoLog : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

class Disk : public StoreEvents {
 public:
  explicit Disk(uint64_t size_bytes) : device_(reactor_, size_bytes) {
    Format(device_, reactor_, pool_, {.disk = DiskId(1), .store = StoreId(1)}, [](absl::Status) {});
    reactor_.RunUntilIdle();
    ChunkStore::Open(
        {device_, reactor_, pool_, log_}, {},
        [this](absl::StatusOr<std::unique_ptr<ChunkStore>> s) { store_ = *std::move(s); });
    reactor_.RunUntilIdle();
    store_->SetEvents(this);
    payload_ = pool_.AllocateZeroed(kRequestBytesMax);
  }
  void Write(uint64_t block, uint32_t count) {
    Entry e;
    e.place = {LineageId(1),
               ChunkIndex(static_cast<uint32_t>(block / kBlocksPerChunk)),
               LayerId(1),
               {static_cast<uint32_t>(block % kBlocksPerChunk), count}};
    e.version = Version(Epoch(1), ++sequence_);
    e.checksums = Checksums(count, pool_);
    for (uint32_t& crc : e.checksums.span()) crc = kZeroBlockCrc;
    e.payload = payload_.Slice(0, size_t{count} * kBlockBytes);
    if (!store_->Reserve(e.payload.size())) std::abort();
    last_ = store_->AppendEntry(ChainId(TableId(1), 1), std::move(e));
  }
  // Turns until what was written is durable; one group at a time is under way.
  void Finish() {
    while (durable_ < last_) reactor_.RunTurn();
    store_->SetCommitted(ChainId(TableId(1), 1), Version(Epoch(1), sequence_));
  }
  env::Device::Counters counters() const { return device_.counters(); }
  void OnDurable(uint64_t position) override { durable_ = position; }
  void OnFailed(const absl::Status&) override { std::abort(); }
  void OnRoom() override {}

 private:
  env::ManualReactor reactor_;
  BufferPool pool_;
  SparseDevice device_;
  NoLog log_;
  Buffer payload_;
  std::unique_ptr<ChunkStore> store_;
  uint64_t last_ = 0;
  uint64_t durable_ = 0;
  uint32_t sequence_ = 0;
};

// Blocks of a write, writes of a group, MiB of the disk.
void BM_Overwrite(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto group = static_cast<uint32_t>(state.range(1));
  const uint64_t disk_bytes = static_cast<uint64_t>(state.range(2)) << 20;
  const uint64_t volume_blocks = disk_bytes / 11 * 8 / kRequestBytesMax * kRequestBlocksMax;
  Disk disk(disk_bytes);
  for (uint64_t block = 0; block < volume_blocks; block += kRequestBlocksMax) {
    disk.Write(block, kRequestBlocksMax);
    disk.Finish();
  }
  Random random(1);
  const auto overwrite = [&] {
    for (uint32_t i = 0; i < group; ++i) {
      disk.Write(random.Below(volume_blocks / count) * count, count);
    }
    disk.Finish();
  };
  for (uint64_t done = 0; done < volume_blocks * 3 / 2; done += uint64_t{count} * group) {
    overwrite();
  }
  const env::Device::Counters before = disk.counters();
  for (auto _ : state) overwrite();
  const env::Device::Counters after = disk.counters();
  const double client = static_cast<double>(state.iterations()) * group * count * kBlockBytes;
  state.counters["written"] =
      static_cast<double>(after.bytes_written - before.bytes_written) / client;
  state.counters["read"] = static_cast<double>(after.bytes_read - before.bytes_read) / client;
  state.counters["reads/MiB"] = static_cast<double>(after.reads - before.reads) / client * 1048576;
  state.counters["cpu_us/MiB"] = benchmark::Counter(
      client / 1048576 / 1e6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Overwrite)
    ->Unit(benchmark::kMicrosecond)
    ->ArgNames({"blocks", "group", "disk_mib"})
    ->Args({256, 8, 5632})
    ->Iterations(600);
BENCHMARK(BM_Overwrite)
    ->Unit(benchmark::kMicrosecond)
    ->ArgNames({"blocks", "group", "disk_mib"})
    ->Args({1, 32, 5632})
    ->Iterations(12000);

}  // namespace
}  // namespace storpool::chunkstore
