#include "lib/base/buffer.h"

#include <cstdlib>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool {

struct Buffer::Block {
  BufferPool* pool;
  uint8_t* memory;
  Block* next_free;
  uint32_t references;
  int size_class;  // -1: larger than every class
  size_t capacity;
};

Buffer::Buffer(Block* block, uint8_t* data, size_t size_bytes)
    : block_(block), data_(data), size_(size_bytes) {}

Buffer::Buffer(const Buffer& other)
    : block_(other.block_), data_(other.data_), size_(other.size_) {
  if (block_ != nullptr) ++block_->references;
}

Buffer::Buffer(Buffer&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer other) noexcept {
  std::swap(block_, other.block_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() {
  if (block_ != nullptr) Release(block_);
}

void Buffer::Release(Block* block) {
  SP_CHECK(block->references > 0);
  if (--block->references == 0) block->pool->Return(block);
}

Buffer Buffer::Slice(size_t offset, size_t size_bytes) const {
  SP_CHECK(offset <= size_ && size_bytes <= size_ - offset);
  if (block_ != nullptr) ++block_->references;
  return Buffer(block_, data_ + offset, size_bytes);
}

BufferPool::BufferPool() = default;

BufferPool::~BufferPool() {
  SP_CHECK(blocks_in_use_ == 0);
  for (Buffer::Block*& list : free_) {
    while (list != nullptr) {
      Buffer::Block* block = list;
      list = block->next_free;
      std::free(block->memory);
      delete block;
    }
  }
}

int BufferPool::ClassOf(size_t size_bytes) {
  for (int c = 0; c < kClasses; ++c) {
    if (size_bytes <= size_t{kBlockBytes} << c) return c;
  }
  return -1;
}

Buffer BufferPool::Allocate(size_t size_bytes) {
  const int c = ClassOf(size_bytes);
  ++blocks_in_use_;
  Buffer::Block* block = c >= 0 ? free_[c] : nullptr;
  if (block != nullptr) {
    free_[c] = block->next_free;
    block->references = 1;
    bytes_in_use_ += block->capacity;
    return Buffer(block, block->memory, size_bytes);
  }
  ++blocks_allocated_;
  const size_t rounded = (size_bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  const size_t capacity = c >= 0 ? size_t{kBlockBytes} << c : rounded;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(kBlockBytes, capacity));
  SP_CHECK(memory != nullptr);
  bytes_in_use_ += capacity;
  return Buffer(new Buffer::Block{this, memory, nullptr, 1, c, capacity}, memory, size_bytes);
}

Buffer BufferPool::AllocateZeroed(size_t size_bytes) {
  Buffer buffer = Allocate(size_bytes);
  std::memset(buffer.data(), 0, size_bytes);
  return buffer;
}

Buffer BufferPool::Copy(std::span<const uint8_t> bytes) {
  Buffer buffer = Allocate(bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.data(), bytes.data(), bytes.size());
  return buffer;
}

void BufferPool::Return(Buffer::Block* block) {
  --blocks_in_use_;
  bytes_in_use_ -= block->capacity;
  if (block->size_class < 0) {
    std::free(block->memory);
    delete block;
    return;
  }
  block->next_free = free_[block->size_class];
  free_[block->size_class] = block;
}

}  // namespace storpool
