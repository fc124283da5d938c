#include "lib/block/checked_device.h"

#include <gtest/gtest.h>

#include "lib/block/memory_block_device.h"
#include "lib/block/test_io.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::block {
namespace {

// Does what the test says with the requests that reach it.
class ObedientDevice final : public BlockDevice {
 public:
  BlockDeviceInfo info() const override { return {.size_bytes = 8192}; }
  void Start(BlockIo* io) override {
    last = io;
    if (within_call) io->OnDone(absl::OkStatus());
  }
  BufferPool& pool() override { return pool_; }

  BlockIo* last = nullptr;
  bool within_call = false;

 private:
  BufferPool pool_;
};

TEST(CheckedDevice, PassesWhatKeepsTheContract) {
  env::ManualReactor reactor;
  MemoryBlockDevice memory(reactor, {.size_bytes = 8192});
  CheckedDevice device(memory);
  TestIo write, read, status, flush;
  device.Start(PrepareWrite(&write, device.pool(), 512, 1024, 3));
  device.Start(Prepare(&read, BlockOp::kRead, 512, 1024));
  device.Start(Prepare(&status, BlockOp::kBlockStatus, 0, 8192));
  device.Start(Prepare(&flush, BlockOp::kFlush, 0, 0));
  reactor.RunUntilIdle();
  EXPECT_EQ(write.done + read.done + status.done + flush.done, 4);
  EXPECT_EQ(read.bytes, std::vector<uint8_t>(1024, 3));
  EXPECT_EQ(status.extents_count, 2u);
}

TEST(CheckedDeviceDeathTest, StopsACallerThatBreaksTheContract) {
  ObedientDevice inner;
  CheckedDevice device(inner);
  TestIo io;
  EXPECT_DEATH(device.Start(Prepare(&io, BlockOp::kRead, 0, 0)), "size_bytes > 0");
  EXPECT_DEATH(device.Start(Prepare(&io, BlockOp::kRead, 100, 512)), "kSectorBytes");
  EXPECT_DEATH(device.Start(Prepare(&io, BlockOp::kTrim, 7680, 1024)), "info.size_bytes");
  EXPECT_DEATH(device.Start(Prepare(&io, BlockOp::kTrim, 0, UINT64_MAX - 511)), "info.size_bytes");
  Prepare(&io, BlockOp::kRead, 0, 1024);
  io.target = io.target.first(512);
  EXPECT_DEATH(device.Start(&io), "target.size");
}

TEST(CheckedDeviceDeathTest, StopsADeviceThatBreaksTheContract) {
  ObedientDevice inner;
  CheckedDevice device(inner);
  TestIo io;
  device.Start(Prepare(&io, BlockOp::kRead, 0, 512));
  inner.last->OnDone(absl::OkStatus());
  EXPECT_DEATH(inner.last->OnDone(absl::OkStatus()), "caller_ != nullptr");
  device.Start(Prepare(&io, BlockOp::kBlockStatus, 0, 8192));
  EXPECT_DEATH(inner.last->OnDone(absl::OkStatus()), "extents_count");
  inner.within_call = true;
  EXPECT_DEATH(device.Start(Prepare(&io, BlockOp::kRead, 0, 512)), "in_start_");
}

TEST(CheckedDeviceDeathTest, StopsACallerThatTouchesWhatIsUnderWay) {
  ObedientDevice inner;
  CheckedDevice device(inner);
  TestIo io;
  device.Start(PrepareWrite(&io, device.pool(), 0, 4096, 1));
  io.payload.data()[4000] = 2;
  EXPECT_DEATH(inner.last->OnDone(absl::OkStatus()), "checksum_");
  io.payload.data()[4000] = 1;
  inner.last->OnDone(absl::OkStatus());
  EXPECT_EQ(io.done, 1);
}

}  // namespace
}  // namespace storpool::block
