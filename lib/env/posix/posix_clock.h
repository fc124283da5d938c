// The machine's clocks.
#pragma once

#include <cstdint>

#include "lib/env/clock.h"

namespace storpool::env {

class PosixClock : public Clock {
 public:
  Instant Now() const override;  // CLOCK_BOOTTIME: goes on while the machine is suspended
  int64_t WallSeconds() const override;
};

}  // namespace storpool::env
