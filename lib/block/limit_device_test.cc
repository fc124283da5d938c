#include "lib/block/limit_device.h"

#include <gtest/gtest.h>

#include <memory>

#include "lib/block/memory_block_device.h"
#include "lib/block/test_io.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::block {
namespace {

constexpr uint64_t kSize = 64 << 20;

// Keeps a number of reads of one size under way, each started when one is done.
class Load {
 public:
  Load(BlockDevice& device, int depth, uint64_t size_bytes) : device_(device) {
    for (int i = 0; i < depth; ++i) {
      readers_.push_back(std::make_unique<Reader>(*this, size_bytes));
      device_.Start(readers_.back().get());
    }
  }
  uint64_t done() const { return done_; }
  void Stop() { stopped_ = true; }

 private:
  class Reader final : public BlockIo {
   public:
    Reader(Load& load, uint64_t size) : load_(load), bytes_(size) {
      size_bytes = size;
      target = bytes_;
    }
    void OnDone(const absl::Status& status) override {
      EXPECT_TRUE(status.ok());
      ++load_.done_;
      if (!load_.stopped_) load_.device_.Start(this);
    }

   private:
    Load& load_;
    std::vector<uint8_t> bytes_;
  };

  BlockDevice& device_;
  uint64_t done_ = 0;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Reader>> readers_;
};

class LimitDeviceTest : public testing::Test {
 protected:
  // Operations done in `time` under a load of `depth` reads of `size_bytes`.
  uint64_t Run(LimitDevice& device, int depth, uint64_t size_bytes, Duration time) {
    Load load(device, depth, size_bytes);
    reactor_.AdvanceBy(time);
    const uint64_t done = load.done();
    load.Stop();
    reactor_.AdvanceBy(Duration::Seconds(100));  // Let the rest pass.
    return done;
  }

  env::ManualReactor reactor_;
  MemoryBlockDevice memory_{reactor_, {.size_bytes = kSize}};
};

TEST_F(LimitDeviceTest, HoldsOperationsWithinFivePercentOverTenSeconds) {
  for (const uint64_t limit : {50, 333, 1000, 7001}) {
    LimitDevice device(reactor_, memory_, {.operations_per_second = limit});
    const auto done = static_cast<double>(Run(device, 32, 512, Duration::Seconds(10)));
    EXPECT_GE(done, 9.5 * static_cast<double>(limit)) << limit;
    EXPECT_LE(done, 10.5 * static_cast<double>(limit)) << limit;
  }
}

TEST_F(LimitDeviceTest, HoldsBytesWithinFivePercentOverTenSeconds) {
  for (const uint64_t size_bytes : {4096, 65536, 1 << 20}) {
    LimitDevice device(reactor_, memory_, {.bytes_per_second = 20 << 20});
    const uint64_t done = Run(device, 8, size_bytes, Duration::Seconds(10)) * size_bytes;
    EXPECT_GE(done, uint64_t{190} << 20) << size_bytes;
    EXPECT_LE(done, uint64_t{210} << 20) << size_bytes;
  }
}

TEST_F(LimitDeviceTest, BelowTheLimitARequestPassesInTheCallersTurn) {
  LimitDevice device(reactor_, memory_, {.operations_per_second = 100});
  for (int i = 0; i < 500; ++i) {
    TestIo io;
    device.Start(Prepare(&io, BlockOp::kRead, 0, 512));
    const Instant before = reactor_.Now();
    reactor_.RunUntilIdle();
    EXPECT_EQ(io.done, 1);
    EXPECT_EQ(reactor_.Now(), before);
    reactor_.AdvanceBy(Duration::Micros(10001));
  }
}

TEST_F(LimitDeviceTest, ABurstPassesAtOnceAndTheRestInOrder) {
  LimitDevice device(reactor_, memory_, {.operations_per_second = 100});
  std::vector<TestIo> ios(15);
  for (TestIo& io : ios) device.Start(Prepare(&io, BlockOp::kTrim, 0, 512));
  reactor_.RunUntilIdle();
  for (int i = 0; i < 15; ++i) EXPECT_EQ(ios[i].done, i < 11) << i;  // 100 ms of 100/s, and one.
  reactor_.AdvanceBy(Duration::Millis(10));
  for (int i = 0; i < 15; ++i) EXPECT_EQ(ios[i].done, i < 12) << i;
  reactor_.AdvanceBy(Duration::Millis(30));
  EXPECT_EQ(ios[14].done, 1);
}

TEST_F(LimitDeviceTest, FlushAndBlockStatusNeverWait) {
  LimitDevice device(reactor_, memory_, {.operations_per_second = 1});
  TestIo first, second, flush, status;
  device.Start(Prepare(&first, BlockOp::kRead, 0, 512));
  device.Start(Prepare(&second, BlockOp::kRead, 0, 512));
  device.Start(Prepare(&flush, BlockOp::kFlush, 0, 0));
  device.Start(Prepare(&status, BlockOp::kBlockStatus, 0, 512));
  reactor_.RunUntilIdle();
  EXPECT_EQ(second.done, 0);
  EXPECT_EQ(flush.done + status.done, 2);
  reactor_.AdvanceBy(Duration::Seconds(2));
  EXPECT_EQ(second.done, 1);
}

TEST_F(LimitDeviceTest, AChangeTakesEffectAtOnceAlsoForWhatWaits) {
  LimitDevice device(reactor_, memory_, {.bytes_per_second = 1 << 20});
  TestIo big, small, other;
  device.Start(Prepare(&big, BlockOp::kRead, 0, 60 << 20));  // A minute's worth.
  device.Start(Prepare(&small, BlockOp::kRead, 0, 512));
  reactor_.AdvanceBy(Duration::Seconds(10));
  EXPECT_EQ(big.done, 1);
  EXPECT_EQ(small.done, 0);
  device.SetLimits({.bytes_per_second = 50 << 20});  // 50 MiB are owed: one more second.
  reactor_.AdvanceBy(Duration::Millis(800));
  EXPECT_EQ(small.done, 0);
  reactor_.AdvanceBy(Duration::Millis(200));
  EXPECT_EQ(small.done, 1);

  device.SetLimits({.bytes_per_second = 1 << 10});
  device.Start(Prepare(&big, BlockOp::kRead, 0, 1 << 20));
  device.Start(Prepare(&other, BlockOp::kRead, 0, 512));
  device.SetLimits({});  // None: nothing waits any more.
  reactor_.RunUntilIdle();
  EXPECT_EQ(other.done, 1);
}

}  // namespace
}  // namespace storpool::block
