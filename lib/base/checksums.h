// The CRC-32C values of a run of blocks, one for each, without an allocation: up to four in place,
// more in a pooled buffer.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "lib/base/buffer.h"

namespace storpool {

class Checksums {
 public:
  Checksums() = default;
  // `count` values, undefined until written through span().
  Checksums(size_t count, BufferPool& pool);

  size_t size() const { return count_; }
  std::span<uint32_t> span() { return {values(), count_}; }
  std::span<const uint32_t> span() const { return {values(), count_}; }
  uint32_t operator[](size_t i) const { return values()[i]; }

 private:
  static constexpr size_t kInline = 4;
  uint32_t* values() {
    return count_ <= kInline ? inline_.data() : reinterpret_cast<uint32_t*>(pooled_.data());
  }
  const uint32_t* values() const { return const_cast<Checksums*>(this)->values(); }

  size_t count_ = 0;
  std::array<uint32_t, kInline> inline_ = {};
  Buffer pooled_;
};

inline Checksums::Checksums(size_t count, BufferPool& pool) : count_(count) {
  if (count > kInline) pooled_ = pool.Allocate(count * sizeof(uint32_t));
}

}  // namespace storpool
