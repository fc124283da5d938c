// Coroutines for the store's cold paths (format, recovery, checkpoint, cleaning), so that a long
// talk with the device reads from top to bottom. Never on the path of a write or a read.
//
// Always holds: a Task runs only while somebody awaits it or it was detached; destroying a Task
// that waits for the device is right only when the device is stopped (nothing calls back).
#pragma once

#include <coroutine>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/base/check.h"
#include "lib/env/device.h"
#include "lib/env/reactor.h"

namespace storpool::chunkstore {

// A coroutine that gives an absl::Status. Starts when awaited.
class [[nodiscard]] Task {
 public:
  struct promise_type {
    absl::Status result;
    std::coroutine_handle<> waiter = std::noop_coroutine();

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
        return h.promise().waiter;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(absl::Status status) { result = std::move(status); }
    void unhandled_exception() { std::terminate(); }
  };

  Task() = default;
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Runs it up to its first wait, for a Task that nobody awaits; its owner keeps the object.
  void Start() { handle_.resume(); }
  bool done() const { return !handle_ || handle_.done(); }

  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) {
    handle_.promise().waiter = waiter;
    return handle_;
  }
  absl::Status await_resume() { return std::move(handle_.promise().result); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// Starts at once and frees itself at its end: for Format, Identify and Open, whose callers hold
// nothing but their callback.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Goes on in a later turn.
struct NextTurn {
  env::Reactor& reactor;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    reactor.Post([h] { h.resume(); });
  }
  void await_resume() const {}
};

// One device request.
class DeviceWait : public env::DeviceIo {
 public:
  DeviceWait(env::Device& device, Op operation, uint64_t offset, std::span<uint8_t> memory,
             uint64_t discard = 0)
      : device_(device), slice_{memory.data(), memory.size()} {
    op = operation;
    discard_bytes = discard;
    durable = operation == Op::kWrite;
    offset_bytes = offset;
    if (!memory.empty()) slices = {&slice_, 1};
  }
  DeviceWait(const DeviceWait&) = delete;
  DeviceWait& operator=(const DeviceWait&) = delete;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) {
    waiter_ = h;
    device_.Queue(this);
  }
  absl::Status await_resume() { return std::move(status_); }
  void OnDone(const absl::Status& status) override {
    status_ = status;
    waiter_.resume();
  }

 private:
  env::Device& device_;
  env::IoSlice slice_;
  absl::Status status_;
  std::coroutine_handle<> waiter_;
};

inline DeviceWait ReadDevice(env::Device& device, uint64_t offset, std::span<uint8_t> to) {
  return DeviceWait(device, env::DeviceIo::Op::kRead, offset, to);
}
// Durable when it is done.
inline DeviceWait WriteDevice(env::Device& device, uint64_t offset, std::span<uint8_t> from) {
  return DeviceWait(device, env::DeviceIo::Op::kWrite, offset, from);
}

// Makes durable what has been written so far, by whomever.
inline DeviceWait FlushDevice(env::Device& device) {
  return DeviceWait(device, env::DeviceIo::Op::kFlush, 0, {});
}

// The content of the range does not matter any more.
inline DeviceWait DiscardDevice(env::Device& device, uint64_t offset, uint64_t bytes) {
  return DeviceWait(device, env::DeviceIo::Op::kDiscard, offset, {}, bytes);
}

// Waits until somebody calls Notify; one waiter.
class Signal {
 public:
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> h) { waiter_ = h; }
  void await_resume() const {}
  void Notify() {
    if (auto h = std::exchange(waiter_, nullptr)) h.resume();
  }

 private:
  std::coroutine_handle<> waiter_;
};

}  // namespace storpool::chunkstore

// SP_RETURN_IF_ERROR for coroutines; `expression` may await.
#define SP_RETURN_CO(expression)                                                     \
  do {                                                                               \
    if (absl::Status sp_status = (expression); !sp_status.ok()) co_return sp_status; \
  } while (false)
