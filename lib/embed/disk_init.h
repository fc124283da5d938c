// Makes a file or block device a disk of a cluster: `storpoolctl disk init`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/types.h"
#include "lib/embed/cluster_file.h"
#include "lib/env/entropy.h"

namespace storpool::embed {

struct DiskInitOptions {
  // A block device, a file, or a range of its bytes (env/posix/disk_place.h); where to make a file.
  std::string path = {};
  DiskId disk = {};
  ClusterUuid cluster = {};
  uint64_t size_bytes = 0;  // of a file to be made; 0 for what is there already
  bool sparse = false;      // the file is only as long, not written (for tests)
  bool force = false;       // overwrites what is there: a disk of ours, a file system
  // Told now and then how much of a new file is written.
  std::function<void(uint64_t done_bytes)> progress = {};
};

struct InitializedDisk {
  StoreId store;
  uint64_t size_bytes = 0;
  bool created = false;  // the file was made
};

// Blocks. Nothing is changed unless it can be done: errors name what is there (a disk of which
// cluster, other data), what is too small or in use, and the way out. A file that was made is
// removed again when the rest fails.
absl::StatusOr<InitializedDisk> InitDisk(const DiskInitOptions& options, env::Entropy& entropy);

}  // namespace storpool::embed
