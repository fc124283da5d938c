#include "lib/env/reactor.h"

#include <utility>

namespace storpool::env {

Timer::Timer(Reactor& reactor, absl::AnyInvocable<void()> on_time)
    : reactor_(reactor), on_time_(std::move(on_time)) {}

Timer::~Timer() { Stop(); }

void Timer::StartAt(Instant at) {
  Stop();
  at_ = at;
  active_ = true;
  reactor_.Arm(this);
}

void Timer::StartIn(Duration delay) { StartAt(reactor_.Now() + delay); }

void Timer::Stop() {
  if (!active_) return;
  active_ = false;
  reactor_.Disarm(this);
}

void Timer::Fire() {
  active_ = false;
  on_time_();
}

}  // namespace storpool::env
