// What a run of point_in_time does.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/types.h"

namespace storpool::bench {

struct PointInTimeOptions {
  uint32_t snapshots = 200;  // of the whole group
  Duration interval = Duration::Seconds(1);
  uint32_t keep = 6;  // older ones are deleted, so that disks in memory suffice
  uint32_t volumes = 3;
  uint64_t volume_bytes = 64 << 20;
  uint64_t disk_bytes = uint64_t{2} << 30;
  uint32_t depth = 8;  // writes under way on each volume, beside the stamps
  bool gate = false;   // the longest pause over 2 x p99 + 5 ms is a failure
  std::string folder = "/dev/shm";
};

// --snapshots=N --interval-ms=N --keep=N --volumes=N --volume-mib=N --disk-mib=N --depth=N --gate
// --dir=FOLDER. An error says what is wrong.
absl::StatusOr<PointInTimeOptions> ParsePointInTimeOptions(
    const std::vector<std::string>& arguments);

}  // namespace storpool::bench
