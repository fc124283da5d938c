// Which disks the chains of a new table lie on (design 6.9): a pure function, the same result for
// the same input on every machine.
//
// What holds for every result: the disks of a chain are on different nodes, and in different fault
// sets where nodes have one; the head comes from the group of placeHead, the tail from placeTail,
// what is between from placeAll; chains are spread by capacity, tails evenly by capacity among the
// disks that may be tails, since they read.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/placement/policy.h"

namespace storpool::placement {

// kResourceExhausted if the groups cannot hold it, naming what is missing. `elsewhere`: what other
// tables have put there, which decides where this table does not.
absl::StatusOr<std::vector<Row>> FillTable(const std::vector<Disk>& disks, const Policy& policy,
                                           uint32_t chains,
                                           const std::map<DiskId, Load>& elsewhere);

}  // namespace storpool::placement
