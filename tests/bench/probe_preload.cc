// The library itself: takes the place of the functions by which a reactor asks the kernel, the heap
// and memcpy for something, counts, and passes the call on. See probe.h.
#include <dlfcn.h>
#include <fcntl.h>
#include <libaio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "tests/bench/probe.h"

namespace {

using storpool::bench::ProbePage;

ProbePage* page = nullptr;
bool unflushed = false;
thread_local bool is_reactor = false;

__attribute__((constructor)) void Open() {
  const char* folder = std::getenv(storpool::bench::kProbeFolder);
  unflushed = std::getenv(storpool::bench::kProbeUnflushed) != nullptr;
  if (folder == nullptr) return;
  const std::string path = std::string(folder) + "/" + std::to_string(getpid());
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(ProbePage)) != 0) return;
  void* memory = mmap(nullptr, sizeof(ProbePage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) page = static_cast<ProbePage*>(memory);
}

void Count(std::atomic<uint64_t> ProbePage::*field, uint64_t by = 1) {
  if (is_reactor && page != nullptr) (page->*field).fetch_add(by, std::memory_order_relaxed);
}

// The function that would have been called without us.
template <class Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// Neither calls memcpy, which is ours.
void* Move(void* to, const void* from, size_t size) {
  void* target = to;
  asm volatile("rep movsb" : "+D"(target), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void* MoveFromTheEnd(void* to, const void* from, size_t size) {
  auto* target = static_cast<char*>(to) + size - 1;
  auto* source = static_cast<const char*>(from) + size - 1;
  asm volatile("std\n rep movsb\n cld" : "+D"(target), "+S"(source), "+c"(size) : : "memory");
  return to;
}

void CountCopy(size_t size) {
  if (size < storpool::bench::kProbeCopyBytes) return;
  Count(&ProbePage::copies);
  Count(&ProbePage::copied_bytes, size);
}

void* Take(size_t size, size_t alignment) {
  Count(&ProbePage::allocations);
  const size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory =
      alignment <= 16 ? std::malloc(size == 0 ? 1 : size) : std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

extern "C" {

int epoll_wait(int epoll, epoll_event* events, int count, int milliseconds) {
  static const auto next = Next<decltype(&epoll_wait)>("epoll_wait");
  Count(&ProbePage::polls);
  return next(epoll, events, count, milliseconds);
}

int epoll_pwait2(int epoll, epoll_event* events, int count, const timespec* limit,
                 const sigset_t* signals) {
  static const auto next = Next<decltype(&epoll_pwait2)>("epoll_pwait2");
  is_reactor = true;  // nobody else sleeps like this
  Count(&ProbePage::polls);
  return next(epoll, events, count, limit, signals);
}

ssize_t recv(int socket, void* to, size_t size, int flags) {
  static const auto next = Next<decltype(&recv)>("recv");
  Count(&ProbePage::receives);
  return next(socket, to, size, flags);
}

ssize_t readv(int fd, const iovec* parts, int count) {
  static const auto next = Next<decltype(&readv)>("readv");
  Count(&ProbePage::receives);
  return next(fd, parts, count);
}

ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  static const auto next = Next<decltype(&sendmsg)>("sendmsg");
  Count(&ProbePage::sends);
  return next(socket, message, flags);
}

ssize_t write(int fd, const void* from, size_t size) {
  static const auto next = Next<decltype(&write)>("write");
  Count(&ProbePage::wakes);
  return next(fd, from, size);
}

int io_submit(io_context_t context, long count, iocb* controls[]) {
  static const auto next = Next<decltype(&io_submit)>("io_submit");
  Count(&ProbePage::submits);
  Count(&ProbePage::device_requests, static_cast<uint64_t>(count));
  for (long i = 0; i < count; ++i) {
    if (unflushed) controls[i]->aio_rw_flags &= ~RWF_DSYNC;
    const bool flush = controls[i]->aio_lio_opcode == IO_CMD_FDSYNC;
    if (flush || (controls[i]->aio_rw_flags & RWF_DSYNC) != 0) Count(&ProbePage::flushes);
  }
  return next(context, count, controls);
}

void* memcpy(void* to, const void* from, size_t size) noexcept {
  CountCopy(size);
  return Move(to, from, size);
}

void* __memcpy_chk(void* to, const void* from, size_t size, size_t) noexcept {
  CountCopy(size);
  return Move(to, from, size);
}

void* memmove(void* to, const void* from, size_t size) noexcept {
  CountCopy(size);
  const auto distance = static_cast<const char*>(to) - static_cast<const char*>(from);
  if (distance <= 0 || static_cast<size_t>(distance) >= size) return Move(to, from, size);
  return MoveFromTheEnd(to, from, size);
}

}  // extern "C"

void* operator new(size_t size) { return Take(size, 16); }
void* operator new[](size_t size) { return Take(size, 16); }
void* operator new(size_t size, std::align_val_t alignment) {
  return Take(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return Take(size, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
