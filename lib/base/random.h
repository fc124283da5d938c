// A seeded generator (xoshiro256**): the same seed gives the same numbers on every machine.
// Whoever needs randomness is handed one; there is no global generator (design 7).
#pragma once

#include <cstdint>

namespace storpool {

class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t Next();
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound);
  // True with probability numerator / denominator.
  bool OneIn(uint64_t numerator, uint64_t denominator) { return Below(denominator) < numerator; }
  // A generator of its own, so that one consumer's use does not shift another's numbers.
  Random Fork() { return Random(Next()); }

 private:
  uint64_t state_[4];
};

}  // namespace storpool
