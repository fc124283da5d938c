// Opening and making the files and block devices that stores live on: everything about a disk that
// is asked of the system before the first request. Calls block; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/env/device.h"

namespace storpool::env {

struct DiskOptions {
  // Whether a completed write may be lost by power loss. None: asked of the drive; a file counts as
  // volatile (design 4.3). False only where the operator vouches for it.
  std::optional<bool> volatile_cache = std::nullopt;
  // Give the space of discarded ranges of a file back to its file system. Appends into such holes
  // are slower, so only for files that should stay small. Block devices discard if they can.
  bool discard_file = false;
};

// A disk that this process holds alone, until `fd` is closed.
struct OpenedDisk {
  int fd = -1;
  uint64_t offset_bytes = 0;  // where it begins in the file or device
  DeviceInfo info;
  bool is_block_device = false;
  bool is_memory = false;  // tmpfs: every request is done when it has been submitted
};

// Opens what `place` names (disk_place.h) with O_DIRECT and takes the exclusive right of use: a
// lock on its bytes, and O_EXCL on a whole block device; a range of one must not be claimed by
// others, but nothing keeps them from it later. Errors name the place and the way out: no such
// file, in use, no O_DIRECT, beyond the end.
absl::StatusOr<OpenedDisk> OpenDisk(const std::string& place, const DiskOptions& options);

// Makes a file for a store, durably: written with zeroes, or only as long if `sparse` (for tests:
// appends into merely allocated extents cost half as much again, design 4.1). `progress` is told
// how many bytes are done, now and then. An unfinished file is removed.
absl::Status CreateDiskFile(const std::string& path, uint64_t size_bytes, bool sparse,
                            const std::function<void(uint64_t done_bytes)>& progress = {});

}  // namespace storpool::env
