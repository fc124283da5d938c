#include "lib/env/memory/manual_reactor.h"

#include <algorithm>

#include "lib/base/check.h"

namespace storpool::env {

ManualReactor::ManualReactor(VirtualClock* shared)
    : clock_(shared != nullptr ? shared : &own_clock_) {}

bool ManualReactor::ready() const {
  return !posted_.empty() || !hooks_.empty() || timers_.next() <= clock_->Now();
}

bool ManualReactor::RunTurn() {
  if (!ready()) return false;
  ++turns_;
  running_.swap(posted_);
  for (auto& fn : running_) fn();
  running_.clear();
  timers_.FireDue(clock_->Now());
  for (int p = 0; p < kPhases; ++p) hooks_.Run(static_cast<Phase>(p));
  return true;
}

void ManualReactor::RunUntilIdle(int turns_max) {
  for (int turn = 0; RunTurn(); ++turn) SP_CHECK(turn < turns_max);
}

void ManualReactor::AdvanceTo(Instant at) {
  RunUntilIdle();
  while (timers_.next() <= at) {
    clock_->AdvanceTo(timers_.next());
    RunUntilIdle();
  }
  clock_->AdvanceTo(std::max(at, clock_->Now()));
}

}  // namespace storpool::env
