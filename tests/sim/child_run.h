// A run in a process of its own, so that a broken invariant that stops the process (SP_CHECK) is a
// result like any other.
#pragma once

#include <string>

#include "lib/sim/run.h"

namespace storpool::sim {

struct ChildReport {
  bool ok = false;
  std::string error;    // why not, in one line
  std::string details;  // what the cluster said last
  RunCounts counts;     // all 0 if the process was stopped
};

ChildReport RunInChild(const RunOptions& options);

// "bazel run //tests/sim -- --seed=7 --verbose"
std::string ReplayCommand(const RunOptions& options);

}  // namespace storpool::sim
