// What is found where a block is looked up in a line of layers (design 4.7). Shared by the chain,
// which asks, and the store, which knows.
#pragma once

#include <cstdint>

#include "lib/base/limits.h"
#include "lib/base/types.h"

namespace storpool {

struct BlockResult {
  enum class State : uint8_t {
    kAbsent,  // no entry in any layer of the line: the foreign parent or zeroes decide
    kHole,
    kData,
    kDamaged,  // the index has it, the device's bytes do not match: ask another mirror (4.12)
  };
  State state = State::kAbsent;
  LayerId layer;          // where the entry was found; needed only to heal a damaged block
  Version version;        // of the entry found; 0 for kAbsent
  uint32_t checksum = 0;  // kData: CRC-32C without seed
};

}  // namespace storpool
