// The hooks that wait for the phases of a reactor's turn; every implementation of Reactor has one.
// Invariant: a hook waits at most once for each phase, hooks of a phase run in the order of their
// Add calls, and nothing is allocated in steady state.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "lib/env/reactor.h"

namespace storpool::env {

class PhaseQueue {
 public:
  void Add(Phase phase, PhaseHook* hook);
  void Remove(PhaseHook* hook);
  // Runs the hooks of `phase`, also those that are added to it meanwhile. A hook that adds itself
  // again and again is left for the next turn after a while, so that every turn ends.
  void Run(Phase phase);
  bool empty() const { return waiting_ == 0; }

 private:
  struct Waiting {
    std::vector<PhaseHook*> hooks;  // nullptr: removed
    size_t done = 0;                // hooks before this one have run
  };
  std::array<Waiting, kPhases> phases_;
  size_t waiting_ = 0;
};

}  // namespace storpool::env
