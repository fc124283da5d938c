// A bit for each block of a part of a request.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "lib/base/limits.h"
#include "lib/base/types.h"

namespace storpool::client {

class BlockBits {
 public:
  using Words = std::array<uint64_t, kRequestBlocksMax / 64>;

  BlockBits() = default;
  explicit BlockBits(const Words& words) : words_(words) {}

  bool Has(uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void Set(uint32_t i) { words_[i / 64] |= uint64_t{1} << (i % 64); }
  void Clear(uint32_t i) { words_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  bool Any() const {
    uint64_t any = 0;
    for (uint64_t word : words_) any |= word;
    return any != 0;
  }
  std::span<uint64_t> words() { return words_; }
  // The shortest range with all bits; count 0 if there are none.
  BlockRange Cover() const {
    BlockRange cover = {0, 0};
    for (uint32_t i = 0; i < kRequestBlocksMax; ++i) {
      if (!Has(i)) continue;
      if (cover.count == 0) cover.first = i;
      cover.count = i - cover.first + 1;
    }
    return cover;
  }
  // The run of set bits that begins at or after `from`; count 0 if there is none.
  BlockRange NextRun(uint32_t from) const {
    while (from < kRequestBlocksMax && !Has(from)) ++from;
    uint32_t end = from;
    while (end < kRequestBlocksMax && Has(end)) ++end;
    return {from, end - from};
  }

 private:
  Words words_ = {};
};

}  // namespace storpool::client
