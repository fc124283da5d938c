// The hot path of a disk takes nothing from the heap: store, device and reactor as they run in a
// node, counted by operator new (design 4.14).
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/env/posix/allocation_counter.h"
#include "lib/env/posix/disk_file.h"
#include "lib/env/posix/posix_device.h"

namespace storpool::embed {
namespace {

using chunkstore::ChunkStore;

constexpr uint64_t kDiskBytes = uint64_t{1} << 30;
constexpr uint32_t kVolumeBlocks = 8192;
const ChainId kChain(TableId(1), 1);

class SilentLog : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

struct OneRead : chunkstore::ReadOp {
  OneRead() {
    model::Line one;
    one.version = LineVersion(1);
    one.layers.push_back({LayerId(1), kVolumeBytesMax, kVolumeBytesMax, false, {}});
    line = std::make_shared<const model::LineView>(one);
    layer = LayerId(1);
  }
  void OnDone(const absl::Status& s) override {
    ok = s.ok() && result.state == BlockResult::State::kData;
    done = true;
  }
  BlockResult result;
  Buffer memory;
  bool ok = false;
  bool done = false;
};

class StoreAllocations : public testing::Test, public chunkstore::StoreEvents {
 protected:
  StoreAllocations()
      : path_(testing::TempDir() + "/store_allocations." + std::to_string(getpid())) {
    EXPECT_TRUE(env::CreateDiskFile(path_, kDiskBytes, /*sparse=*/true).ok());
    auto device = env::PosixDevice::Open(reactor_, path_);
    EXPECT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
    bool formatted = false;
    chunkstore::Format(*device_, reactor_, reactor_.pool(),
                       {.disk = DiskId(1), .store = StoreId(1)}, [&](absl::Status s) {
                         EXPECT_TRUE(s.ok()) << s;
                         formatted = true;
                       });
    RunUntil([&] { return formatted; });
    ChunkStore::Open({*device_, reactor_, reactor_.pool(), log_}, {},
                     [&](absl::StatusOr<std::unique_ptr<ChunkStore>> s) {
                       EXPECT_TRUE(s.ok()) << s.status();
                       if (s.ok()) store_ = *std::move(s);
                     });
    RunUntil([&] { return store_ != nullptr; });
    store_->SetEvents(this);
  }
  ~StoreAllocations() override {
    bool closed = false;
    store_->Close([&](absl::Status) { closed = true; });
    RunUntil([&] { return closed; });
    device_ = nullptr;
    store_ = nullptr;
    unlink(path_.c_str());
  }
  template <class Done>
  void RunUntil(const Done& done) {
    // std::function keeps a reference in place: nothing is allocated here either.
    ASSERT_TRUE(reactor_.RunUntil(std::cref(done), Duration::Seconds(60)));
  }
  void OnDurable(uint64_t position) override { durable_ = position; }
  void OnFailed(const absl::Status& status) override { ADD_FAILURE() << status; }
  void OnRoom() override {}

  void Write(uint32_t block, uint32_t count) {
    Entry e;
    e.place = {LineageId(1), ChunkIndex(0), LayerId(1), {block, count}};
    e.version = Version(Epoch(1), ++sequence_);
    e.checksums = Checksums(count, reactor_.pool());
    for (uint32_t& crc : e.checksums.span()) crc = kZeroBlockCrc;
    e.payload = reactor_.pool().AllocateZeroed(size_t{count} * kBlockBytes);
    e.session = {VolumeId(1), ClientId(1), Generation(1)};
    e.number = sequence_;
    e.answered_below = sequence_ > 64 ? sequence_ - 64 : 1;
    ASSERT_TRUE(store_->Reserve(e.payload.size()));
    last_ = store_->AppendEntry(kChain, std::move(e));
  }
  void Commit() {
    RunUntil([this] { return durable_ >= last_; });
    store_->SetCommitted(kChain, Version(Epoch(1), sequence_));
  }
  // `group` writes of `count` blocks, until durable and committed.
  void WriteGroups(uint32_t groups, uint32_t group, uint32_t count) {
    for (uint32_t g = 0; g < groups; ++g) {
      for (uint32_t i = 0; i < group; ++i) {
        Write(next_ * 7919 % (kVolumeBlocks / count) * count, count);
        ++next_;
      }
      Commit();
    }
  }
  void ReadGroups(uint32_t groups, std::vector<OneRead>& reads) {
    for (uint32_t g = 0; g < groups; ++g) {
      for (OneRead& r : reads) {
        r.chunk = {LineageId(1), ChunkIndex(0)};
        r.blocks = {next_++ * 6007 % kVolumeBlocks, 1};
        r.results = {&r.result, 1};
        r.target = r.memory.data();
        r.done = false;
        store_->Read(&r);
      }
      for (const OneRead& r : reads) RunUntil([&] { return r.done; });
      for (const OneRead& r : reads) ASSERT_TRUE(r.ok);
    }
  }

  const std::string path_;
  env::PosixReactor reactor_;
  SilentLog log_;
  std::unique_ptr<env::PosixDevice> device_;
  std::unique_ptr<ChunkStore> store_;
  uint64_t durable_ = 0;
  uint64_t last_ = 0;
  uint32_t sequence_ = 0;
  uint32_t next_ = 0;
};

TEST_F(StoreAllocations, NoneInWritesAndReads) {
  std::vector<OneRead> reads(32);
  for (OneRead& r : reads) r.memory = reactor_.pool().Allocate(kBlockBytes);
  // The index has its pages, and the log as many batches as can wait: a witness that falls due
  // between two groups of small writes, on a slow device, takes one more than those do.
  WriteGroups(kVolumeBlocks / 256 / 4, 8, 256);
  WriteGroups(200, 32, 1);
  ReadGroups(20, reads);
  const uint64_t blocks = reactor_.pool().blocks_allocated();
  uint64_t before = env::AllocationsOfThisThread();
  WriteGroups(100, 32, 1);
  EXPECT_EQ(env::AllocationsOfThisThread() - before, 0u) << "writes of 4 KiB";
  WriteGroups(40, 8, 16);
  before = env::AllocationsOfThisThread();
  WriteGroups(40, 8, 16);
  EXPECT_EQ(env::AllocationsOfThisThread() - before, 0u) << "writes of 64 KiB";
  WriteGroups(8, 8, 256);
  before = env::AllocationsOfThisThread();
  WriteGroups(8, 8, 256);
  EXPECT_EQ(env::AllocationsOfThisThread() - before, 0u) << "writes of 1 MiB";
  before = env::AllocationsOfThisThread();
  ReadGroups(100, reads);
  EXPECT_EQ(env::AllocationsOfThisThread() - before, 0u) << "reads of 4 KiB";
  EXPECT_LE(reactor_.pool().blocks_allocated(), blocks + 64) << "buffers are not used again";
}

}  // namespace
}  // namespace storpool::embed
