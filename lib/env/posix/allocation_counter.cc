#include "lib/env/posix/allocation_counter.h"

#include <cstdlib>
#include <new>

#include "lib/base/check.h"

namespace storpool::env {
namespace {

thread_local uint64_t allocations = 0;

void* Take(size_t size_bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (size_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  SP_CHECK(memory != nullptr);
  return memory;
}

}  // namespace

uint64_t AllocationsOfThisThread() { return allocations; }

}  // namespace storpool::env

void* operator new(size_t size) {
  return storpool::env::Take(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new[](size_t size) {
  return storpool::env::Take(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(size_t size, std::align_val_t alignment) {
  return storpool::env::Take(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return storpool::env::Take(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
