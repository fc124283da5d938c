// The floor of a case, measured by a program of its own: `floor` of this folder, or any that takes
// the same options and prints the same line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/cases.h"
#include "tests/bench/floor.h"

namespace storpool::bench {

struct FloorRun {
  std::string program;
  std::string folder;       // of its files
  uint64_t file_bytes = 0;  // of each member
  double seconds = 5;
  // As in FloorOptions; only our own program has them.
  std::string kept_files, read_file;
};

std::vector<std::string> FloorWords(const FloorRun& run, const Case& what);
absl::StatusOr<FloorResult> RunFloor(const FloorRun& run, const Case& what);

// The values in a line of JSON that a floor has printed.
absl::StatusOr<FloorResult> ParseFloor(std::string_view line);

}  // namespace storpool::bench
