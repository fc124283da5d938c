// What a chain remembers of one session's requests, so that a repeated one runs once (design 5.8):
// a mark, below which everything was answered, and the numbers in [mark, mark + kWindowNumbers)
// that are committed. Kept apart from the data (R10): a hole that is dropped, or a block that is
// written over, takes no number along.
#pragma once

#include <array>
#include <cstdint>

#include "lib/base/limits.h"

namespace storpool {

class RequestWindow {
 public:
  enum class State { kBelow, kCommitted, kUnknown, kBeyond };

  // kBelow: answered before, to be refused. kBeyond: the client breaks the rule of 256.
  State Find(uint64_t number) const;
  // Raises the mark; it never falls. Numbers below it are forgotten.
  void RaiseMark(uint64_t answered_below);
  // A number below the mark is already forgotten: nothing happens. One beyond the window proves
  // that the client's mark has risen (S1): the window moves up.
  void Commit(uint64_t number);
  // Takes over what another member of the chain knows: the higher mark, the union of the numbers.
  void Merge(const RequestWindow& other);

  uint64_t mark() const { return mark_; }
  using Bits = std::array<uint64_t, kWindowNumbers / 64>;
  // Bit (n % kWindowNumbers) belongs to number n of the window.
  const Bits& bits() const { return bits_; }
  static RequestWindow FromParts(uint64_t mark, const Bits& bits);

  bool operator==(const RequestWindow&) const = default;

 private:
  bool Get(uint64_t number) const;
  void Set(uint64_t number, bool value);

  uint64_t mark_ = 1;  // numbers count from 1
  Bits bits_ = {};
};

}  // namespace storpool
