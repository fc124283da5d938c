#include "lib/env/memory/memory_device.h"

#include <cstring>
#include <set>

#include "gtest/gtest.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::env {
namespace {

// One request over one slice that remembers how it ended.
class TestIo : public DeviceIo {
 public:
  TestIo(Op what, uint64_t offset, std::vector<uint8_t> content, bool is_durable = false)
      : bytes(std::move(content)), slice{bytes.data(), bytes.size()} {
    op = what;
    offset_bytes = offset;
    durable = is_durable;
    slices = {&slice, bytes.empty() ? 0u : 1u};
  }
  void OnDone(const absl::Status& s) override {
    status = s;
    ++done;
  }
  std::vector<uint8_t> bytes;
  IoSlice slice;
  absl::Status status;
  int done = 0;
};

std::vector<uint8_t> Pages(int count, uint8_t value) {
  return std::vector<uint8_t>(static_cast<size_t>(count) * 4096, value);
}

class MemoryDeviceTest : public testing::Test {
 protected:
  uint8_t ByteAt(uint64_t offset) const {
    uint8_t byte = 0;
    disk.Read(offset, {&byte, 1});
    return byte;
  }
  void Run(TestIo& io) {
    device.Queue(&io);
    reactor.RunUntilIdle();
    ASSERT_EQ(io.done, 1);
  }
  ManualReactor reactor;
  MemoryDisk disk{1 << 20};
  MemoryDevice device{reactor, &disk};
};

TEST_F(MemoryDeviceTest, CompletesInALaterTurn) {
  TestIo write(DeviceIo::Op::kWrite, 4096, Pages(1, 7));
  device.Queue(&write);
  EXPECT_EQ(write.done, 0);
  reactor.RunTurn();
  EXPECT_EQ(write.done, 0);
  reactor.RunTurn();
  EXPECT_EQ(write.done, 1);
  TestIo read(DeviceIo::Op::kRead, 4096, Pages(1, 0));
  Run(read);
  EXPECT_EQ(read.bytes, Pages(1, 7));
}

TEST_F(MemoryDeviceTest, PowerCutKeepsAnySubsetOfUnflushedSectorsAndAllOfTheFlushed) {
  TestIo first(DeviceIo::Op::kWrite, 0, Pages(1, 1), true);
  TestIo second(DeviceIo::Op::kWrite, 0, Pages(1, 2));
  TestIo third(DeviceIo::Op::kWrite, 0, Pages(1, 3));
  Run(first);
  EXPECT_EQ(disk.unflushed_sectors(), 0u);
  Run(second);
  device.Queue(&third);
  reactor.RunTurn();  // begun, not ended
  EXPECT_EQ(disk.unflushed_sectors(), 8u);
  std::set<std::vector<uint8_t>> outcomes;
  std::set<uint8_t> values;
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    MemoryDisk copy = disk;
    copy.PowerCut(random);
    std::vector<uint8_t> image(4096);
    copy.Read(0, image);
    for (size_t s = 0; s < 8; ++s) {
      values.insert(image[s * 512]);
      EXPECT_EQ(image[s * 512], image[s * 512 + 511]) << "a sector is torn";
    }
    outcomes.insert(image);
  }
  EXPECT_EQ(values, (std::set<uint8_t>{1, 2, 3}));
  EXPECT_GT(outcomes.size(), 150u);
}

TEST_F(MemoryDeviceTest, FlushCoversOnlyWhatWasDoneBeforeItBegan) {
  disk.set_latency([](const DeviceIo& io) {
    return Duration::Micros(io.op == DeviceIo::Op::kFlush ? 100 : 10);
  });
  TestIo before(DeviceIo::Op::kWrite, 0, Pages(1, 1));
  TestIo during(DeviceIo::Op::kWrite, 4096, Pages(1, 2));
  TestIo flush(DeviceIo::Op::kFlush, 0, {});
  device.Queue(&before);
  reactor.AdvanceBy(Duration::Micros(20));
  device.Queue(&flush);
  device.Queue(&during);
  reactor.AdvanceBy(Duration::Micros(200));
  ASSERT_EQ(flush.done + during.done, 2);
  EXPECT_EQ(disk.unflushed_sectors(), 8u);
  Random random(2);
  disk.PowerCut(random);
  EXPECT_EQ(ByteAt(0), 1);
}

TEST_F(MemoryDeviceTest, CutAtAnOperationStopsEverything) {
  disk.CutPowerAt(2);
  TestIo one(DeviceIo::Op::kWrite, 0, Pages(1, 1), true);
  TestIo two(DeviceIo::Op::kWrite, 4096, Pages(1, 2), true);
  Run(one);
  device.Queue(&two);
  reactor.RunUntilIdle();
  EXPECT_TRUE(disk.power_lost());
  EXPECT_EQ(two.done, 0);
  Random random(3);
  disk.PowerCut(random);
  EXPECT_EQ(ByteAt(0), 1);
}

TEST_F(MemoryDeviceTest, FailsTheNamedOperationAndChangesNothing) {
  disk.FailOperations(2, 1, absl::DataLossError("disk memory: write at 4096: broken"));
  TestIo one(DeviceIo::Op::kWrite, 0, Pages(1, 1));
  TestIo two(DeviceIo::Op::kWrite, 4096, Pages(1, 2));
  Run(one);
  Run(two);
  EXPECT_TRUE(one.status.ok());
  EXPECT_EQ(two.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ByteAt(4096), 0);
}

TEST_F(MemoryDeviceTest, WhatADeadProcessHadUnderWayLandsLater) {
  TestIo late(DeviceIo::Op::kWrite, 0, Pages(1, 9));
  {
    MemoryDevice dying(reactor, &disk);
    dying.Queue(&late);
    reactor.RunTurn();
  }
  reactor.RunUntilIdle();
  EXPECT_EQ(late.done, 0);
  EXPECT_EQ(ByteAt(0), 0);
  disk.LandAbandoned();
  EXPECT_EQ(ByteAt(0), 9);
}

TEST_F(MemoryDeviceTest, FlipBitCorruptsOneBit) {
  TestIo write(DeviceIo::Op::kWrite, 0, Pages(1, 0));
  Run(write);
  disk.FlipBit(100, 3);
  EXPECT_EQ(ByteAt(100), 8);
  EXPECT_EQ(ByteAt(101), 0);
}

}  // namespace
}  // namespace storpool::env
