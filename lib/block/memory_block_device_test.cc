#include "lib/block/memory_block_device.h"

#include <gtest/gtest.h>

#include "lib/block/test_io.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::block {
namespace {

class MemoryBlockDeviceTest : public testing::Test {
 protected:
  void Write(uint64_t offset_bytes, uint64_t size_bytes, uint8_t fill) {
    TestIo io;
    Run(PrepareWrite(&io, device_.pool(), offset_bytes, size_bytes, fill));
    EXPECT_TRUE(io.status.ok()) << io.status;
  }
  void Apply(BlockOp op, uint64_t offset_bytes, uint64_t size_bytes) {
    TestIo io;
    Run(Prepare(&io, op, offset_bytes, size_bytes));
    EXPECT_TRUE(io.status.ok()) << io.status;
  }
  // Runs of equal bytes: "2 x 7, 3 x 0", in sectors.
  std::string Sectors(uint64_t offset_bytes, uint64_t size_bytes) {
    TestIo io;
    Run(Prepare(&io, BlockOp::kRead, offset_bytes, size_bytes));
    EXPECT_TRUE(io.status.ok()) << io.status;
    std::string text;
    for (size_t at = 0; at < io.bytes.size();) {
      size_t end = at;
      while (end < io.bytes.size() && io.bytes[end] == io.bytes[at]) ++end;
      if (!text.empty()) text += ", ";
      text += std::to_string((end - at) / kSectorBytes) + " x " + std::to_string(io.bytes[at]);
      at = end;
    }
    return text;
  }
  void Run(TestIo* io) {
    device_.Start(io);
    EXPECT_EQ(io->done, 0) << "never from within the call";
    reactor_.RunUntilIdle();
    EXPECT_EQ(io->done, 1);
  }

  env::ManualReactor reactor_;
  MemoryBlockDevice device_{reactor_, {.size_bytes = 1 << 20}};
};

TEST_F(MemoryBlockDeviceTest, ReadsZeroesWhereNothingWasWritten) {
  EXPECT_EQ(Sectors(0, 16384), "32 x 0");
  EXPECT_EQ(device_.stored_bytes(), 0u);
}

TEST_F(MemoryBlockDeviceTest, ReadsWhatWasWrittenAcrossBlocks) {
  Write(3584, 1024, 7);
  EXPECT_EQ(Sectors(3072, 2048), "1 x 0, 2 x 7, 1 x 0");
}

TEST_F(MemoryBlockDeviceTest, TrimFreesWholeBlocksAndZeroesEdges) {
  Write(0, 16384, 9);
  Apply(BlockOp::kTrim, 3584, 8192 + 512);
  EXPECT_EQ(Sectors(0, 16384), "7 x 9, 17 x 0, 8 x 9");
  EXPECT_EQ(device_.stored_bytes(), 8192u);
  Apply(BlockOp::kWriteZeroes, 0, 16384);
  EXPECT_EQ(device_.stored_bytes(), 0u);
}

TEST_F(MemoryBlockDeviceTest, BlockStatusMergesNeighboursAndStopsAtItsRoom) {
  Write(8192, 8192, 1);
  TestIo io;
  Run(Prepare(&io, BlockOp::kBlockStatus, 512, 20480));
  ASSERT_EQ(io.extents_count, 3u);
  EXPECT_EQ(io.extents[0].size_bytes, 7680u);
  EXPECT_TRUE(io.extents[0].hole);
  EXPECT_EQ(io.extents[1].size_bytes, 8192u);
  EXPECT_FALSE(io.extents[1].hole);
  EXPECT_EQ(io.extents[2].size_bytes, 4608u);
  EXPECT_TRUE(io.extents[2].hole);

  TestIo one;
  Prepare(&one, BlockOp::kBlockStatus, 512, 20480)->extents_max = 1;
  Run(&one);
  ASSERT_EQ(one.extents_count, 1u);
  EXPECT_EQ(one.extents[0].size_bytes, 7680u);
}

TEST_F(MemoryBlockDeviceTest, WhatWasCutOffNeverComesBack) {
  Write(0, 16384, 5);
  device_.Resize(6144);
  TestIo beyond;
  Run(Prepare(&beyond, BlockOp::kRead, 4096, 4096));
  EXPECT_EQ(beyond.status.code(), absl::StatusCode::kOutOfRange);
  device_.Resize(16384);
  EXPECT_EQ(Sectors(0, 16384), "12 x 5, 20 x 0");
}

TEST(MemoryBlockDevice, RefusesChangesWhenReadOnly) {
  env::ManualReactor reactor;
  MemoryBlockDevice device(reactor, {.size_bytes = 8192, .read_only = true});
  TestIo write, trim, read;
  device.Start(PrepareWrite(&write, device.pool(), 0, 512, 1));
  device.Start(Prepare(&trim, BlockOp::kTrim, 0, 512));
  device.Start(Prepare(&read, BlockOp::kRead, 0, 512));
  reactor.RunUntilIdle();
  EXPECT_EQ(write.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(trim.status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(read.status.ok());
}

}  // namespace
}  // namespace storpool::block
