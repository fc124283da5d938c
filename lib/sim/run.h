// One run of the virtual world from one seed: set up, faults under load, healing, and everything
// that must hold then (design 7). A run is a function of its options.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "lib/sim/cluster.h"

namespace storpool::sim {

struct RunOptions {
  uint64_t seed = 0;
  bool faults = true;
  Duration load_time = Duration::Seconds(40);
  bool verbose = false;
  Seams seams;
};

// What a run exercised: a seed in which nothing happened proves nothing. Plain numbers.
struct RunCounts {
  uint64_t trace_hash = 0;
  uint64_t operations = 0;
  uint64_t epochs_opened = 0;  // of the chain that changed most
  uint64_t entries_voided = 0;
  uint64_t resync_bytes = 0;
  uint64_t lease_waits = 0;
  uint64_t confirmations = 0;
  uint64_t power_losses = 0;
  uint64_t crashes = 0;
  uint64_t client_crashes = 0;
  uint64_t metadata_crashes = 0;
  uint64_t partitions = 0;
  uint64_t drops = 0;
  uint64_t slow_links = 0;
  // Only in runs with such trouble (lib/sim/disk_trouble.h).
  uint64_t failed_disks = 0;
  uint64_t slow_disks = 0;
  uint64_t rotten_blocks = 0;
  uint64_t repairs = 0;
  uint64_t stops = 0;
  uint64_t detaches = 0;
  SnapshotCounts snapshots;  // only in runs that take some
  CloneCounts clones;        // only in runs that make some
  Duration longest_request;
  Duration virtual_time;
};

struct RunReport {
  absl::Status status;
  std::string details;  // of a failure, for people
  RunCounts counts;
};

// A third of all seeds have bad disks, two disks a node or fewer copies than nodes.
inline bool HasTrouble(uint64_t seed) { return seed % 3 == 1; }

// A third of all seeds take snapshots, with bad disks and without.
inline bool TakesSnapshots(uint64_t seed) { return seed / 4 % 3 == 2; }

// Half of these make clones of them.
inline bool MakesClones(uint64_t seed) { return TakesSnapshots(seed) && seed % 2 == 1; }

RunReport Run(const RunOptions& options);

// One line.
std::string ToString(const SnapshotCounts& counts);
std::string ToString(const CloneCounts& counts);
std::string ToString(const RunCounts& counts);

}  // namespace storpool::sim
