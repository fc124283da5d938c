// Shared, aligned memory for payloads: one copy in, then the same bytes are written to disk and
// forwarded to the next member.
//
// A Buffer is a counted reference to a slice of a 4 KiB-aligned block of memory. Invariant: memory
// goes back to its pool when the last Buffer that refers to it is gone, never earlier. A pool and
// all its Buffers belong to one reactor thread (counts are not atomic).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace storpool {

class BufferPool;

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer& other);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer other) noexcept;
  ~Buffer();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<uint8_t> span() const { return {data_, size_}; }

  // The same memory, bytes [offset, offset + size_bytes) of this slice, which must hold them.
  Buffer Slice(size_t offset, size_t size_bytes) const;

 private:
  friend class BufferPool;
  struct Block;
  Buffer(Block* block, uint8_t* data, size_t size_bytes);
  static void Release(Block* block);

  Block* block_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Keeps freed blocks by size class (powers of two from 4 KiB to kRequestBytesMax + 4 KiB), so that
// nothing is allocated in steady state. Larger requests are allocated and freed each time.
class BufferPool {
 public:
  BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  // All Buffers must be gone.
  ~BufferPool();

  // Aligned to 4 KiB, at least one block of memory behind it; the content is undefined.
  Buffer Allocate(size_t size_bytes);
  // Filled with zeroes.
  Buffer AllocateZeroed(size_t size_bytes);
  // A copy of `bytes`.
  Buffer Copy(std::span<const uint8_t> bytes);

  // Blocks taken from the system so far: constant in steady state.
  uint64_t blocks_allocated() const { return blocks_allocated_; }
  // Blocks that some Buffer refers to now, and their memory.
  uint64_t blocks_in_use() const { return blocks_in_use_; }
  uint64_t bytes_in_use() const { return bytes_in_use_; }

 private:
  friend class Buffer;
  static constexpr int kClasses = 10;  // 4 KiB << 0 .. 4 KiB << 9 = 2 MiB
  static int ClassOf(size_t size_bytes);
  void Return(Buffer::Block* block);

  Buffer::Block* free_[kClasses] = {};
  uint64_t blocks_allocated_ = 0;
  uint64_t blocks_in_use_ = 0;
  uint64_t bytes_in_use_ = 0;
};

}  // namespace storpool
