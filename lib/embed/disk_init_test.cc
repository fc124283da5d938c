#include "lib/embed/disk_init.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace storpool::embed {
namespace {

constexpr uint64_t kSize = uint64_t{256} << 20;

class CountingEntropy : public env::Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& byte : bytes) byte = ++last_;
  }

 private:
  uint8_t last_ = 0;
};

class DiskInit : public testing::Test {
 protected:
  static std::string PathOf(const std::string& name) {
    const std::string path = testing::TempDir() + "/" + name;
    unlink(path.c_str());
    return path;
  }
  absl::Status Init(DiskInitOptions options) { return InitDisk(options, entropy_).status(); }
  static bool Says(const absl::Status& status, const std::string& text) {
    return status.message().find(text) != absl::string_view::npos;
  }

  CountingEntropy entropy_;
};

TEST_F(DiskInit, ADiskIsRefusedUnlessForced) {
  const std::string path = PathOf("twice");
  DiskInitOptions options{
      .path = path, .disk = DiskId(7), .cluster = {1}, .size_bytes = kSize, .sparse = true};
  const absl::StatusOr<InitializedDisk> made = InitDisk(options, entropy_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->size_bytes, kSize);

  options.size_bytes = 0;
  const absl::Status same = Init(options);
  EXPECT_TRUE(absl::IsAlreadyExists(same) && Says(same, "disk 7 of this cluster")) << same;
  options.cluster = {2};
  const absl::Status other = Init(options);
  EXPECT_TRUE(Says(other, "disk 7 of another cluster, 01000000-")) << other;
  options.force = true;
  options.disk = DiskId(8);
  EXPECT_TRUE(Init(options).ok());
  options.force = false;
  EXPECT_TRUE(Says(Init(options), "disk 8 of this cluster"));
}

TEST_F(DiskInit, OneDriveIsSeveralDisksByRanges) {
  const std::string path = PathOf("large");
  const std::string low = path + "@0+256M", high = path + "@256M+300M";
  DiskInitOptions options{.path = low, .disk = DiskId(7), .cluster = {1}};
  const absl::Status none = Init(options);
  EXPECT_TRUE(absl::IsNotFound(none) && Says(none, "to take a range of")) << none;
  std::ofstream(path).flush();
  ASSERT_EQ(truncate(path.c_str(), 3 * kSize), 0);
  ASSERT_TRUE(Init(options).ok());
  options.path = high;
  options.disk = DiskId(8);
  const absl::StatusOr<InitializedDisk> second = InitDisk(options, entropy_);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->size_bytes, uint64_t{300} << 20);
  EXPECT_FALSE(second->created);
  EXPECT_TRUE(Says(Init(options), "disk 8 of this cluster"));
  options.path = low;
  EXPECT_TRUE(Says(Init(options), "disk 7 of this cluster"));
  options.size_bytes = kSize;
  EXPECT_TRUE(Says(Init(options), "leave \"size\" out"));
}

TEST_F(DiskInit, DataOfOthersIsRefusedUnlessForced) {
  const std::string path = PathOf("other");
  std::ofstream(path) << "a file system";
  ASSERT_EQ(truncate(path.c_str(), kSize), 0);
  DiskInitOptions options{.path = path, .disk = DiskId(7), .cluster = {1}};
  const absl::Status status = Init(options);
  EXPECT_TRUE(absl::IsAlreadyExists(status) && Says(status, "not empty")) << status;
  options.force = true;
  EXPECT_TRUE(Init(options).ok());
}

TEST_F(DiskInit, WhatIsTooSmallIsNotLeftBehind) {
  const std::string path = PathOf("small");
  const absl::Status status =
      Init({.path = path, .disk = DiskId(7), .cluster = {1}, .size_bytes = 1 << 20});
  EXPECT_TRUE(absl::IsInvalidArgument(status) && Says(status, "at least")) << status;
  struct stat stat;
  EXPECT_NE(::stat(path.c_str(), &stat), 0);
}

TEST_F(DiskInit, ASizeIsNeededForAFileThatIsNotThereAndMustFitOneThatIs) {
  const std::string path = PathOf("none");
  DiskInitOptions options{.path = path, .disk = DiskId(7), .cluster = {1}};
  EXPECT_TRUE(absl::IsNotFound(Init(options)));
  std::ofstream(path).flush();
  ASSERT_EQ(truncate(path.c_str(), kSize), 0);
  options.size_bytes = 2 * kSize;
  EXPECT_TRUE(absl::IsAlreadyExists(Init(options)));
}

TEST_F(DiskInit, IdsHaveARange) {
  const absl::Status status =
      Init({.path = PathOf("id"), .disk = DiskId(4096), .cluster = {1}, .size_bytes = kSize});
  EXPECT_TRUE(absl::IsInvalidArgument(status) && Says(status, "4096")) << status;
}

}  // namespace
}  // namespace storpool::embed
