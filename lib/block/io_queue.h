// Requests waiting in the order in which they came. Links through BlockIo::next, so nothing is
// allocated; a request is in one queue at most, because it has one holder at a time.
#pragma once

#include <utility>

#include "lib/base/check.h"
#include "lib/block/block_device.h"

namespace storpool::block {

class IoQueue {
 public:
  IoQueue() = default;
  IoQueue(const IoQueue&) = delete;
  IoQueue& operator=(const IoQueue&) = delete;

  bool empty() const { return first_ == nullptr; }
  // The queue must not be empty.
  BlockIo* front() const { return first_; }

  void Push(BlockIo* io) {
    io->next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = io;
    last_ = io;
  }
  BlockIo* Pop() {
    SP_CHECK(first_ != nullptr);
    BlockIo* io = std::exchange(first_, first_->next);
    io->next = nullptr;
    return io;
  }
  void Swap(IoQueue& other) {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
  }

 private:
  BlockIo* first_ = nullptr;
  BlockIo* last_ = nullptr;
};

}  // namespace storpool::block
