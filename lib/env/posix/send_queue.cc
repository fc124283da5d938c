#include "lib/env/posix/send_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/check.h"

namespace storpool::env {

void SendQueue::Copy(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    if (tail_.empty() || tail_used_ == tail_.size()) {
      tail_ = pool_.Allocate(kTailBytes);
      tail_used_ = 0;
      tail_is_last_ = false;
    }
    const size_t part = std::min(bytes.size(), tail_.size() - tail_used_);
    std::memcpy(tail_.data() + tail_used_, bytes.data(), part);
    if (tail_is_last_) {
      const size_t joined = pieces_.back().size() + part;
      pieces_.back() = tail_.Slice(tail_used_ + part - joined, joined);
    } else {
      pieces_.push_back(tail_.Slice(tail_used_, part));
      tail_is_last_ = true;
    }
    tail_used_ += part;
    size_bytes_ += part;
    bytes = bytes.subspan(part);
  }
}

void SendQueue::Add(Buffer buffer) {
  if (buffer.empty()) return;
  size_bytes_ += buffer.size();
  pieces_.push_back(std::move(buffer));
  tail_is_last_ = false;
}

size_t SendQueue::Gather(std::span<iovec> to) const {
  const size_t count = std::min(to.size(), pieces_.size() - first_);
  for (size_t i = 0; i < count; ++i) {
    const Buffer& piece = pieces_[first_ + i];
    const size_t skip = i == 0 ? first_offset_ : 0;
    to[i] = {piece.data() + skip, piece.size() - skip};
  }
  return count;
}

void SendQueue::Consume(size_t size_bytes) {
  SP_CHECK(size_bytes <= size_bytes_);
  size_bytes_ -= size_bytes;
  if (size_bytes_ == 0) return Clear();
  while (size_bytes > 0) {
    const size_t left = pieces_[first_].size() - first_offset_;
    if (size_bytes < left) {
      first_offset_ += size_bytes;
      break;
    }
    size_bytes -= left;
    pieces_[first_++] = Buffer();
    first_offset_ = 0;
  }
  // Under steady load the queue may never be empty: forget what has left now and then.
  if (first_ >= 64 && first_ * 2 >= pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

void SendQueue::Clear() {
  pieces_.clear();
  first_ = first_offset_ = size_bytes_ = 0;
  tail_used_ = 0;  // nothing refers to the tail any more
  tail_is_last_ = false;
}

}  // namespace storpool::env
