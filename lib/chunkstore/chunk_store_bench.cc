// User time in the store for each 4 KiB append and read, on a device that does nothing (targets of
// design 4.14: 2 us and 1 us at depth 32), and buffers allocated in steady state.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "lib/base/crc32c.h"
#include "lib/base/random.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::chunkstore {
namespace {

// Keeps superblocks and the content of what is read again; ends requests in the next turn.
class FlatDevice : public env::Device, private env::PhaseHook {
 public:
  explicit FlatDevice(env::Reactor& reactor)
      : reactor_(reactor), memory_(static_cast<uint8_t*>(std::calloc(1, kBytes)), &std::free) {}
  const env::DeviceInfo& info() const override { return info_; }
  Counters counters() const override { return {}; }
  void Queue(env::DeviceIo* io) override {
    queued_.push_back(io);
    reactor_.Schedule(env::Phase::kSubmit, this);
  }

 private:
  static constexpr uint64_t kBytes = uint64_t{1} << 30;
  void OnPhase(env::Phase) override {
    running_.swap(queued_);
    for (env::DeviceIo* io : running_) {
      uint64_t at = io->offset_bytes;
      for (const env::IoSlice& s : io->slices) {
        if (io->op == env::DeviceIo::Op::kRead) {
          __builtin_memcpy(s.data, memory_.get() + at, s.size_bytes);
        } else {
          __builtin_memcpy(memory_.get() + at, s.data, s.size_bytes);
        }
        at += s.size_bytes;
      }
      io->OnDone(absl::OkStatus());
    }
    running_.clear();
  }
  env::Reactor& reactor_;
  env::DeviceInfo info_{.size_bytes = kBytes};
  std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
  std::vector<env::DeviceIo*> queued_, running_;
};

class NoLog : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

struct OneRead : ReadOp {
  OneRead() {
    model::Line one;
    one.version = LineVersion(1);
    one.layers.push_back({LayerId(1), kVolumeBytesMax, kVolumeBytesMax, false, {}});
    line = std::make_shared<const model::LineView>(one);
    layer = LayerId(1);
  }
  void OnDone(const absl::Status&) override {}
  BlockResult result;
  Buffer memory;
};

struct Bench {
  static constexpr uint32_t kDepth = 32;
  static constexpr uint32_t kBlocks = 32768;  // 128 MiB, rewritten again and again
  Bench() : device(reactor) {
    Format(device, reactor, pool, {.disk = DiskId(1), .store = StoreId(1)}, [](absl::Status) {});
    reactor.RunUntilIdle();
    ChunkStore::Open(
        {device, reactor, pool, log}, {},
        [this](absl::StatusOr<std::unique_ptr<ChunkStore>> s) { store = *std::move(s); });
    reactor.RunUntilIdle();
    payload = pool.AllocateZeroed(kBlockBytes);
  }
  void Append() {
    for (uint32_t i = 0; i < kDepth; ++i) {
      const uint32_t block = next++ * 7919 % kBlocks;
      Entry e;
      e.place = {LineageId(1),
                 ChunkIndex(block / kBlocksPerChunk),
                 LayerId(1),
                 {block % kBlocksPerChunk, 1}};
      e.version = Version(Epoch(1), next);
      e.checksums = Checksums(1, pool);
      e.checksums.span()[0] = kZeroBlockCrc;
      e.payload = payload;
      e.session = {VolumeId(1), ClientId(1), Generation(1)};
      e.number = next;
      e.answered_below = next > 64 ? next - 64 : 1;
      if (!store->Reserve(kBlockBytes)) std::abort();
      store->AppendEntry(ChainId(TableId(1), 1), std::move(e));
    }
    reactor.RunUntilIdle();
    store->SetCommitted(ChainId(TableId(1), 1), Version(Epoch(1), next));
  }
  env::ManualReactor reactor;
  BufferPool pool;
  FlatDevice device;
  NoLog log;
  Buffer payload;
  std::unique_ptr<ChunkStore> store;
  uint32_t next = 0;
};

void BM_Append4k(benchmark::State& state) {
  Bench bench;
  for (uint32_t i = 0; i < Bench::kBlocks / Bench::kDepth; ++i) bench.Append();
  const uint64_t before = bench.pool.blocks_allocated();
  for (auto _ : state) bench.Append();
  state.SetItemsProcessed(state.iterations() * Bench::kDepth);
  state.counters["pool_blocks_taken"] = static_cast<double>(bench.pool.blocks_allocated() - before);
}
BENCHMARK(BM_Append4k);

void BM_Read4k(benchmark::State& state) {
  Bench bench;
  for (uint32_t i = 0; i < Bench::kBlocks / Bench::kDepth; ++i) bench.Append();
  std::vector<OneRead> reads(Bench::kDepth);
  for (OneRead& r : reads) {
    r.memory = bench.pool.Allocate(kBlockBytes);
    r.results = {&r.result, 1};
    r.target = r.memory.data();
  }
  uint32_t next = 0;
  for (auto _ : state) {
    for (OneRead& r : reads) {
      const uint32_t block = next++ * 6007 % Bench::kBlocks;
      r.chunk = {LineageId(1), ChunkIndex(block / kBlocksPerChunk)};
      r.blocks = {block % kBlocksPerChunk, 1};
      bench.store->Read(&r);
    }
    bench.reactor.RunUntilIdle();
    if (reads[0].result.state != BlockResult::State::kData) state.SkipWithError("wrong data");
  }
  state.SetItemsProcessed(state.iterations() * Bench::kDepth);
}
BENCHMARK(BM_Read4k);

// A volume of 128 MiB with snapshots: 64 random blocks written after each, of which one in 16 is
// data and is read here; the others are holes, to spare memory.
struct LayersBench : Bench {
  static constexpr uint32_t kPerLayer = 64;
  explicit LayersBench(uint32_t layers) : is_data(kBlocks, true) {
    for (uint32_t i = 0; i < kBlocks / kDepth; ++i) Append();
    line.lineage = LineageId(1);
    line.version = LineVersion(1);
    for (uint32_t id = 1; id <= layers; ++id) {
      line.layers.push_back({LayerId(id), kVolumeBytesMax, kVolumeBytesMax, false, {}});
      for (uint32_t i = 0; id > 1 && i < kPerLayer; ++i) WriteOne(LayerId(id), i % 16 == 0);
      reactor.RunUntilIdle();
    }
    line.MakeView();
    store->SetCommitted(ChainId(TableId(1), 1), Version(Epoch(1), next));
    reactor.RunUntilIdle();
  }
  void WriteOne(LayerId layer, bool data) {
    const auto block = static_cast<uint32_t>(random.Below(kBlocks));
    is_data[block] = data;
    Entry e;
    e.place = {
        LineageId(1), ChunkIndex(block / kBlocksPerChunk), layer, {block % kBlocksPerChunk, 1}};
    e.version = Version(Epoch(1), ++next);
    e.kind = data ? EntryKind::kData : EntryKind::kHole;
    if (data) {
      e.checksums = Checksums(1, pool);
      e.checksums.span()[0] = kZeroBlockCrc;
      e.payload = payload;
      if (!store->Reserve(kBlockBytes)) std::abort();
    }
    store->AppendEntry(ChainId(TableId(1), 1), std::move(e));
  }
  Random random{1};
  std::vector<bool> is_data;
  model::Line line;
};

void BM_ReadLayers(benchmark::State& state) {
  LayersBench bench(static_cast<uint32_t>(state.range(0)));
  std::vector<OneRead> reads(Bench::kDepth);
  for (OneRead& r : reads) {
    r.memory = bench.pool.Allocate(kBlockBytes);
    r.results = {&r.result, 1};
    r.target = r.memory.data();
    r.line = bench.line.view;
    r.layer = bench.line.newest().id;
  }
  uint32_t next = 0;
  for (auto _ : state) {
    for (OneRead& r : reads) {
      uint32_t block = 0;
      do {
        block = next++ * 6007 % Bench::kBlocks;
      } while (!bench.is_data[block]);
      r.chunk = {LineageId(1), ChunkIndex(block / kBlocksPerChunk)};
      r.blocks = {block % kBlocksPerChunk, 1};
      bench.store->Read(&r);
    }
    bench.reactor.RunUntilIdle();
    if (reads[0].result.state != BlockResult::State::kData) state.SkipWithError("wrong data");
  }
  state.SetItemsProcessed(state.iterations() * Bench::kDepth);
}
BENCHMARK(BM_ReadLayers)->Arg(1)->Arg(100)->Arg(10000);

}  // namespace
}  // namespace storpool::chunkstore
