// The bytes a stream still has to send, as pieces of buffers. Small bytes are copied behind each
// other into pooled tail buffers, Buffers are only referenced. Invariant: pieces leave in the order
// they came; nothing is allocated in steady state.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "lib/base/buffer.h"

namespace storpool::env {

class SendQueue {
 public:
  explicit SendQueue(BufferPool& pool) : pool_(pool) {}

  void Copy(std::span<const uint8_t> bytes);
  void Add(Buffer buffer);
  size_t size_bytes() const { return size_bytes_; }
  bool empty() const { return size_bytes_ == 0; }
  // The first pieces, as many as fit; returns how many.
  size_t Gather(std::span<iovec> to) const;
  // The first `size_bytes` have left.
  void Consume(size_t size_bytes);
  void Clear();

 private:
  static constexpr size_t kTailBytes = 16 << 10;

  BufferPool& pool_;
  std::vector<Buffer> pieces_;
  size_t first_ = 0;         // pieces before this one have left
  size_t first_offset_ = 0;  // and so many bytes of it
  size_t size_bytes_ = 0;
  Buffer tail_;  // bytes are copied into it
  size_t tail_used_ = 0;
  bool tail_is_last_ = false;  // the last piece ends where the tail's free room begins
};

}  // namespace storpool::env
