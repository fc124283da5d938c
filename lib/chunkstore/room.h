// How much of a disk clients may fill, and what is kept back so that the store can always clean,
// checkpoint, trim and open (design 4.9, 4.11).
//
// Always holds: what backs a reservation is never needed by the store itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/chunkstore/format.h"

namespace storpool::chunkstore {

struct Room {
  uint32_t segments = 0;
  uint32_t segment_bytes = 0;
  uint32_t index_segments = 0;  // one whole index
  uint32_t root_segments = 0;   // the index of a root, with what checkpoints added to it

  // `index_now`: its bytes now; holes, and pages of few blocks, may make it larger than that of a
  // full disk.
  static Room Of(uint32_t segments, uint32_t segment_bytes, uint64_t index_now) {
    const uint64_t blocks = uint64_t{segments} * (segment_bytes / kBlockBytes);
    const uint64_t of_full_disk = blocks * (sizeof(IndexEntry) + 2);
    const uint64_t index_bytes = std::max(of_full_disk, index_now) + (256u << 10);
    const auto most = [&](uint64_t bytes) {
      return static_cast<uint32_t>(
          std::min<uint64_t>(RoundUp(bytes, segment_bytes) / segment_bytes, segments / 4));
    };
    return {segments, segment_bytes, most(index_bytes), most(index_bytes + index_bytes / 2)};
  }
  // A victim's live blocks fill at most two new segments; then an index must still fit, and the
  // log's first batch after a crash. With this many free a victim may be cleaned.
  uint32_t cleaning_segments() const { return index_segments + 3; }
  // Data of clients never takes the last ones.
  uint32_t kept_segments() const { return cleaning_segments() + 2; }
  // Cleaning begins below this, and goes on for some more: each round ends with a checkpoint, and
  // while it runs clients must not come down to the kept ones, or they stand still until its end.
  uint32_t low_segments() const { return kept_segments() + 4 + segments / 24; }
  uint32_t enough_segments() const { return low_segments() + 4 + segments / 48; }
  uint64_t usable_bytes() const {
    // Kept ones, the present index, three open segments, two for progress.
    const uint32_t fixed = kept_segments() + root_segments + 5;
    if (segments <= fixed) return 0;
    return uint64_t{segments - fixed} * segment_bytes / 100 * 94 / kBlockBytes * kBlockBytes;
  }
};

}  // namespace storpool::chunkstore
