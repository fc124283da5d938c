// Time as logic sees it. Only real-world leaves and the simulator implement it (design 7).
#pragma once

#include <cstdint>

#include "lib/base/types.h"

namespace storpool::env {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back; counts suspension of the machine (hazard 3.8). Any thread.
  virtual Instant Now() const = 0;
  // Seconds since 1970, for people only: nothing is decided by it (hazard 9.5).
  virtual int64_t WallSeconds() const = 0;
};

}  // namespace storpool::env
