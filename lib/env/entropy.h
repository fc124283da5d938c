// Numbers that nobody can guess, for ids, secrets and seeds: the operating system's in the real
// world, a seeded generator in the simulator.
#pragma once

#include <cstdint>
#include <span>

namespace storpool::env {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void Fill(std::span<uint8_t> bytes) = 0;
  uint64_t Next() {
    uint64_t value = 0;
    Fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
    return value;
  }
};

}  // namespace storpool::env
