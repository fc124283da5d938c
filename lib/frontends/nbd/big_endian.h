// Numbers in network order, as NBD has them, at any alignment.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace storpool::nbd {

static_assert(std::endian::native == std::endian::little);

inline uint16_t SwapBytes(uint16_t value) { return __builtin_bswap16(value); }
inline uint32_t SwapBytes(uint32_t value) { return __builtin_bswap32(value); }
inline uint64_t SwapBytes(uint64_t value) { return __builtin_bswap64(value); }

template <std::unsigned_integral T>
T LoadBig(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return SwapBytes(value);
}

template <std::unsigned_integral T>
void StoreBig(uint8_t* to, T value) {
  value = SwapBytes(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace storpool::nbd
