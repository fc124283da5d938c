// Which chains are to lie elsewhere, and which of them may move now (design 5.7, 6.8 to 6.11): what
// is wanted against what is, asked again after every change. Pure.
//
// A move: the chain gets the new member as syncing; it serves; then whoever is replaced leaves
// (naming.h does these steps). What holds: no more than kChainMovesPerDisk moves at a time read
// from or write to one disk; the most endangered chains come first; with the relocator off only
// disks that are lost are replaced.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/metadata/live_view.h"
#include "lib/metadata/state.h"
#include "proto/metadata.pb.h"

namespace storpool::metadata {

struct RelocationPlan {
  std::vector<ChainDesired> desired;        // rows that change
  std::map<uint32_t, std::string> missing;  // by table: why some of its chains cannot be right
};

// `gone`: disks that are not waited for any more. `present`: disks that answer now.
RelocationPlan PlanRelocation(const State& state, const LiveView& live,
                              const std::set<uint32_t>& gone, const std::set<uint32_t>& present);

struct RelocationTurn {
  std::set<uint32_t> chains;  // that may take a new member, leave one, or change their order, now
  std::string blocked;        // why one that should move cannot; or empty
};

RelocationTurn TakeTurns(const State& state, const LiveView& live,
                         const std::set<uint32_t>& present);

// It is not where it should be: somebody is to arrive, to leave, or to stand elsewhere in the row.
bool IsToMove(const ChainRecord& record);
// A new member of it is being filled.
bool IsMoving(const ChainRecord& record);

// What chains hold, as far as disks have said: an estimate.
class ChainSizes {
 public:
  ChainSizes(const State& state, const LiveView& live);
  uint64_t Of(const ChainRecord& record) const;  // one copy, in bytes

 private:
  std::map<uint32_t, uint64_t> per_chain_;  // by disk
};

}  // namespace storpool::metadata
