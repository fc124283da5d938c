// What goes wrong, and when: chosen by the seed. Processes are killed, hosts lose power, links
// break, stall or become slow, and each fault ends by itself after a while.
//
// Invariant: any faults may come together; nothing is spared, not even the last serving member.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lib/base/random.h"
#include "lib/sim/cluster.h"
#include "lib/sim/disk_trouble.h"

namespace storpool::sim {

struct FaultCounts {
  uint64_t power_losses = 0;  // of hosts
  uint64_t crashes = 0;       // of nodes, their power losses not counted
  uint64_t client_crashes = 0;
  uint64_t metadata_crashes = 0;
  uint64_t partitions = 0;
  uint64_t drops = 0;
  uint64_t slow_links = 0;
};

class Nemesis {
 public:
  explicit Nemesis(Cluster& cluster);

  // Runs the world for so long, with faults; `look` is called every few milliseconds.
  // `trouble`, if any, strikes meanwhile.
  void RunFor(Duration time, DiskTrouble* trouble, const std::function<void()>& look);
  // No more faults and no more ends of faults; the cluster is to be healed.
  void End() { plans_.clear(); }
  const FaultCounts& counts() const { return counts_; }

 private:
  void Strike();
  void KillNode(bool power);
  void KillMetadata();
  void KillClient();
  void SitePower();
  void Partition();
  void CutOffMetadata();
  void Drop();
  void SlowLink();

  void NodeDown(size_t n, bool power, Duration downtime);
  void Later(Duration delay, std::function<void()> fn);
  Duration Span();  // of a fault
  Duration Between(int64_t low_ms, int64_t high_ms);
  std::pair<std::string, std::string> Pair();

  Cluster& cluster_;
  Random random_;
  int calm_ms_;  // between two faults, on average
  std::multimap<Instant, std::function<void()>> plans_;
  FaultCounts counts_;
};

}  // namespace storpool::sim
