// One thread with its event loop, seen from inside. A reactor owns disks, connections and chains,
// and nothing is shared between reactors.
//
// A turn (design 6.4) handles everything that is ready and then runs the phases in order, so that
// all messages of a turn leave with one system call a connection and all writes of a turn reach a
// disk as one batch. Invariant: callbacks run on the reactor, one at a time, never from within the
// call that asked for them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "lib/base/types.h"
#include "lib/env/clock.h"

namespace storpool::env {

enum class Phase {
  kForward,  // streams send what was queued: forwards leave before the disk is asked
  kBatch,    // stores close their batch and queue its device write
  kSubmit,   // devices submit what was queued and reap what is finished
  kReport,   // streams send what that made: reports and answers
};
inline constexpr int kPhases = 4;

// Something that wants to run once in a phase of the turn. Reactor thread only. Unschedule it
// before it goes.
class PhaseHook {
 public:
  virtual ~PhaseHook() = default;
  virtual void OnPhase(Phase phase) = 0;

 private:
  friend class PhaseQueue;
  uint8_t waiting_ = 0;  // one bit for each phase that it waits for
};

class Reactor;

// Runs a function once at a time that can be moved. Arming does not allocate. Stops by itself when
// destroyed. Reactor thread only.
class Timer {
 public:
  Timer(Reactor& reactor, absl::AnyInvocable<void()> on_time);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  void StartAt(Instant at);
  void StartIn(Duration delay);
  void Stop();
  bool active() const { return active_; }

  // For implementations of Reactor.
  void Fire();
  Instant at() const { return at_; }

 private:
  Reactor& reactor_;
  absl::AnyInvocable<void()> on_time_;
  Instant at_;
  bool active_ = false;
  friend class TimerQueue;
  size_t slot_ = 0;  // its place in the reactor's queue while active
};

class Reactor {
 public:
  virtual ~Reactor() = default;
  // Runs `fn` on the reactor in a later turn, in the order of the calls. Any thread.
  virtual void Post(absl::AnyInvocable<void()> fn) = 0;
  // Runs hook->OnPhase(phase) once in this turn, or in the next if the phase is over; calling it
  // again before it ran changes nothing for that (phase, hook).
  virtual void Schedule(Phase phase, PhaseHook* hook) = 0;
  // Forgets what Schedule was asked for this hook, in all phases.
  virtual void Unschedule(PhaseHook* hook) = 0;
  // The time of this turn.
  virtual Instant Now() const = 0;
  virtual const Clock& clock() const = 0;

 protected:
  friend class Timer;
  virtual void Arm(Timer* timer) = 0;     // timer->at() is set
  virtual void Disarm(Timer* timer) = 0;  // only while it waits, never after Fire has begun
};

}  // namespace storpool::env
