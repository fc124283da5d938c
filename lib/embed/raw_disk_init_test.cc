// `disk init` on raw block devices, with file systems, mounts and other clusters' disks on them.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "lib/embed/disk_init.h"
#include "lib/env/posix/loop_device.h"
#include "lib/env/posix/posix_entropy.h"

namespace storpool::embed {
namespace {

constexpr uint64_t kSize = uint64_t{64} << 20;

class RawDiskInit : public testing::Test {
 protected:
  void SetUp() override {
    auto made = env::LoopDevice::Make(
        testing::TempDir() + "/raw_disk_init." + std::to_string(getpid()), kSize, 512);
    if (!made.ok()) {
      std::cerr << "*** NOT TESTED: disk init on raw block devices: " << made.status() << "\n";
      GTEST_SKIP() << made.status();
    }
    loop_ = *std::move(made);
    options_ = {.path = loop_->path(), .disk = DiskId(7), .cluster = {1}};
  }
  absl::Status Init() { return InitDisk(options_, entropy_).status(); }
  bool MakeFileSystem() {
    return std::system(("PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -F " + loop_->path()).c_str()) ==
           0;
  }
  static bool Says(const absl::Status& status, const std::string& text) {
    return status.message().find(text) != absl::string_view::npos;
  }

  env::PosixEntropy entropy_;
  std::unique_ptr<env::LoopDevice> loop_;
  DiskInitOptions options_;
};

TEST_F(RawDiskInit, AnEmptyDeviceIsTakenWhole) {
  const absl::StatusOr<InitializedDisk> made = InitDisk(options_, entropy_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(made->created);
  EXPECT_EQ(made->size_bytes, kSize);
  const absl::Status same = Init();
  EXPECT_TRUE(absl::IsAlreadyExists(same) && Says(same, "disk 7 of this cluster")) << same;
  options_.cluster = {2};
  const absl::Status other = Init();
  EXPECT_TRUE(Says(other, loop_->path()) && Says(other, "another cluster, 01000000-")) << other;
  EXPECT_TRUE(Says(other, "force yes")) << other;
  options_.force = true;
  EXPECT_TRUE(Init().ok());
}

TEST_F(RawDiskInit, ASizeMakesNoSense) {
  options_.size_bytes = kSize;
  const absl::Status status = Init();
  EXPECT_TRUE(absl::IsInvalidArgument(status) && Says(status, "leave \"size\" out")) << status;
}

TEST_F(RawDiskInit, AFileSystemIsNamedAndKept) {
  if (!MakeFileSystem()) GTEST_SKIP() << "mkfs.ext4 does not run here";
  const absl::Status status = Init();
  EXPECT_TRUE(absl::IsAlreadyExists(status) && Says(status, "ext4 file system")) << status;
  EXPECT_TRUE(Says(status, "force yes")) << status;
  EXPECT_EQ(
      std::system(
          ("PATH=$PATH:/usr/sbin:/sbin e2fsck -fn " + loop_->path() + " >/dev/null 2>&1").c_str()),
      0);
  options_.force = true;
  EXPECT_TRUE(Init().ok());
}

TEST_F(RawDiskInit, AMountedOneIsRefusedEvenByForce) {
  if (!MakeFileSystem()) GTEST_SKIP() << "mkfs.ext4 does not run here";
  const std::string folder = testing::TempDir() + "/raw_disk_init_mount";
  mkdir(folder.c_str(), 0700);
  if (mount(loop_->path().c_str(), folder.c_str(), "ext4", 0, nullptr) != 0) {
    std::cerr << "*** NOT TESTED: disk init on a mounted device: mount is refused here\n";
    GTEST_SKIP() << "mount is refused here";
  }
  options_.force = true;
  const absl::Status status = Init();
  EXPECT_TRUE(absl::IsFailedPrecondition(status) && Says(status, "in use (mounted")) << status;
  EXPECT_TRUE(Says(status, loop_->path())) << status;
  EXPECT_EQ(umount(folder.c_str()), 0);
  rmdir(folder.c_str());
  EXPECT_EQ(
      std::system(
          ("PATH=$PATH:/usr/sbin:/sbin e2fsck -fn " + loop_->path() + " >/dev/null 2>&1").c_str()),
      0);
}

}  // namespace
}  // namespace storpool::embed
