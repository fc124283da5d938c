// For the tests of this folder: a memory disk with a store on it that can be crashed, and a plain
// model of what it must hold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_device.h"
#include "lib/model/line_view.h"

namespace storpool::chunkstore {

class NullLog : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

// Ends every request that is lost in a crash with an error, so that coroutines end, too; may lie,
// and have bytes that cannot be read.
class CrashDevice : public env::Device {
 public:
  CrashDevice(env::Reactor& reactor, env::MemoryDisk* disk, bool ignore_durable)
      : inner_(reactor, disk), ignore_durable_(ignore_durable) {}
  ~CrashDevice() override {
    dead_ = true;
    while (!open_.empty()) {
      auto wrapped = std::move(open_.back());
      open_.pop_back();
      wrapped->io->OnDone(absl::UnavailableError("power is lost"));
    }
  }
  void MakeUnreadable(uint64_t offset_bytes, uint64_t bytes) {
    unreadable_.emplace_back(offset_bytes, bytes);
  }
  const env::DeviceInfo& info() const override { return inner_.info(); }
  Counters counters() const override { return inner_.counters(); }
  void Queue(env::DeviceIo* io) override {
    auto wrapped = std::make_unique<Wrapped>();
    wrapped->device = this;
    wrapped->io = io;
    wrapped->op = io->op;
    wrapped->durable = io->durable && !ignore_durable_;
    wrapped->offset_bytes = io->offset_bytes;
    wrapped->discard_bytes = io->discard_bytes;
    wrapped->slices = io->slices;
    if (dead_) return io->OnDone(absl::UnavailableError("power is lost"));
    open_.push_back(std::move(wrapped));
    inner_.Queue(open_.back().get());
  }

 private:
  struct Wrapped : env::DeviceIo {
    void OnDone(const absl::Status& status) override { device->Done(this, status); }
    CrashDevice* device = nullptr;
    env::DeviceIo* io = nullptr;
  };
  void Done(Wrapped* wrapped, const absl::Status& status) {
    env::DeviceIo* io = wrapped->io;
    std::erase_if(open_, [&](const auto& w) { return w.get() == wrapped; });
    io->OnDone(IsUnreadable(*io) ? absl::DataLossError("EIO") : status);
  }
  bool IsUnreadable(const env::DeviceIo& io) const {
    if (io.op != env::DeviceIo::Op::kRead) return false;
    uint64_t end = io.offset_bytes;
    for (const env::IoSlice& slice : io.slices) end += slice.size_bytes;
    return std::any_of(unreadable_.begin(), unreadable_.end(), [&](const auto& bad) {
      return io.offset_bytes < bad.first + bad.second && bad.first < end;
    });
  }
  env::MemoryDevice inner_;
  const bool ignore_durable_;
  bool dead_ = false;
  std::vector<std::unique_ptr<Wrapped>> open_;
  std::vector<std::pair<uint64_t, uint64_t>> unreadable_;  // offset, bytes
};

// One life of a store on a disk.
class StoreLife : public StoreEvents {
 public:
  StoreLife(env::MemoryDisk* disk, BufferPool& pool, uint64_t checkpoint_log_bytes = 1 << 30,
            bool ignore_durable = false)
      : pool_(pool), checkpoint_log_bytes_(checkpoint_log_bytes) {
    device_ = std::make_unique<CrashDevice>(reactor_, disk, ignore_durable);
  }
  // As a crash: requests under way are lost to the process.
  ~StoreLife() override {
    dying_ = true;
    device_ = nullptr;
    reactor_.RunUntilIdle();
    store_ = nullptr;
    reactor_.RunUntilIdle();
  }

  absl::Status Format(const FormatOptions& options) {
    absl::Status result = absl::UnavailableError("did not end");
    chunkstore::Format(*device_, reactor_, pool_, options, [&](absl::Status s) { result = s; });
    reactor_.RunUntilIdle();
    return result;
  }
  absl::Status Open() {
    ChunkStore::Open({*device_, reactor_, pool_, log_, checkpoint_log_bytes_}, ClusterUuid{},
                     [this](absl::StatusOr<std::unique_ptr<ChunkStore>> s) {
                       if (dying_) return;
                       open_status_ = s.status();
                       if (!s.ok()) return;
                       store_ = std::move(*s);
                       store_->SetEvents(this);
                     });
    Run();
    return open_status_;
  }
  absl::Status Close() {
    absl::Status result = absl::UnavailableError("did not end");
    store_->Close([&](absl::Status s) { result = s; });
    Run();
    return result;
  }
  void Run() { reactor_.RunUntilIdle(); }
  void Idle() { reactor_.AdvanceBy(Duration::Millis(200)); }

  ChunkStore& store() { return *store_; }
  bool open() const { return store_ != nullptr; }
  env::ManualReactor& reactor() { return reactor_; }
  BufferPool& pool() { return pool_; }
  CrashDevice& device() { return *device_; }
  uint64_t durable() const { return durable_; }
  uint64_t rooms() const { return rooms_; }
  const absl::Status& failure() const { return failure_; }

  void OnDurable(uint64_t position) override {
    EXPECT_GT(position, durable_);
    durable_ = position;
  }
  void OnFailed(const absl::Status& status) override { failure_ = status; }
  void OnRoom() override { ++rooms_; }

 private:
  BufferPool& pool_;
  uint64_t checkpoint_log_bytes_;
  NullLog log_;
  env::ManualReactor reactor_;
  std::unique_ptr<CrashDevice> device_;
  std::unique_ptr<ChunkStore> store_;
  absl::Status open_status_ = absl::UnavailableError("did not end");
  absl::Status failure_;
  uint64_t durable_ = 0;
  uint64_t rooms_ = 0;
  bool dying_ = false;
};

// Block content that names itself: what a version of a block must read as.
inline void FillBlock(uint8_t* block, ChunkKey key, uint32_t number, Version version) {
  const uint64_t seed[4] = {key.lineage.value(), key.chunk.value(), number, version.raw()};
  for (uint32_t i = 0; i < kBlockBytes; i += sizeof seed) std::memcpy(block + i, seed, sizeof seed);
  block[version.raw() % kBlockBytes] ^= 0x5a;
}

inline Entry MakeEntry(BufferPool& pool, EntryKind kind, ChunkKey key, LayerId layer,
                       BlockRange range, Version version, Arrival arrival = Arrival::kPending) {
  Entry entry;
  entry.place = {key.lineage, key.chunk, layer, range};
  entry.version = version;
  entry.kind = kind;
  entry.arrival = arrival;
  if (kind != EntryKind::kData) return entry;
  entry.payload = pool.Allocate(size_t{range.count} * kBlockBytes);
  entry.checksums = Checksums(range.count, pool);
  for (uint32_t i = 0; i < range.count; ++i) {
    uint8_t* block = entry.payload.data() + size_t{i} * kBlockBytes;
    FillBlock(block, key, range.first + i, version);
    entry.checksums.span()[i] = Crc32c(block, kBlockBytes);
  }
  return entry;
}

// One layer of a line as a test writes it down: newest first. Blocks of the chunk at or beyond
// `cut_blocks` without an entry in that layer are holes.
struct LayerCut {
  LayerId layer;
  uint32_t cut_blocks = kBlocksPerChunk;
};

inline std::shared_ptr<const model::LineView> ViewOf(ChunkKey key, std::vector<LayerCut> cuts) {
  model::Line line;
  line.lineage = key.lineage;
  line.version = LineVersion(1);
  for (auto it = cuts.rbegin(); it != cuts.rend(); ++it) {
    const uint64_t cut =
        uint64_t{key.chunk.value()} * kChunkBytes + (it->cut_blocks == kBlocksPerChunk
                                                         ? kVolumeBytesMax / 2
                                                         : uint64_t{it->cut_blocks} * kBlockBytes);
    line.layers.push_back({it->layer, cut, cut, false, {}});
  }
  return std::make_shared<const model::LineView>(line);
}

// As nodes have it: what the line has forgotten is not in it, whatever the store still knows.
inline std::shared_ptr<const model::LineView> ViewOf(const model::Line& line) {
  return std::make_shared<const model::LineView>(line);
}

// A read with memory of its own.
class TestRead : public ReadOp {
 public:
  TestRead(StoreLife& life, ChunkKey key, std::vector<LayerCut> cuts, BlockRange range,
           bool pending = false)
      : TestRead(life, key, ViewOf(key, cuts), cuts.front().layer, range, pending) {}
  TestRead(StoreLife& life, ChunkKey key, std::shared_ptr<const model::LineView> view, LayerId from,
           BlockRange range, bool pending = false)
      : results_(range.count) {
    memory_ = life.pool().AllocateZeroed(size_t{range.count} * kBlockBytes);
    chunk = key;
    line = std::move(view);
    layer = from;
    blocks = range;
    include_pending = pending;
    results = std::span<BlockResult>(results_);
    target = memory_.data();
    life.store().Read(this);
    EXPECT_FALSE(done_) << "called back from within the call";
    life.Run();
    EXPECT_TRUE(done_);
  }
  void OnDone(const absl::Status& s) override {
    done_ = true;
    status_ = s;
  }
  const absl::Status& status() const { return status_; }
  const BlockResult& operator[](size_t i) const { return results_[i]; }
  // Does block i hold what `version` of it must?
  bool Matches(size_t i, Version version) const {
    std::vector<uint8_t> want(kBlockBytes);
    FillBlock(want.data(), chunk, blocks.first + static_cast<uint32_t>(i), version);
    return std::memcmp(want.data(), target + i * kBlockBytes, kBlockBytes) == 0 &&
           results_[i].checksum == Crc32c(want);
  }

 private:
  std::vector<BlockResult> results_;
  Buffer memory_;
  absl::Status status_;
  bool done_ = false;
};

}  // namespace storpool::chunkstore
