// The two copies of the superblock: docs/disk-format.md section 1.
//
// Always holds: a copy is written only when the other one is whole; generations only rise.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/chunkstore/format.h"
#include "lib/env/device.h"

namespace storpool::chunkstore {

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr uint32_t kSuperblockBytes = 4096;
inline constexpr uint64_t kAreaBytes = 64u << 10;
inline constexpr uint32_t kSegmentsMin = 24;

// Where a stream stands: its last batch, and where the next one would begin in the same segment.
struct StreamPosition {
  BatchName last;
  uint64_t segment_sequence = 0;
  uint32_t segment = kNoSegment;
  uint32_t offset_bytes = 0;
};
static_assert(sizeof(StreamPosition) == 32);

struct CheckpointRoot {
  uint64_t checkpoint = 0;        // counts; 0: empty, no index batches
  uint64_t sequence = 1;          // log-wide: replay begins here
  uint64_t incarnation = 0;       // that wrote it
  uint64_t log_end = 0;           // number of the last log batch that was surely durable
  uint64_t segment_sequence = 0;  // the highest given out
  uint64_t index_batches = 0;
  uint32_t index_segment = kNoSegment;  // where the first one stands
  uint32_t state_batch = 0;             // of those before this one only the pages count
  BatchName index_last;
  StreamPosition streams[kStreams];  // at `sequence`; the index stream's: before the first one
};
static_assert(sizeof(CheckpointRoot) == 72 + 4 * 32);

struct Superblock {
  static constexpr uint64_t kMagic = 0x314b5349'444c5053u;  // "SPLDISK1"
  static constexpr uint16_t kDamaged = 1;
  uint64_t magic = kMagic;
  uint32_t crc = 0;  // of the whole struct, this field zero
  uint32_t format_version = kFormatVersion;
  uint64_t generation = 0;
  uint8_t cluster[16] = {};
  uint64_t store = 0;
  uint64_t incarnation = 0;
  uint64_t size_bytes = 0;
  uint32_t segment_bytes = 0;
  uint32_t segments = 0;
  uint32_t sector_bytes = 0;
  uint16_t disk = 0;
  uint16_t flags = 0;
  CheckpointRoot root;
};
static_assert(sizeof(Superblock) == 80 + sizeof(CheckpointRoot));
static_assert(offsetof(Superblock, crc) == 8 && offsetof(Superblock, root) == 80);
static_assert(sizeof(Superblock) <= 512, "one sector: a torn copy is old or new, or fails its crc");

uint64_t SuperblockOffset(uint64_t size_bytes, int copy);
inline uint64_t SegmentOffset(const Superblock& s, uint32_t segment) {
  return kAreaBytes + uint64_t{segment} * s.segment_bytes;
}

// `block` is kSuperblockBytes long.
void EncodeSuperblock(Superblock superblock, std::span<uint8_t> block);
// kNotFound: no superblock of ours; kDataLoss: damaged; kFailedPrecondition: a newer format.
absl::Status DecodeSuperblock(std::span<const uint8_t> block, Superblock* superblock);
// Is it right for this device? Names what is wrong.
absl::Status CheckGeometry(const Superblock& superblock, const env::DeviceInfo& info);
// Fills in the sizes for a device; kInvalidArgument if it is too small.
absl::Status ChooseGeometry(const env::DeviceInfo& info, Superblock* superblock);

}  // namespace storpool::chunkstore
