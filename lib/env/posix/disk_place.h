// What names a disk: a block device or a file, whole; or, as PATH@OFFSET+SIZE, a range of its bytes
// (/dev/sdb@0+4T, /dev/sdb@4T+4T), so that one large drive can be several disks.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace storpool::env {

struct DiskPlace {
  std::string path;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;  // 0: all of it

  bool is_range() const { return size_bytes != 0; }
};

// Ranges begin and end at whole MiBs: else an error. What follows an "@" and is no range, belongs
// to the path.
absl::StatusOr<DiskPlace> ParseDiskPlace(const std::string& text);

}  // namespace storpool::env
