// What the simulator writes: sectors filled with a stamp of their write, so that a read tells which
// write it saw, and a torn or misplaced sector is recognised.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace storpool::sim {

// Fills whole sectors; `first_sector` is the first one's place on the volume.
void FillStamps(uint64_t stamp, uint64_t first_sector, std::span<uint8_t> bytes);

// The stamp of each sector, 0 for zeroes. kDataLoss, naming the sector, for anything else.
absl::StatusOr<std::vector<uint64_t>> ReadStamps(uint64_t first_sector,
                                                 std::span<const uint8_t> bytes);

}  // namespace storpool::sim
