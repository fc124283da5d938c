// What must hold (design 5.10): while it runs, as far as the members' states show it, and at rest,
// read from the stores themselves.
#pragma once

#include <cstdint>
#include <set>
#include <tuple>

#include "absl/status/status.h"
#include "lib/sim/cluster.h"

namespace storpool::sim {

// Looks at all replicas now and then. The first violation is kept.
class Watch {
 public:
  explicit Watch(Cluster& cluster) : cluster_(cluster) {}

  void Look();
  const absl::Status& verdict() const { return verdict_; }
  // Changes of members that waited for promises to run out (5.4).
  uint64_t lease_waits() const { return waits_.size(); }
  // Openings of the chain that had most.
  uint64_t epochs_opened() const;

 private:
  void LookAt(const SimNode& node, const node::ChainHere& here);

  Cluster& cluster_;
  absl::Status verdict_;
  std::set<std::tuple<DiskId, ChainId, Epoch>> waits_;
  std::map<ChainId, std::set<Epoch>> opened_;
  // Of the look under way: what the serving members of each opened epoch say of themselves.
  struct Members {
    Version lowest_durable, highest_committed;
    bool any = false;
  };
  std::map<std::pair<ChainId, Epoch>, Members> members_;
  // W of a store never falls in one life of its process (I7), epochs never at all.
  std::map<std::pair<DiskId, ChainId>, std::pair<Incarnation, Version>> committed_;
  std::map<std::pair<DiskId, ChainId>, Epoch> epochs_;
};

// Everything is written back and nothing is under way: pending is empty and the members of every
// chain agree on W.
absl::Status CheckSettled(Cluster& cluster);

// I3: reads every store, whose nodes must be down, and compares the mirrors of each chain block by
// block: version, kind, checksum and bytes. Holes may have been dropped.
absl::Status CheckMirrorsEqual(Cluster& cluster);

}  // namespace storpool::sim
