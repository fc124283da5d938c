// What placement is asked with (design 6.9): disks, the groups that a table's policy names, rows.
//
// Part and Domain are the two rules that bind every row: which group a position takes its disk
// from, and that no two mirrors fail together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/types.h"

namespace storpool::placement {

struct Disk {
  DiskId id;
  NodeId node;
  std::string fault_set;  // of its node; empty: the node is one of its own
  uint64_t size_bytes = 0;
  bool stays = true;                  // what it holds may stay there
  bool takes = true;                  // it may be given more
  uint32_t room_chains = UINT32_MAX;  // how many more chains of the table fit
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

enum class Part { kHead, kAll, kTail };

// The tail is the last; alone it is the tail.
inline Part PartAt(size_t position, size_t replication) {
  if (position + 1 == replication) return Part::kTail;
  return position == 0 ? Part::kHead : Part::kAll;
}

inline const Group& GroupOf(const Policy& policy, Part part) {
  if (part == Part::kHead) return policy.head;
  return part == Part::kAll ? policy.all : policy.tail;
}

// Nodes that may fail together: a fault set, or a node that is in none.
inline std::string DomainOf(const Disk& disk) {
  if (!disk.fault_set.empty()) return "fault set " + disk.fault_set;
  return "node " + std::to_string(disk.node.value());
}

}  // namespace storpool::placement
