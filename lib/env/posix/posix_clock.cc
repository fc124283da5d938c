#include "lib/env/posix/posix_clock.h"

#include <ctime>

namespace storpool::env {

Instant PosixClock::Now() const {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant::FromNanos(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

int64_t PosixClock::WallSeconds() const { return time(nullptr); }

}  // namespace storpool::env
