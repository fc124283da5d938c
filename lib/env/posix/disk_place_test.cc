#include "lib/env/posix/disk_place.h"

#include <gtest/gtest.h>

namespace storpool::env {
namespace {

TEST(DiskPlace, IsAPathOrARangeOfOne) {
  struct Case {
    const char* text;
    DiskPlace place;
  };
  const Case cases[] = {
      {"/dev/sdb", {"/dev/sdb", 0, 0}},
      {"/dev/sdb@0+500G", {"/dev/sdb", 0, 500ull << 30}},
      {"/dev/sdb@500G+1T", {"/dev/sdb", 500ull << 30, 1ull << 40}},
      {"/a@b@1048576+2M", {"/a@b", 1 << 20, 2 << 20}},
      // No ranges: paths.
      {"/a@b", {"/a@b", 0, 0}},
      {"/a+1G", {"/a+1G", 0, 0}},
      {"/a@1G", {"/a@1G", 0, 0}},
      {"/a@x+1G", {"/a@x+1G", 0, 0}},
      {"/a+1@2", {"/a+1@2", 0, 0}},
      {"@0+1G", {"@0+1G", 0, 0}},
      {"", {"", 0, 0}},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<DiskPlace> place = ParseDiskPlace(c.text);
    ASSERT_TRUE(place.ok()) << c.text << ": " << place.status();
    EXPECT_EQ(place->path, c.place.path) << c.text;
    EXPECT_EQ(place->offset_bytes, c.place.offset_bytes) << c.text;
    EXPECT_EQ(place->size_bytes, c.place.size_bytes) << c.text;
  }
}

TEST(DiskPlace, RangesAreWholeMiBsAndDoNotWrap) {
  for (const char* text : {"/a@0+0", "/a@1+1M", "/a@1M+4097", "/a@1P+16383P"}) {
    const absl::Status status = ParseDiskPlace(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(status.message().find("/a@500G+500G"), absl::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace storpool::env
