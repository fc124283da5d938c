// A queue that keeps its memory: push at the back, pop at the front, truncate at the back, all
// without allocating once it has grown to what is in flight.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "lib/base/check.h"

namespace storpool::chain {

template <class T>
class Ring {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  const T& operator[](size_t i) const { return slots_[(first_ + i) & (slots_.size() - 1)]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    if (size_ == slots_.size()) Grow();
    ++size_;
    back() = std::move(value);
  }
  void pop_front() {
    SP_CHECK(size_ > 0);
    front() = T();
    ++first_;
    --size_;
  }
  void pop_back() {
    SP_CHECK(size_ > 0);
    back() = T();
    --size_;
  }
  void clear() {
    while (size_ > 0) pop_back();
  }

 private:
  void Grow() {
    std::vector<T> larger(slots_.empty() ? 16 : 2 * slots_.size());
    for (size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace storpool::chain
