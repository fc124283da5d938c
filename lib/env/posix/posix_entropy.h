// The operating system's random numbers.
#pragma once

#include "lib/env/entropy.h"

namespace storpool::env {

class PosixEntropy : public Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override;  // Any thread.
};

}  // namespace storpool::env
