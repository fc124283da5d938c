// The headers of what a server answers in transmission, encoded in place: nothing is allocated.
// Pure.
#pragma once

#include <array>
#include <cstdint>

#include "lib/frontends/nbd/big_endian.h"
#include "lib/frontends/nbd/constants.h"

namespace storpool::nbd {

inline constexpr size_t kSimpleReplyBytes = 16;
inline constexpr size_t kChunkHeaderBytes = 20;

// A whole simple reply, but for the data of a read.
inline std::array<uint8_t, kSimpleReplyBytes> SimpleReply(Error error, uint64_t cookie) {
  std::array<uint8_t, kSimpleReplyBytes> out;
  StoreBig(out.data(), kSimpleReplyMagic);
  StoreBig(out.data() + 4, static_cast<uint32_t>(error));
  StoreBig(out.data() + 8, cookie);
  return out;
}

// The header of a chunk of a structured reply; `size_bytes` bytes follow. Writes
// kChunkHeaderBytes.
inline void StoreChunkHeader(uint8_t* out, uint16_t flags, Chunk type, uint64_t cookie,
                             uint32_t size_bytes) {
  StoreBig(out, kStructuredReplyMagic);
  StoreBig(out + 4, flags);
  StoreBig(out + 6, static_cast<uint16_t>(type));
  StoreBig(out + 8, cookie);
  StoreBig(out + 16, size_bytes);
}

// Of kOffsetData; `data_bytes` bytes of data follow.
inline std::array<uint8_t, kChunkHeaderBytes + 8> OffsetDataHeader(uint16_t flags, uint64_t cookie,
                                                                   uint64_t offset_bytes,
                                                                   uint32_t data_bytes) {
  std::array<uint8_t, kChunkHeaderBytes + 8> out;
  StoreChunkHeader(out.data(), flags, Chunk::kOffsetData, cookie, 8 + data_bytes);
  StoreBig(out.data() + kChunkHeaderBytes, offset_bytes);
  return out;
}

// A whole kOffsetHole: these bytes read as zeroes.
inline std::array<uint8_t, kChunkHeaderBytes + 12> OffsetHole(uint16_t flags, uint64_t cookie,
                                                              uint64_t offset_bytes,
                                                              uint32_t hole_bytes) {
  std::array<uint8_t, kChunkHeaderBytes + 12> out;
  StoreChunkHeader(out.data(), flags, Chunk::kOffsetHole, cookie, 12);
  StoreBig(out.data() + kChunkHeaderBytes, offset_bytes);
  StoreBig(out.data() + kChunkHeaderBytes + 8, hole_bytes);
  return out;
}

}  // namespace storpool::nbd
