#include "lib/env/posix/disk_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "lib/base/buffer.h"
#include "lib/env/posix/posix_device.h"

namespace storpool::env {
namespace {

class DiskFileTest : public testing::Test {
 protected:
  DiskFileTest() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~DiskFileTest() override { std::filesystem::remove_all(folder); }
  std::string Path(const std::string& name) const { return (folder / name).string(); }
  static bool Names(const absl::Status& status, const std::string& text) {
    return std::string(status.message()).find(text) != std::string::npos;
  }
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "disk_file_test";
};

TEST_F(DiskFileTest, MakesAFileOfZeroesAndTellsItsProgress) {
  std::vector<uint64_t> progress;
  ASSERT_TRUE(CreateDiskFile(Path("d"), (2 << 20) + 4096, false, [&](uint64_t done) {
                progress.push_back(done);
              }).ok());
  EXPECT_EQ(progress, (std::vector<uint64_t>{1 << 20, 2 << 20, (2 << 20) + 4096}));
  struct stat file;
  ASSERT_EQ(stat(Path("d").c_str(), &file), 0);
  EXPECT_EQ(file.st_size, (2 << 20) + 4096);
  EXPECT_GE(file.st_blocks * 512, file.st_size);
}

TEST_F(DiskFileTest, ASparseFileTakesNoRoom) {
  ASSERT_TRUE(CreateDiskFile(Path("d"), 64 << 20, true).ok());
  struct stat file;
  ASSERT_EQ(stat(Path("d").c_str(), &file), 0);
  EXPECT_EQ(file.st_size, 64 << 20);
  EXPECT_LT(file.st_blocks * 512, 1 << 20);
}

TEST_F(DiskFileTest, RefusesWhatExistsOddSizesAndMissingFolders) {
  ASSERT_TRUE(CreateDiskFile(Path("d"), 4096, true).ok());
  const absl::Status exists = CreateDiskFile(Path("d"), 4096, true);
  EXPECT_EQ(exists.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(Names(exists, Path("d")));
  EXPECT_EQ(CreateDiskFile(Path("e"), 4097, true).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CreateDiskFile(Path("no/d"), 4096, true).code(), absl::StatusCode::kNotFound);
}

TEST_F(DiskFileTest, AnUnfinishedFileIsRemovedAndTheWayOutNamed) {
  // Larger than any file system here: the size is refused before anything is written.
  const absl::Status full = CreateDiskFile(Path("d"), uint64_t{1} << 60, true);
  EXPECT_FALSE(full.ok());
  EXPECT_TRUE(Names(full, Path("d"))) << full;
  EXPECT_FALSE(std::filesystem::exists(Path("d")));
}

TEST_F(DiskFileTest, AFullFileSystemIsNamedAndNothingStays) {
  // The limit on file sizes stops the write where a full file system would.
  const rlimit small{1 << 20, RLIM_INFINITY};
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = CreateDiskFile(Path("d"), 4 << 20, false);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(Names(status, "make room")) << status;
  EXPECT_TRUE(Names(status, Path("d"))) << status;
  EXPECT_FALSE(std::filesystem::exists(Path("d")));
}

TEST_F(DiskFileTest, ADiskIsHeldByOneOnly) {
  ASSERT_TRUE(CreateDiskFile(Path("d"), 1 << 20, true).ok());
  const auto first = OpenDisk(Path("d"), {});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->info.size_bytes, 1u << 20);
  EXPECT_TRUE(first->info.volatile_cache);
  EXPECT_FALSE(first->info.can_discard);
  const auto second = OpenDisk(Path("d"), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Names(second.status(), "in use")) << second.status();
  EXPECT_TRUE(Names(second.status(), Path("d"))) << second.status();
  close(first->fd);
  const auto third = OpenDisk(Path("d"), {.volatile_cache = false, .discard_file = true});
  ASSERT_TRUE(third.ok());
  EXPECT_FALSE(third->info.volatile_cache);
  EXPECT_TRUE(third->info.can_discard);
  close(third->fd);
}

TEST_F(DiskFileTest, RangesAreHeldEachByOneOnly) {
  ASSERT_TRUE(CreateDiskFile(Path("d"), 8 << 20, true).ok());
  const auto first = OpenDisk(Path("d@0+3M"), {});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = OpenDisk(Path("d@3M+5M"), {});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->offset_bytes, 3u << 20);
  EXPECT_EQ(second->info.size_bytes, 5u << 20);
  for (const char* taken : {"d", "d@2M+1M", "d@7M+1M"}) {
    const absl::Status status = OpenDisk(Path(taken), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << taken;
    EXPECT_TRUE(Names(status, Path(taken))) << status;
  }
  close(first->fd);
  close(second->fd);
  const auto whole = OpenDisk(Path("d"), {});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(Names(OpenDisk(Path("d@7M+1M"), {}).status(), "in use"));
  close(whole->fd);
  const absl::Status beyond = OpenDisk(Path("d@7M+2M"), {}).status();
  EXPECT_EQ(beyond.code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(Names(beyond, "ends at 9437184 bytes")) << beyond;
}

TEST_F(DiskFileTest, WhatIsNoDiskIsRefused) {
  EXPECT_EQ(OpenDisk(Path("none"), {}).status().code(), absl::StatusCode::kNotFound);
  const auto folder_status = OpenDisk(folder.string(), {}).status();
  EXPECT_EQ(folder_status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Names(folder_status, "neither a file nor a block device"));
}

class Io : public DeviceIo {
 public:
  void OnDone(const absl::Status& s) override {
    status = s;
    done = true;
  }
  absl::Status status;
  bool done = false;
};

class PosixDeviceTest : public DiskFileTest {
 protected:
  void Open(const PosixDevice::Options& options) {
    ASSERT_TRUE(CreateDiskFile(Path("d"), 1 << 20, false).ok());
    auto opened = PosixDevice::Open(reactor, Path("d"), options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    device = *std::move(opened);
  }
  void Run(Io& io) {
    device->Queue(&io);
    ASSERT_TRUE(reactor.RunUntil([&] { return io.done; }, Duration::Seconds(10)));
  }
  PosixReactor reactor;
  BufferPool pool;
  std::unique_ptr<PosixDevice> device;
};

TEST_F(PosixDeviceTest, AShortReadIsAnErrorThatNamesItsPlace) {
  Open({});
  ASSERT_EQ(truncate(Path("d").c_str(), 512 << 10), 0);
  const Buffer memory = pool.Allocate(8192);
  const IoSlice slice{memory.data(), memory.size()};
  Io read;
  read.slices = {&slice, 1};
  read.offset_bytes = (512 << 10) - 4096;
  Run(read);
  EXPECT_EQ(read.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Names(read.status, Path("d"))) << read.status;
  EXPECT_TRUE(Names(read.status, "at 520192: only 4096 bytes")) << read.status;
}

TEST_F(PosixDeviceTest, ARangeIsReadWrittenAndDiscardedWhereItLies) {
  ASSERT_TRUE(CreateDiskFile(Path("d"), 4 << 20, false).ok());
  auto opened = PosixDevice::Open(reactor, Path("d@2M+1M"), {.disk = {.discard_file = true}});
  ASSERT_TRUE(opened.ok()) << opened.status();
  device = *std::move(opened);
  const Buffer memory = pool.Allocate(4096);
  std::memset(memory.data(), 7, memory.size());
  const IoSlice slice{memory.data(), memory.size()};
  Io write;
  write.op = DeviceIo::Op::kWrite;
  write.slices = {&slice, 1};
  write.offset_bytes = 8192;
  Run(write);
  ASSERT_TRUE(write.status.ok()) << write.status;
  std::ifstream file(Path("d"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(bytes.find(std::string(4096, 7)), (2u << 20) + 8192);
  std::memset(memory.data(), 0, memory.size());
  Io read;
  read.slices = {&slice, 1};
  read.offset_bytes = 8192;
  Run(read);
  EXPECT_EQ(memory.data()[4095], 7);
  Io discard;
  discard.op = DeviceIo::Op::kDiscard;
  discard.offset_bytes = 8192;
  discard.discard_bytes = 4096;
  Run(discard);
  EXPECT_TRUE(discard.status.ok()) << discard.status;
  Io again;
  again.slices = {&slice, 1};
  again.offset_bytes = 8192;
  Run(again);
  EXPECT_EQ(memory.data()[4095], 0);
}

TEST_F(PosixDeviceTest, ARefusedRequestIsAnErrorAndTheNextOnesRun) {
  Open({});
  const Buffer memory = pool.Allocate(8192);
  const IoSlice good{memory.data(), 4096};
  Io first, second;
  first.slices = {&good, 1};
  first.offset_bytes = 1;  // no sector begins there
  second.slices = {&good, 1};
  device->Queue(&first);
  Run(second);
  EXPECT_TRUE(first.done);
  EXPECT_TRUE(Names(first.status, "Invalid argument")) << first.status;
  EXPECT_TRUE(second.status.ok()) << second.status;
}

TEST_F(PosixDeviceTest, DiscardedRoomOfAFileIsGivenBack) {
  Open({.disk = {.discard_file = true}});
  struct stat before, after;
  ASSERT_EQ(stat(Path("d").c_str(), &before), 0);
  Io discard;
  discard.op = DeviceIo::Op::kDiscard;
  discard.discard_bytes = 512 << 10;
  Run(discard);
  EXPECT_TRUE(discard.status.ok()) << discard.status;
  ASSERT_EQ(stat(Path("d").c_str(), &after), 0);
  EXPECT_LT(after.st_blocks, before.st_blocks);
  EXPECT_EQ(after.st_size, before.st_size);
}

// The kernel has room for fewer requests than we give it: it takes some, then says EAGAIN.
TEST_F(PosixDeviceTest, WhatTheSystemDoesNotTakeAtOnceRunsLater) {
  Open({.disk = {}, .kernel_events = 1});
  const Buffer memory = pool.AllocateZeroed(4096);
  const IoSlice slice{memory.data(), memory.size()};
  std::vector<Io> ios(1000);
  for (size_t i = 0; i < ios.size(); ++i) {
    ios[i].slices = {&slice, 1};
    ios[i].offset_bytes = i % 256 * 4096;
    device->Queue(&ios[i]);
  }
  const auto all = [&] {
    return std::all_of(ios.begin(), ios.end(), [](const Io& io) { return io.done; });
  };
  EXPECT_TRUE(reactor.RunUntil(all, Duration::Seconds(10)));
  for (const Io& io : ios) ASSERT_TRUE(io.status.ok()) << io.status;
  EXPECT_GT(device->counters().short_submits, 0u);
}

TEST_F(PosixDeviceTest, AWriteThatNeedsNoFlushCountsNone) {
  Open({.disk = {.volatile_cache = false}});
  const Buffer memory = pool.AllocateZeroed(4096);
  const IoSlice slice{memory.data(), memory.size()};
  Io write;
  write.op = DeviceIo::Op::kWrite;
  write.durable = true;
  write.slices = {&slice, 1};
  Run(write);
  EXPECT_TRUE(write.status.ok());
  EXPECT_EQ(device->counters().flushes, 0u);
}

// On tmpfs a request ends while it is submitted: its end asks for the next one.
TEST(PosixMemoryDeviceTest, AChainOfReadsLetsOthersHaveTheirTurns) {
  struct Chain final : DeviceIo {
    void OnDone(const absl::Status& status) override {
      ASSERT_TRUE(status.ok()) << status;
      if (++ended < 10) device->Queue(this);
    }
    PosixDevice* device = nullptr;
    int ended = 0;
  };
  std::string folder = "/dev/shm/storpool-device-test.XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  ASSERT_TRUE(CreateDiskFile(folder + "/d", 1 << 20, false).ok());
  PosixReactor reactor;
  BufferPool pool;
  auto device = PosixDevice::Open(reactor, folder + "/d");
  ASSERT_TRUE(device.ok()) << device.status();
  const Buffer memory = pool.Allocate(4096);
  const IoSlice slice{memory.data(), memory.size()};
  Chain chain;
  chain.device = device->get();
  chain.slices = {&slice, 1};
  (*device)->Queue(&chain);
  const uint64_t before = reactor.counters().turns;
  EXPECT_TRUE(reactor.RunUntil([&] { return chain.ended == 10; }, Duration::Seconds(10)));
  EXPECT_GE(reactor.counters().turns - before, 10u);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace storpool::env
