// Who keeps a line durably, and who has applied what it removed (design 4.8, S6). Volatile: a node
// says it again after each registration.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "lib/metadata/state.h"
#include "proto/control.pb.h"

namespace storpool::metadata {

class LineProgress {
 public:
  // A node registered: what it and its disks said before is void.
  void OnNodeHere(uint32_t node, const std::set<uint32_t>& disks);
  void OnKept(uint32_t disk, const LineKept& kept);
  // There is no work on it for now. What nodes were ordered is remembered: the next order says only
  // what has changed since.
  void Rest(uint64_t lineage);
  void Forget(uint64_t lineage);

  // The line version that was last ordered to the node since it registered; 0: none.
  uint32_t Ordered(uint32_t node, uint64_t lineage) const;
  void OnOrdered(uint32_t node, uint64_t lineage, uint32_t version);

  // Every chain of its table is open, and each serving member has the line of this version or a
  // newer one durable (S6).
  bool IsDurable(const State& state, uint64_t lineage, uint32_t version) const;
  // Up to which version all disks that may return have applied what was removed.
  uint32_t Applied(const State& state, uint64_t lineage) const;

  struct Work {
    uint64_t left = 0;  // chunks over all disks; those that have not answered count nothing
    uint64_t all = 0;   // the most that was left
  };
  Work WorkOn(uint64_t lineage) const;

 private:
  std::map<uint64_t, std::map<uint32_t, LineKept>> kept_;     // by lineage, disk
  std::map<uint64_t, std::map<uint32_t, uint32_t>> ordered_;  // by lineage, node
  std::map<uint64_t, uint64_t> most_left_;                    // by lineage
};

}  // namespace storpool::metadata
