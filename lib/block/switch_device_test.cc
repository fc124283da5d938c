#include "lib/block/switch_device.h"

#include <gtest/gtest.h>

#include "lib/block/memory_block_device.h"
#include "lib/block/test_io.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::block {
namespace {

class SwitchDeviceTest : public testing::Test {
 protected:
  env::ManualReactor reactor_;
  MemoryBlockDevice first_{reactor_, {.size_bytes = 1 << 20}};
  MemoryBlockDevice second_{reactor_, {.size_bytes = 2 << 20}};
  BufferPool pool_;
  SwitchDevice device_{reactor_, pool_};
};

TEST_F(SwitchDeviceTest, RequestsWaitForWhatComesBehind) {
  TestIo io;
  device_.Start(Prepare(&io, BlockOp::kRead, 0, 4096));
  reactor_.RunUntilIdle();
  EXPECT_EQ(io.done, 0);
  device_.SetBacking(&first_);
  reactor_.RunUntilIdle();
  EXPECT_EQ(io.done, 1);
  EXPECT_TRUE(io.status.ok());
}

TEST_F(SwitchDeviceTest, KeepsItsSizeBetweenTwoSessions) {
  device_.SetBacking(&first_);
  device_.TakeBacking();
  EXPECT_EQ(device_.info().size_bytes, uint64_t{1} << 20);
  device_.SetBacking(&second_);
  EXPECT_EQ(device_.info().size_bytes, uint64_t{2} << 20);
}

TEST_F(SwitchDeviceTest, EndsWhatWaitsAndWhatComes) {
  TestIo waits, comes;
  device_.Start(Prepare(&waits, BlockOp::kRead, 0, 4096));
  device_.End(absl::CancelledError("detached"));
  device_.Start(Prepare(&comes, BlockOp::kFlush, 0, 0));
  EXPECT_EQ(waits.done + comes.done, 0);  // never from within the call
  reactor_.RunUntilIdle();
  EXPECT_EQ(waits.status, absl::CancelledError("detached"));
  EXPECT_EQ(comes.status, absl::CancelledError("detached"));
}

}  // namespace
}  // namespace storpool::block
