// What a chain orders and a store keeps of one write, trim or fill: an entry. All blocks of an
// entry have one version: a write is atomic (design 5.1).
#pragma once

#include <cstdint>

#include "lib/base/buffer.h"
#include "lib/base/checksums.h"
#include "lib/base/types.h"

namespace storpool {

// Where blocks lie: a run of blocks of one chunk in one layer of a lineage.
struct Place {
  LineageId lineage;
  ChunkIndex chunk;
  LayerId layer;
  BlockRange blocks;

  auto operator<=>(const Place&) const = default;
};

enum class EntryKind : uint8_t {
  kData = 1,  // payload and a checksum for each block
  kHole = 2,  // trim, write zeroes: a tombstone with a version (design 5.6)
  kEmpty = 3, // an empty step of the sequence: a fill that found something, a freed layer (4.8)
};

// How an entry came here decides what may happen to it (design 4.2, 5.3e): only pending entries
// are moved by W and voided by a void record.
enum class Arrival : uint8_t {
  kPending = 1,    // write, stream, fetch
  kCommitted = 2,  // scan, heal: the higher version wins against what is committed
};

struct Entry {
  Place place;
  Version version;
  EntryKind kind = EntryKind::kData;
  Arrival arrival = Arrival::kPending;
  // The request that made it; number 0 for an entry without one (scan, heal).
  Session session;
  uint64_t number = 0;
  uint64_t answered_below = 0;
  LineVersion line_version;
  // kData only: CRC-32C of each block without seed (4.12), and the blocks themselves.
  Checksums checksums;
  Buffer payload;
};

}  // namespace storpool
