// The floor under any R-replica chain on one machine: what the same hops, system calls and device
// writes cost without any of our software. Client -> head -> middle -> tail over TCP loopback, a
// process of one thread each; a member passes bytes on as they come in and writes them to its own
// file (libaio, O_DIRECT); when durable it reports to the tail on a connection of its own; the tail
// answers once all have. Reads are answered by the tail from its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace storpool::bench {

enum class FloorSync {
  kNone,       // the device's own word
  kFdatasync,  // one for all writes that have finished
  kDsync,      // with each write
};

struct FloorOptions {
  uint32_t replicas = 3;  // 1..3
  uint32_t depth = 1;     // 1..1024
  uint32_t block_bytes = 4096;
  uint64_t file_bytes = uint64_t{512} << 20;
  bool read = false;
  FloorSync sync = FloorSync::kNone;
  std::string folder = ".";
  // If not empty, "PREFIX.0" and so on are the members' files: made if need be, and left. Else each
  // run makes its own in `folder`.
  std::string kept_files;
  std::string read_file;  // if not empty, reads come from this one
  double seconds = 5;
  double warm_up_seconds = 0.5;
};

struct FloorResult {
  double iops = 0;
  double mean_us = 0, p50_us = 0, p99_us = 0, p999_us = 0;
  double cpu_us_per_op = 0;  // of all processes
};

// Forks the members: to be called while the process has one thread.
absl::StatusOr<FloorResult> MeasureFloor(const FloorOptions& options);

// One line of JSON.
std::string ToJson(const FloorOptions& options, const FloorResult& result);

}  // namespace storpool::bench
