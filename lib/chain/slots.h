// Operations under way, found again by a number that is never used twice: an answer that comes
// after its operation ended finds nothing. Keeps its memory.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace storpool::chain {

template <class T>
class Slots {
 public:
  // `tag` (0 to 3) keeps the ids of several tables apart.
  explicit Slots(uint64_t tag) : tag_(tag) {}
  static uint64_t TagOf(uint64_t id) { return id & 3; }

  // A free slot, in the state in which its last user left it.
  std::pair<uint64_t, T*> Take() {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].id = ++serial_ << 26 | uint64_t{index} << 2 | tag_;
    return {slots_[index].id, &slots_[index].value};
  }
  T* Find(uint64_t id) {
    const uint64_t index = id >> 2 & 0xffffff;
    return index < slots_.size() && slots_[index].id == id && id != 0 ? &slots_[index].value
                                                                      : nullptr;
  }
  void Free(uint64_t id) {
    if (Find(id) == nullptr) return;
    const uint32_t index = id >> 2 & 0xffffff;
    slots_[index].id = 0;
    free_.push_back(index);
  }
  // The ids in use, in an order that depends only on the calls so far; `f` may take and free.
  template <class F>
  void ForEach(F f) {
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].id != 0) f(slots_[i].id, slots_[i].value);
    }
  }
  size_t used() const { return slots_.size() - free_.size(); }

 private:
  struct Slot {
    uint64_t id = 0;
    T value;
  };
  const uint64_t tag_;
  uint64_t serial_ = 0;
  std::deque<Slot> slots_;  // references stay good while others are taken
  std::vector<uint32_t> free_;
};

}  // namespace storpool::chain
