// The entries of one chain above its W, in version order (design 4.5): kept beside the committed
// ones, they replace nothing until W passes them. Payload is not here but in the log, or in its
// batch until that is written.
//
// Always holds: versions rise strictly; in steady state nothing is allocated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/base/entry.h"

namespace storpool::chunkstore {

// Where payload lies that is not on the device yet: a batch in memory, and a block of its payload.
inline constexpr uint64_t kMemoryLocation = uint64_t{1} << 39;
constexpr uint64_t MemoryLocation(uint32_t batch_slot, uint32_t payload_block) {
  return kMemoryLocation | uint64_t{batch_slot} << 16 | payload_block;
}
constexpr bool IsMemory(uint64_t location) { return (location & kMemoryLocation) != 0; }

struct PendingEntry {
  Entry entry;            // without payload
  uint64_t location = 0;  // in memory until its batch is sealed; holes too
};

class PendingSet {
 public:
  using Iterator = std::vector<PendingEntry>::iterator;

  Iterator begin() { return entries_.begin() + static_cast<ptrdiff_t>(head_); }
  Iterator end() { return entries_.end(); }
  auto begin() const { return entries_.begin() + static_cast<ptrdiff_t>(head_); }
  auto end() const { return entries_.end(); }
  bool empty() const { return head_ == entries_.size(); }
  size_t size() const { return entries_.size() - head_; }

  Iterator LowerBound(Version version) {
    if (!empty() && entries_.back().entry.version < version) return end();
    return std::lower_bound(begin(), end(), version,
                            [](const PendingEntry& e, Version v) { return e.entry.version < v; });
  }
  // Its version must not be there.
  Iterator Insert(PendingEntry entry) {
    return entries_.insert(LowerBound(entry.entry.version), std::move(entry));
  }
  void Erase(Iterator first, Iterator last) {
    if (first == begin()) {
      for (auto it = first; it != last; ++it) *it = PendingEntry();
      head_ += static_cast<size_t>(last - first);
      Compact();
    } else {
      entries_.erase(first, last);
    }
  }

 private:
  void Compact() {
    if (head_ == entries_.size()) {
      entries_.clear();
      head_ = 0;
    } else if (head_ >= 64 && head_ >= entries_.size() / 2) {
      entries_.erase(entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  std::vector<PendingEntry> entries_;
  size_t head_ = 0;
};

}  // namespace storpool::chunkstore
