// CRC-32C, the checksum of blocks, batches and frames, and the seed that binds a block's checksum
// to its identity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/types.h"

namespace storpool {

// CRC-32C (Castagnoli) of `bytes`; `start` chains calls: Crc32c(b, Crc32c(a)) == Crc32c(a + b).
uint32_t Crc32c(std::span<const uint8_t> bytes, uint32_t start = 0);
uint32_t Crc32c(const void* data, size_t size_bytes, uint32_t start = 0);

// The checksum of a block of 4096 zeroes.
inline constexpr uint32_t kZeroBlockCrc = 0x98f94189;

// What a block's checksum is combined with (xor) before it is stored, so that a misdirected, lost
// or stale block fails its check (design 4.12). Taken off again on the way out.
uint32_t ChecksumSeed(LineageId lineage, ChunkIndex chunk, uint32_t block, Version version);

}  // namespace storpool
