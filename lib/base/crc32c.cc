#include "lib/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace storpool {

uint32_t Crc32c(const void* data, size_t size_bytes, uint32_t start) {
  // The library takes an int length and no const; it never writes.
  auto* bytes = const_cast<unsigned char*>(static_cast<const unsigned char*>(data));
  uint32_t crc = ~start;
  while (size_bytes > 0) {
    const size_t part = std::min<size_t>(size_bytes, INT_MAX);
    crc = crc32_iscsi(bytes, static_cast<int>(part), crc);
    bytes += part;
    size_bytes -= part;
  }
  return ~crc;
}

uint32_t Crc32c(std::span<const uint8_t> bytes, uint32_t start) {
  return Crc32c(bytes.data(), bytes.size(), start);
}

uint32_t ChecksumSeed(LineageId lineage, ChunkIndex chunk, uint32_t block, Version version) {
  const uint64_t lineage_raw = lineage.value();
  const uint32_t chunk_raw = chunk.value();
  const uint64_t version_raw = version.raw();
  uint8_t identity[24];
  std::memcpy(identity, &lineage_raw, 8);
  std::memcpy(identity + 8, &chunk_raw, 4);
  std::memcpy(identity + 12, &block, 4);
  std::memcpy(identity + 16, &version_raw, 8);
  return Crc32c(identity, sizeof identity);
}

}  // namespace storpool
