// The virtual world of one run: time, the reactors of all processes, the seed, and the trace.
//
// One thread. At every step the seed chooses one of the reactors that have something to do; when
// none has, time jumps to the earliest timer. Invariant: the same seed gives the same steps, hence
// the same trace hash, on every run (design 7).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/base/random.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/virtual_clock.h"

namespace storpool::sim {

// A running digest of everything that happened.
class Trace {
 public:
  void Add(uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15ull;
    hash_ ^= hash_ >> 29;
    ++events_;
  }
  void Add(std::string_view text);
  uint64_t hash() const { return hash_; }
  uint64_t events() const { return events_; }

 private:
  uint64_t hash_ = 0x5bd1e995;
  uint64_t events_ = 0;
};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  env::VirtualClock& clock() { return clock_; }
  Instant now() const { return clock_.Now(); }
  Random& random() { return random_; }
  Trace& trace() { return trace_; }

  // A reactor for one process. Destroying it is the process's end: what it had planned is dropped.
  std::unique_ptr<env::ManualReactor> MakeReactor();

  // Runs until `limit` or until `done` says so, which is asked after every turn. True if it did.
  bool RunUntil(Instant limit, const std::function<bool()>& done);
  void RunFor(Duration time) {
    RunUntil(now() + time, [] { return false; });
  }

 private:
  class WorldReactor;
  // One turn of some reactor, or a jump in time to no later than `limit`; false at the limit.
  bool Step(Instant limit);

  env::VirtualClock clock_;
  Random random_;
  Trace trace_;
  std::vector<env::ManualReactor*> reactors_;  // in the order of their making
  std::vector<env::ManualReactor*> ready_;     // memory of Step
};

}  // namespace storpool::sim
