// Time that moves only when told to. Shared by all reactors of a virtual world.
#pragma once

#include "lib/base/check.h"
#include "lib/env/clock.h"

namespace storpool::env {

class VirtualClock : public Clock {
 public:
  // Not 0, so that a forgotten Instant never looks like now.
  static constexpr Instant kStart = Instant::FromNanos(1'000'000'000);

  Instant Now() const override { return now_; }
  int64_t WallSeconds() const override { return 1'700'000'000 + now_.nanos() / 1'000'000'000; }
  void AdvanceTo(Instant at) {
    SP_CHECK(at >= now_);
    now_ = at;
  }

 private:
  Instant now_ = kStart;
};

}  // namespace storpool::env
