// Raw block devices, on loop devices: what is asked of the system at open, exclusive use, discard.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "gtest/gtest.h"
#include "lib/base/buffer.h"
#include "lib/env/posix/loop_device.h"
#include "lib/env/posix/posix_device.h"

namespace storpool::env {
namespace {

constexpr uint64_t kSize = uint64_t{16} << 20;

class Io : public DeviceIo {
 public:
  void OnDone(const absl::Status& s) override {
    status = s;
    done = true;
  }
  absl::Status status;
  bool done = false;
};

class BlockDeviceTest : public testing::Test {
 protected:
  void SetUp() override { Make(512); }
  void Make(uint32_t sector_bytes) {
    loop = nullptr;
    auto made = LoopDevice::Make(
        testing::TempDir() + "/block_device_test." + std::to_string(getpid()), kSize, sector_bytes);
    if (!made.ok()) {
      std::cerr << "*** NOT TESTED: raw block devices: " << made.status() << "\n";
      GTEST_SKIP() << made.status();
    }
    loop = *std::move(made);
  }
  OpenedDisk Inspect() {
    const auto disk = OpenDisk(loop->path(), {});
    EXPECT_TRUE(disk.ok()) << disk.status();
    if (!disk.ok()) return {};
    close(disk->fd);
    return *disk;
  }
  void Run(Device& device, Io& io) {
    device.Queue(&io);
    ASSERT_TRUE(reactor.RunUntil([&] { return io.done; }, Duration::Seconds(10)));
    ASSERT_TRUE(io.status.ok()) << io.status;
  }
  void Transfer(Device& device, DeviceIo::Op op, uint64_t offset, const Buffer& memory) {
    const IoSlice slice{memory.data(), memory.size()};
    Io io;
    io.op = op;
    io.durable = op == DeviceIo::Op::kWrite;
    io.offset_bytes = offset;
    io.slices = {&slice, 1};
    Run(device, io);
  }
  PosixReactor reactor;
  BufferPool pool;
  std::unique_ptr<LoopDevice> loop;
};

TEST_F(BlockDeviceTest, ItsSizeAndSectorsAreAskedFor) {
  EXPECT_EQ(Inspect().info.size_bytes, kSize);
  EXPECT_EQ(Inspect().info.sector_bytes, 512u);
  EXPECT_TRUE(Inspect().is_block_device);
  Make(4096);
  EXPECT_EQ(Inspect().info.sector_bytes, 4096u);
}

TEST_F(BlockDeviceTest, ItsCacheIsAskedForNotAssumed) {
  ASSERT_TRUE(loop->WriteQueue("write_cache", "write back"));
  EXPECT_TRUE(Inspect().info.volatile_cache);
  ASSERT_TRUE(loop->WriteQueue("write_cache", "write through"));
  EXPECT_FALSE(Inspect().info.volatile_cache);
  const auto told = OpenDisk(loop->path(), {.volatile_cache = true});
  ASSERT_TRUE(told.ok());
  EXPECT_TRUE(told->info.volatile_cache);
  close(told->fd);
}

TEST_F(BlockDeviceTest, WhoeverHoldsItHoldsItAlone) {
  const auto first = PosixDevice::Open(reactor, loop->path());
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = OpenDisk(loop->path(), {}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(second.message().find(loop->path()), absl::string_view::npos) << second;
  EXPECT_NE(second.message().find("in use (mounted"), absl::string_view::npos) << second;
}

TEST_F(BlockDeviceTest, ItsRangesAreHeldApartAndNotBesideTheWhole) {
  const std::string low = loop->path() + "@0+1M", high = loop->path() + "@1M+1M";
  {
    const auto first = PosixDevice::Open(reactor, low);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = PosixDevice::Open(reactor, high);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ((*second)->info().size_bytes, 1u << 20);
    EXPECT_EQ(OpenDisk(low, {}).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(OpenDisk(loop->path(), {}).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  const auto whole = PosixDevice::Open(reactor, loop->path());
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(OpenDisk(low, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

// A file system on the drive, another's RAID: they have claimed all of it.
TEST_F(BlockDeviceTest, ARangeOfWhatOthersHaveClaimedIsRefused) {
  const int claim = open(loop->path().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
  ASSERT_GE(claim, 0);
  const absl::Status status = OpenDisk(loop->path() + "@0+1M", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("in use (mounted"), absl::string_view::npos) << status;
  close(claim);
}

TEST_F(BlockDeviceTest, WritesAndDiscards) {
  auto opened = PosixDevice::Open(reactor, loop->path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  PosixDevice& device = **opened;
  const Buffer memory = pool.Allocate(1 << 20);
  std::memset(memory.data(), 7, memory.size());
  Transfer(device, DeviceIo::Op::kWrite, 1 << 20, memory);
  EXPECT_EQ(device.info().can_discard, loop->ReadQueue("discard_max_bytes") != "0");
  if (!device.info().can_discard) GTEST_SKIP() << "this loop device does not discard";
  Io discard;
  discard.op = DeviceIo::Op::kDiscard;
  discard.offset_bytes = (1 << 20) + (256 << 10);
  discard.discard_bytes = 512 << 10;
  Run(device, discard);
  const Buffer back = pool.Allocate(1 << 20);
  Transfer(device, DeviceIo::Op::kRead, 1 << 20, back);
  for (size_t i = 0; i < back.size(); ++i) {
    const bool inside = i >= 256 << 10 && i < 768 << 10;
    ASSERT_EQ(back.data()[i], inside ? 0 : 7) << i;
  }
  EXPECT_EQ(device.counters().discards, 1u);
}

}  // namespace
}  // namespace storpool::env
