#include <gtest/gtest.h>

#include "lib/block/delay_device.h"
#include "lib/block/fault_device.h"
#include "lib/block/memory_block_device.h"
#include "lib/block/test_io.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::block {
namespace {

class MisbehavingDevicesTest : public testing::Test {
 protected:
  env::ManualReactor reactor_;
  MemoryBlockDevice memory_{reactor_, {.size_bytes = 1 << 20}};
};

TEST_F(MisbehavingDevicesTest, DelaysWithinTheBoundsAndLetsRequestsOvertake) {
  DelayDevice device(reactor_, memory_, Duration::Millis(5), Duration::Millis(50), 1);
  std::vector<TestIo> ios(64);
  for (TestIo& io : ios) device.Start(Prepare(&io, BlockOp::kRead, 0, 512));
  reactor_.AdvanceBy(Duration::Millis(4));
  for (const TestIo& io : ios) EXPECT_EQ(io.done, 0);
  reactor_.AdvanceBy(Duration::Millis(20));
  bool overtaken = false;
  for (size_t i = 1; i < ios.size(); ++i) overtaken |= ios[i].done > ios[i - 1].done;
  EXPECT_TRUE(overtaken);
  reactor_.AdvanceBy(Duration::Millis(26));
  for (const TestIo& io : ios) EXPECT_EQ(io.done, 1);
}

TEST_F(MisbehavingDevicesTest, HoldsUntilReleased) {
  DelayDevice device(reactor_, memory_, Duration(), Duration(), 1);
  TestIo io;
  device.Hold();
  device.Start(Prepare(&io, BlockOp::kRead, 0, 512));
  reactor_.AdvanceBy(Duration::Seconds(60));
  EXPECT_EQ(io.done, 0);
  device.Release();
  reactor_.RunUntilIdle();
  EXPECT_EQ(io.done, 1);
}

TEST_F(MisbehavingDevicesTest, FailsWhatTheRuleNamesAndNothingElse) {
  FaultDevice device(reactor_, memory_, [](const BlockIo& io) {
    return io.op == BlockOp::kWrite ? absl::DataLossError("told so") : absl::OkStatus();
  });
  TestIo write, read;
  device.Start(PrepareWrite(&write, device.pool(), 0, 512, 1));
  device.Start(Prepare(&read, BlockOp::kRead, 0, 512));
  EXPECT_EQ(write.done, 0) << "never from within the call";
  reactor_.RunUntilIdle();
  EXPECT_EQ(write.status, absl::DataLossError("told so"));
  EXPECT_TRUE(read.status.ok());
  EXPECT_EQ(read.bytes, std::vector<uint8_t>(512, 0));
  EXPECT_EQ(device.failed(), 1u);
}

}  // namespace
}  // namespace storpool::block
