// Which disks a template's chains lie on (design 6.9): pure functions, the same result for the same
// input on every machine.
//
// What holds for every result: the disks of a chain are on different nodes, and in different fault
// sets where nodes have one; the head comes from the group of placeHead, the tail from placeTail,
// what is between from placeAll; chains are spread by capacity, tails evenly by capacity among the
// disks that may be tails, since they read.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/types.h"

namespace storpool::placement {

struct Disk {
  DiskId id;
  NodeId node;
  std::string fault_set;  // of its node; empty: the node is one of its own
  uint64_t size_bytes = 0;
};

struct Group {
  std::string name;  // for error texts
  std::vector<DiskId> disks;
};

struct Policy {
  uint32_t replication = 1;  // 1..kReplicationMax
  Group head, all, tail;     // with replication 1 the tail's group counts, with 2 head and tail
};

// What other tables have put on a disk already, so that several tables stay balanced together.
struct Load {
  uint32_t chains = 0;
  uint32_t tails = 0;
};

using Row = std::vector<DiskId>;  // of one chain, head to tail

// kResourceExhausted if the groups cannot hold it, naming what is missing.
absl::StatusOr<std::vector<Row>> FillTable(const std::vector<Disk>& disks, const Policy& policy,
                                           uint32_t chains, const std::map<DiskId, Load>& load);

// The disk that takes the place of `row[position]` (which must not be in `disks` any more, or is
// not taken). kResourceExhausted if there is none on another node than the rest of the row.
absl::StatusOr<DiskId> Replace(const std::vector<Disk>& disks, const Policy& policy, const Row& row,
                               size_t position, const std::map<DiskId, Load>& load);

}  // namespace storpool::placement
