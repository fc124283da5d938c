// Where a chunk lies: chain (hash(lineage) + chunk) mod N of its template's chain table.
//
// The hash is part of the format (design 5): a change would lose every block. It is the finaliser
// of splitmix64 over the lineage id, so that neighbouring ids begin on unrelated chains; the test
// beside this file holds golden values.
#pragma once

#include <cstdint>

#include "lib/base/types.h"

namespace storpool::placement {

constexpr uint64_t HashLineage(LineageId lineage) {
  uint64_t z = lineage.value() + 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

// The index of the chain in its table; `chains` is the table's N, a power of two.
constexpr uint16_t Locate(LineageId lineage, ChunkIndex chunk, uint32_t chains) {
  return static_cast<uint16_t>((HashLineage(lineage) + chunk.value()) & (chains - 1));
}

}  // namespace storpool::placement
