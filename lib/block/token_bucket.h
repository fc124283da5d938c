// A rate with a short burst: how many units (operations, bytes) may pass in a second.
//
// Keeps the time up to which what has passed is paid for. Invariant: over any time t at most
// rate * (t + burst) units and one request have passed; nothing is lost to rounding or to a late
// timer, so over long times the rate is met exactly.
#pragma once

#include <cstdint>

#include "lib/base/types.h"

namespace storpool::block {

class TokenBucket {
 public:
  static constexpr Duration kBurst = Duration::Millis(100);

  // Rate in units a second; 0: no limit. A debt is carried over in units, not in time.
  void SetRate(uint64_t rate, Instant now);
  uint64_t rate() const { return rate_; }

  // From when on the next request may pass. Its size does not matter: it is paid for afterwards.
  Instant FreeAt() const;
  // A request of `units` passes now.
  void Take(uint64_t units, Instant now);

 private:
  uint64_t rate_ = 0;
  Instant paid_until_;
  uint64_t remainder_ = 0;  // of the last division by the rate
};

}  // namespace storpool::block
