// The cases of the cluster bench and the options that choose among them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace storpool::bench {

enum class Place { kExt4, kTmpfs };  // where the disks' files lie

struct Case {
  bool read = false;
  uint32_t block_bytes = 4096;
  uint32_t depth = 1;
  uint32_t replicas = 3;
  Place place = Place::kExt4;
  bool flushed = true;  // false only on request: shows what durability costs

  // "write-4k-qd1-r3-ext4"; "-unflushed" behind it if so.
  std::string Name() const;
  bool operator==(const Case&) const = default;
};

// Those that are gated: they run unless others are asked for.
std::vector<Case> GatedCases();
// The opposite of Name(), for any combination that makes sense.
absl::StatusOr<Case> ParseCase(std::string_view name);

struct BenchOptions {
  std::vector<Case> cases;
  double seconds = 5;
  uint32_t rounds = 5;  // alternating with the floor; medians count
  bool json = false;
  std::string floor_program;  // empty: our own; else ours runs too, to be compared
  uint64_t volume_bytes = uint64_t{4} << 30;
  uint64_t disk_bytes = 0;  // 0: chosen for the volume and the place
  std::string folder;       // of ext4, for disks; empty: a temporary one
  bool counters =
      false;  // counts instead of measuring: slower, and says what an operation asks for
};

// --case=NAME (repeated) --seconds=S --rounds=N --json --floor=PATH --dir=FOLDER --volume-mib=N
// --counters. An error says what is wrong.
absl::StatusOr<BenchOptions> ParseOptions(const std::vector<std::string>& arguments);

}  // namespace storpool::bench
