// Where the chains of a table are to lie from now on: its policy, its groups or its disks changed
// (design 6.8, 6.9, 6.11). A pure function, the same result for the same input on every machine.
//
// What holds for every plan: rows keep the rules of fill.h; a chain moves only what it must, so a
// disk that may stay stays; a move that has begun goes on while it leads to a row that keeps the
// rules; disks that became empty or came new are filled up to about what their capacity asks for;
// order in a row changes alone only to spread tails, which costs no bytes. The plan of a plan is
// itself.
#pragma once

#include <map>
#include <vector>

#include "absl/status/status.h"
#include "lib/placement/policy.h"

namespace storpool::placement {

// One chain as it is.
struct Chain {
  Row wanted;                   // by the plan before; empty: it is new
  std::vector<DiskId> serving;  // hold everything
  std::vector<DiskId> partial;  // hold a part: a move to them has begun, or they were away
  std::vector<DiskId> barred;   // have not dropped what they had of it before (R8)
};

struct Plan {
  std::vector<Row> rows;  // of each chain; its old one where nothing is to change, or can
  absl::Status missing;   // kResourceExhausted: why some row does not keep the rules
  uint32_t stuck = 0;     // how many do not
};

Plan PlanTable(const std::vector<Disk>& disks, const Policy& policy,
               const std::vector<Chain>& chains, const std::map<DiskId, Load>& elsewhere);

}  // namespace storpool::placement
