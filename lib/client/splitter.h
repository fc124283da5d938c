// Splits a byte range of a volume into parts that a chain takes as one request (design 9.1): inside
// one chunk and, for requests with a payload, over at most 256 blocks, so that what the head makes
// of unaligned edges is still one entry of at most 1 MiB. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/limits.h"
#include "lib/base/types.h"

namespace storpool::client {

struct Part {
  ChunkIndex chunk;
  uint32_t first_sector = 0;  // within the chunk
  uint32_t sectors = 0;       // > 0
  uint64_t at_bytes = 0;      // where the part begins within the whole request

  uint32_t size_bytes() const { return sectors * kSectorBytes; }
  // The blocks it touches, edges included.
  BlockRange blocks() const {
    const uint32_t first = first_sector / kSectorsPerBlock;
    const uint32_t last = (first_sector + sectors - 1) / kSectorsPerBlock;
    return {first, last - first + 1};
  }
  bool operator==(const Part&) const = default;
};

// Gives the parts in order; together they are exactly the range.
class Splitter {
 public:
  // Both in bytes, multiples of kSectorBytes. `blocks_max`: what one part may touch.
  Splitter(uint64_t offset_bytes, uint64_t size_bytes, uint32_t blocks_max)
      : offset_(offset_bytes),
        end_(offset_bytes + size_bytes),
        begin_(offset_bytes),
        blocks_max_(blocks_max) {}

  bool done() const { return offset_ == end_; }

  Part Next() {
    const uint64_t chunk_start = offset_ / kChunkBytes * kChunkBytes;
    const uint64_t block_start = offset_ / kBlockBytes * kBlockBytes;
    const uint64_t part_end = std::min(
        {end_, chunk_start + kChunkBytes, block_start + uint64_t{blocks_max_} * kBlockBytes});
    Part part;
    part.chunk = ChunkIndex(static_cast<uint32_t>(offset_ / kChunkBytes));
    part.first_sector = static_cast<uint32_t>((offset_ - chunk_start) / kSectorBytes);
    part.sectors = static_cast<uint32_t>((part_end - offset_) / kSectorBytes);
    part.at_bytes = offset_ - begin_;
    offset_ = part_end;
    return part;
  }

 private:
  uint64_t offset_;
  uint64_t end_;
  uint64_t begin_;
  uint32_t blocks_max_;
};

}  // namespace storpool::client
