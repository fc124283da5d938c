// What goes wrong with disks and what operators do, on top of the nemesis: requests that fail, bits
// that rot, disks that become slow, nodes that are stopped properly, volumes that are detached.
//
// Invariants: it draws from a seed of its own, so that runs without it stay as they are. Bits rot
// on one disk of a run only, in blocks that it has surely written, and only while others serve with
// it, also during a resync: what they have must be enough, and nothing wrong may ever be read
// (4.12).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "lib/base/random.h"
#include "lib/sim/cluster.h"

namespace storpool::sim {

struct TroubleCounts {
  uint64_t failed_disks = 0;
  uint64_t slow_disks = 0;
  uint64_t rotten_blocks = 0;
  uint64_t stops = 0;
  uint64_t detaches = 0;
};

class DiskTrouble {
 public:
  DiskTrouble(Cluster& cluster, uint64_t seed);

  // When there is something to do, and doing it.
  Instant next() const;
  void Act();
  // No more of it. Nodes whose disk has failed must be started again.
  void End();
  // What has rotted and was not healed is made good again, so that mirrors can be compared.
  void Unrot();
  const TroubleCounts& counts() const { return counts_; }

 private:
  void Strike();
  void FailDisk(SimNode& node, SimNode::DiskHere& disk);
  void Slow(DiskId disk);
  // In every chain in which the disk that rots serves, another disk does too.
  bool OthersServe() const;
  void Rot();
  void StopNode(SimNode& node);
  void Detach();
  void Attach();
  void Later(Duration delay, std::function<void()> fn);
  Duration Span();

  struct Flip {
    uint64_t offset_bytes;
    int bit;
    uint8_t rotten;  // the byte as it is since
  };
  Cluster& cluster_;
  Random random_;
  Instant strike_;
  std::multimap<Instant, std::function<void()>> plans_;
  SimNode::DiskHere* rotten_disk_ = nullptr;
  std::vector<Flip> flips_;
  TroubleCounts counts_;
};

}  // namespace storpool::sim
