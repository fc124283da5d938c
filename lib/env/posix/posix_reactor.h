// The reactor of the real world: one thread, epoll, an eventfd to wake it.
//
// A turn is exactly that of lib/env/reactor.h: poll; all ready handlers, what was posted, due
// timers; the phases in order. It sleeps only when no hook waits and nothing was posted. Invariant:
// nothing is allocated in steady state, and a turn costs one epoll_wait beside what its streams and
// devices ask for.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/env/phase_queue.h"
#include "lib/env/posix/counters.h"
#include "lib/env/posix/posix_clock.h"
#include "lib/env/reactor.h"
#include "lib/env/timer_queue.h"

namespace storpool::env {

// What owns a descriptor. Reactor thread only.
class FdHandler {
 public:
  virtual ~FdHandler() = default;
  virtual void OnEvents(uint32_t epoll_events) = 0;
};

class PosixReactor : public Reactor {
 public:
  struct Options {
    // Polls without sleeping for so long after the last work: trades CPU for the time of a wake-up.
    Duration spin;
  };

  PosixReactor() : PosixReactor(Options()) {}
  explicit PosixReactor(const Options& options);
  // What was posted and not run is dropped. All streams, devices and timers must be gone.
  ~PosixReactor() override;

  // Runs turns on the calling thread until Stop; then may be called again, on any thread.
  void Run();
  // Any thread, also before Run: ends the present or next Run after its turn.
  void Stop();
  // One turn that sleeps for at most `wait`: for tests and for whoever brings a loop of his own.
  void Turn(Duration wait);
  // Turns until `done` is true; false if it was not within `limit`. For tests and tools.
  bool RunUntil(const std::function<bool()>& done, Duration limit);

  void Post(absl::AnyInvocable<void()> fn) override;
  void Schedule(Phase phase, PhaseHook* hook) override { hooks_.Add(phase, hook); }
  void Unschedule(PhaseHook* hook) override { hooks_.Remove(hook); }
  // Outside a turn (before Run): the clock's.
  Instant Now() const override { return in_turn_ ? now_ : clock_.Now(); }
  const Clock& clock() const override { return clock_; }

  // For what lives on this reactor.
  void Watch(int fd, uint32_t epoll_events, FdHandler* handler);
  void ChangeWatch(int fd, uint32_t epoll_events, FdHandler* handler);
  // No event reaches the handler any more, not even one that was already polled.
  void Unwatch(int fd, FdHandler* handler);
  // True once this turn's kForward has begun and kReport is still to come or under way: what is
  // queued to be sent now leaves in kReport (lib/env/stream.h).
  bool past_forward() const { return past_forward_; }
  // Where bulk receives land before they are handed on.
  std::span<uint8_t> receive_buffer() { return receive_buffer_.span(); }
  BufferPool& pool() { return pool_; }
  ReactorCounters& counters() { return counters_; }

 protected:
  void Arm(Timer* timer) override { timers_.Add(timer, Now()); }
  void Disarm(Timer* timer) override { timers_.Remove(timer); }

 private:
  static constexpr int kEventsMax = 128;
  static constexpr size_t kReceiveBytes = 256 << 10;

  void Control(int operation, int fd, uint32_t epoll_events, FdHandler* handler);
  void Wake();
  void Poll(Duration wait);
  int EpollWait(Duration wait);
  void RunPosted();

  const Options options_;
  const PosixClock clock_;
  const int epoll_fd_;
  const int wake_fd_;
  Instant now_;
  bool in_turn_ = false;
  bool past_forward_ = false;
  PhaseQueue hooks_;
  TimerQueue timers_;
  ReactorCounters counters_;
  BufferPool pool_;
  Buffer receive_buffer_;

  std::array<epoll_event, kEventsMax> events_;
  int events_count_ = 0;
  int events_done_ = 0;

  // Other threads: they push below the mutex, set `posted_any_`, and wake the reactor if `asleep_`.
  // The reactor sets `asleep_` and then looks at `posted_any_`: one of the two sees the other.
  std::atomic<bool> stop_ = false;
  std::atomic<bool> posted_any_ = false;
  std::atomic<bool> asleep_ = false;
  std::mutex mutex_;
  std::vector<absl::AnyInvocable<void()>> posted_;  // guarded by mutex_
  std::vector<absl::AnyInvocable<void()>> running_;
};

}  // namespace storpool::env
