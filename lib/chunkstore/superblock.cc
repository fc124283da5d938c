#include "lib/chunkstore/superblock.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::chunkstore {
namespace {

constexpr uint64_t kSegmentDataMin = 2u << 20;

// A segment takes whole MiBs of payload, each with the descriptor of the largest entry and what
// else travels with it, behind its header: entries of 1 MiB fill it without loss.
constexpr uint32_t SegmentBytesFor(uint64_t data_bytes) {
  constexpr uint64_t kRoomPerRequest = 8u << 10;
  return static_cast<uint32_t>(data_bytes + data_bytes / kRequestBytesMax * kRoomPerRequest + 4096);
}

uint32_t SuperblockCrc(Superblock superblock) {
  superblock.crc = 0;
  return Crc32c(&superblock, sizeof superblock);
}

uint64_t EndArea(uint64_t size_bytes) { return size_bytes / 4096 * 4096 - kAreaBytes; }

}  // namespace

uint64_t SuperblockOffset(uint64_t size_bytes, int copy) {
  return copy == 0 ? 0 : EndArea(size_bytes);
}

void EncodeSuperblock(Superblock superblock, std::span<uint8_t> block) {
  SP_CHECK(block.size() == kSuperblockBytes);
  superblock.crc = SuperblockCrc(superblock);
  std::memset(block.data(), 0, block.size());
  std::memcpy(block.data(), &superblock, sizeof superblock);
}

absl::Status DecodeSuperblock(std::span<const uint8_t> block, Superblock* superblock) {
  SP_CHECK(block.size() >= sizeof *superblock);
  std::memcpy(superblock, block.data(), sizeof *superblock);
  if (superblock->magic != Superblock::kMagic) {
    return absl::NotFoundError("it is no disk of a cluster: 'disk init' makes it one");
  }
  if (superblock->crc != SuperblockCrc(*superblock)) {
    return absl::DataLossError(
        "both superblocks are damaged: forget the disk, and make it anew with 'disk init'; its "
        "chains have other mirrors");
  }
  if (superblock->format_version != kFormatVersion) {
    return absl::FailedPreconditionError(
        "disk format " + std::to_string(superblock->format_version) + ", this program knows " +
        std::to_string(kFormatVersion) + ": use the version that wrote it, or a newer one");
  }
  return absl::OkStatus();
}

absl::Status CheckGeometry(const Superblock& s, const env::DeviceInfo& info) {
  if (s.size_bytes > info.size_bytes) {
    return absl::FailedPreconditionError("the device has " + std::to_string(info.size_bytes) +
                                         " bytes, the store on it needs " +
                                         std::to_string(s.size_bytes) + ": restore its size");
  }
  if (info.sector_bytes > s.sector_bytes) {
    return absl::FailedPreconditionError(
        "the store was made for sectors of " + std::to_string(s.sector_bytes) +
        " bytes, the device has " + std::to_string(info.sector_bytes));
  }
  const bool fits =
      s.segment_bytes % 4096 == 0 && s.segment_bytes >= kSegmentDataMin &&
      s.segment_bytes <= SegmentBytesFor(kSegmentBytes) && s.segments >= kSegmentsMin &&
      (s.sector_bytes == 512 || s.sector_bytes == 4096) && s.size_bytes > 2 * kAreaBytes + 4096 &&
      SegmentOffset(s, s.segments) <= EndArea(s.size_bytes);
  if (!fits) return absl::DataLossError("the superblock's sizes contradict each other");
  return absl::OkStatus();
}

absl::Status ChooseGeometry(const env::DeviceInfo& info, Superblock* s) {
  s->size_bytes = info.size_bytes;
  s->sector_bytes = info.sector_bytes;
  const uint64_t wanted = std::bit_floor(std::max<uint64_t>(info.size_bytes / 512, 1));
  s->segment_bytes = SegmentBytesFor(std::clamp<uint64_t>(wanted, kSegmentDataMin, kSegmentBytes));
  const uint64_t least =
      2 * kAreaBytes + 4096 + uint64_t{kSegmentsMin} * SegmentBytesFor(kSegmentDataMin);
  if (info.size_bytes < least) {
    return absl::InvalidArgumentError("the device has " + std::to_string(info.size_bytes) +
                                      " bytes, a chunk store needs at least " +
                                      std::to_string(least) + ": give it a larger one");
  }
  s->segments = static_cast<uint32_t>((EndArea(info.size_bytes) - kAreaBytes) / s->segment_bytes);
  return absl::OkStatus();
}

}  // namespace storpool::chunkstore
