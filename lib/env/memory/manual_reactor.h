// A reactor that runs turn by turn when told to, under virtual time: the same calls give the same
// order of callbacks, always. For unit tests and the simulator. One thread.
#pragma once

#include <vector>

#include "lib/env/memory/virtual_clock.h"
#include "lib/env/phase_queue.h"
#include "lib/env/reactor.h"
#include "lib/env/timer_queue.h"

namespace storpool::env {

class ManualReactor : public Reactor {
 public:
  // With a clock of its own, or with one that several reactors share (and that outlives them).
  ManualReactor() : ManualReactor(nullptr) {}
  explicit ManualReactor(VirtualClock* shared);
  // Drops what was posted and scheduled without running it: a crash.
  ~ManualReactor() override = default;

  // One turn: what was posted, the timers that are due, the phases in order. False if there was
  // nothing to do.
  bool RunTurn();
  // Turns until nothing can run at the present time. Stops the process after `turns_max`: a loop.
  void RunUntilIdle(int turns_max = 1'000'000);
  // Lets time pass up to `at`, from timer to timer, and runs all that falls due. Moves the clock,
  // so not for a reactor that shares it with others that have timers.
  void AdvanceTo(Instant at);
  void AdvanceBy(Duration delay) { AdvanceTo(clock_->Now() + delay); }

  // True if a turn would do something now.
  bool ready() const;
  // The earliest timer; Instant::Max() if there is none.
  Instant next_timer() const { return timers_.next(); }
  uint64_t turns() const { return turns_; }

  void Post(absl::AnyInvocable<void()> fn) override { posted_.push_back(std::move(fn)); }
  void Schedule(Phase phase, PhaseHook* hook) override { hooks_.Add(phase, hook); }
  void Unschedule(PhaseHook* hook) override { hooks_.Remove(hook); }
  Instant Now() const override { return clock_->Now(); }
  const Clock& clock() const override { return *clock_; }

 protected:
  void Arm(Timer* timer) override { timers_.Add(timer, clock_->Now()); }
  void Disarm(Timer* timer) override { timers_.Remove(timer); }

 private:
  VirtualClock own_clock_;
  VirtualClock* clock_;
  PhaseQueue hooks_;
  TimerQueue timers_;
  std::vector<absl::AnyInvocable<void()>> posted_;
  std::vector<absl::AnyInvocable<void()>> running_;
  uint64_t turns_ = 0;
};

}  // namespace storpool::env
