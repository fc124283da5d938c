// The contract of lib/env/device.h.
#include <cstring>

#include "lib/base/buffer.h"
#include "lib/base/random.h"
#include "lib/env/conformance/world.h"

namespace storpool::env {
namespace {

class TestIo : public DeviceIo {
 public:
  TestIo(Op what, uint64_t offset, std::vector<Buffer> memory, bool is_durable = false)
      : buffers(std::move(memory)) {
    for (const Buffer& b : buffers) parts.push_back({b.data(), b.size()});
    op = what;
    offset_bytes = offset;
    durable = is_durable;
    slices = parts;
  }
  void OnDone(const absl::Status& s) override {
    status = s;
    ++done;
    if (then) then();
  }
  std::vector<Buffer> buffers;
  std::vector<IoSlice> parts;
  absl::Status status;
  int done = 0;
  std::function<void()> then;
};

class DeviceTest : public WorldTest {
 protected:
  Buffer Filled(size_t size, uint8_t value) {
    Buffer buffer = pool.Allocate(size);
    std::memset(buffer.data(), value, size);
    return buffer;
  }
  void Run(TestIo& io) {
    device->Queue(&io);
    ASSERT_TRUE(world->RunUntil([&] { return io.done > 0; }));
    ASSERT_TRUE(io.status.ok()) << io.status;
  }
  std::vector<uint8_t> ReadAll() {
    TestIo read(DeviceIo::Op::kRead, 0, {pool.Allocate(World::kDiskBytes)});
    Run(read);
    const Buffer& b = read.buffers[0];
    return {b.data(), b.data() + b.size()};
  }
  BufferPool pool;
  std::unique_ptr<Device> device = world->OpenDevice();
};

TEST_P(DeviceTest, KnowsItsSize) {
  EXPECT_EQ(device->info().size_bytes, World::kDiskBytes);
  EXPECT_TRUE(device->info().sector_bytes == 512 || device->info().sector_bytes == 4096);
}

TEST_P(DeviceTest, ReadsBackWhatWasWrittenInOneAndInManySlices) {
  TestIo one(DeviceIo::Op::kWrite, 4096, {Filled(8192, 1)});
  Run(one);
  TestIo many(DeviceIo::Op::kWrite, 8192, {Filled(4096, 2), Filled(4096, 3), Filled(8192, 4)});
  Run(many);
  TestIo read(DeviceIo::Op::kRead, 0, {pool.Allocate(8192), pool.Allocate(16384)});
  Run(read);
  EXPECT_EQ(read.buffers[0].data()[0], 0);
  EXPECT_EQ(read.buffers[0].data()[4096], 1);
  const uint8_t* second = read.buffers[1].data();
  EXPECT_EQ(second[0], 2);
  EXPECT_EQ(second[4096], 3);
  EXPECT_EQ(second[8192], 4);
  EXPECT_EQ(second[16383], 4);
}

TEST_P(DeviceTest, CallsBackLaterAndOnce) {
  TestIo write(DeviceIo::Op::kWrite, 0, {Filled(4096, 1)}, true);
  device->Queue(&write);
  EXPECT_EQ(write.done, 0);
  EXPECT_TRUE(world->RunUntil([&] { return write.done > 0; }));
  world->RunFor(Duration::Millis(5));
  EXPECT_EQ(write.done, 1);
}

TEST_P(DeviceTest, CountsEveryFlushOfADurableWrite) {
  TestIo durable(DeviceIo::Op::kWrite, 0, {Filled(4096, 1)}, true);
  TestIo loose(DeviceIo::Op::kWrite, 4096, {Filled(4096, 2)});
  TestIo flush(DeviceIo::Op::kFlush, 0, {});
  Run(durable);
  Run(loose);
  EXPECT_EQ(device->counters().flushes, 1u);
  Run(flush);
  EXPECT_EQ(device->counters().flushes, 2u);
  EXPECT_EQ(device->counters().writes, 2u);
  EXPECT_EQ(device->counters().bytes_written, 8192u);
}

// What a discarded sector reads as is up to the drive; its neighbours keep what they have.
TEST_P(DeviceTest, DiscardTouchesItsRangeOnlyAndItCanBeWrittenAgain) {
  TestIo write(DeviceIo::Op::kWrite, 0, {Filled(64 << 10, 7)});
  Run(write);
  TestIo discard(DeviceIo::Op::kDiscard, 16 << 10, {});
  discard.discard_bytes = 32 << 10;
  if (!device->info().can_discard) GTEST_SKIP() << "this device does not discard";
  Run(discard);
  EXPECT_EQ(device->counters().discards, 1u);
  const std::vector<uint8_t> now = ReadAll();
  for (size_t i = 0; i < 64 << 10; ++i) {
    const bool outside = i < 16 << 10 || i >= 48 << 10;
    ASSERT_TRUE(now[i] == 7 || (!outside && now[i] == 0)) << i;
  }
  TestIo again(DeviceIo::Op::kWrite, 16 << 10, {Filled(32 << 10, 9)}, true);
  Run(again);
  EXPECT_EQ(ReadAll()[47 << 10], 9);
}

TEST_P(DeviceTest, RequestsQueuedInACallbackRunToo) {
  TestIo second(DeviceIo::Op::kWrite, 4096, {Filled(4096, 2)});
  TestIo first(DeviceIo::Op::kWrite, 0, {Filled(4096, 1)}, true);
  first.then = [&] { device->Queue(&second); };
  device->Queue(&first);
  EXPECT_TRUE(world->RunUntil([&] { return second.done > 0; }));
}

TEST_P(DeviceTest, ManyRandomRequestsMatchAModel) {
  Random random(7);
  std::vector<uint8_t> model(World::kDiskBytes);
  for (int round = 0; round < 8; ++round) {
    std::vector<std::unique_ptr<TestIo>> ios;
    // Each write has a place of its own in this round; more than any queue takes at once.
    for (uint64_t place = 0; place < 400; ++place) {
      const uint64_t offset = place * 8192 + 4096 * random.Below(2);
      const auto value = static_cast<uint8_t>(random.Next());
      std::memset(model.data() + offset, value, 4096);
      ios.push_back(std::make_unique<TestIo>(DeviceIo::Op::kWrite, offset,
                                             std::vector<Buffer>{Filled(4096, value)},
                                             random.OneIn(1, 8)));
      device->Queue(ios.back().get());
    }
    ASSERT_TRUE(world->RunUntil([&] {
      for (const auto& io : ios) {
        if (io->done == 0) return false;
      }
      return true;
    }));
    for (const auto& io : ios) ASSERT_TRUE(io->status.ok()) << io->status;
  }
  EXPECT_TRUE(ReadAll() == model);
  device = nullptr;
  device = world->OpenDevice();
  EXPECT_TRUE(ReadAll() == model);
}

INSTANTIATE_TEST_SUITE_P(Worlds, DeviceTest, testing::ValuesIn(AllWorlds()), WorldName);

}  // namespace
}  // namespace storpool::env
