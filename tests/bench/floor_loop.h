// The event loop of one role of the floor: frames with a fixed header over loopback sockets, bodies
// kept in numbered slots that the sender reuses only when everyone is done with them.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace storpool::bench {

enum class FloorFrame : uint32_t { kWrite, kRead, kReport, kDone, kContent };

struct FloorHead {
  FloorFrame kind = FloorFrame::kDone;
  uint32_t slot = 0;
  uint64_t offset_bytes = 0;
  uint32_t body_bytes = 0;
  uint32_t unused = 0;
};

// One end of a connection: what is half received, and what waits to be sent.
class FloorConnection {
 public:
  explicit FloorConnection(int fd) : fd_(fd), buffer_(64 << 10) {}
  int fd() const { return fd_; }
  // Memory that stays as it is until it has left.
  void Queue(const void* data, size_t size_bytes);
  bool waiting() const { return first_ < out_.size(); }
  // False if the other end is gone.
  bool Flush();

 private:
  friend class FloorLoop;
  int fd_;
  std::vector<iovec> out_;
  size_t first_ = 0;    // of out_ that has not left
  bool armed_ = false;  // EPOLLOUT is asked for
  std::vector<uint8_t> buffer_;
  FloorHead head_;
  size_t head_got_ = 0;
  size_t body_got_ = 0;
  bool in_body_ = false;
};

class FloorLoop {
 public:
  FloorLoop(uint32_t slots, uint32_t block_bytes);
  virtual ~FloorLoop();
  FloorLoop(const FloorLoop&) = delete;
  FloorLoop& operator=(const FloorLoop&) = delete;

  FloorConnection* Add(int fd);
  // Until Stop() or the other end of a connection is gone.
  void Run();

 protected:
  void Stop() { stopped_ = true; }
  // Also wakes the loop when `fd` is readable; then OnEvent.
  void Watch(int fd);
  uint8_t* Body(uint32_t slot) { return memory_ + size_t{slot} * stride_; }

  virtual void BeforeSleep() {}
  virtual void OnEvent() {}
  // The header of a frame, then its body as it comes in, then the whole frame.
  virtual void OnHead(FloorConnection& from, const FloorHead& head);
  virtual void OnPiece(FloorConnection& from, const FloorHead& head, size_t at, size_t size_bytes);
  virtual void OnFrame(FloorConnection& from, const FloorHead& head) = 0;

 private:
  void Receive(FloorConnection& c);
  void Take(FloorConnection& c, const uint8_t* bytes, size_t size_bytes);
  void TakeBody(FloorConnection& c, size_t size_bytes);
  void FlushAll();

  int epoll_ = -1;
  bool stopped_ = false;
  size_t stride_;
  uint32_t slots_;
  uint8_t* memory_;
  std::vector<std::unique_ptr<FloorConnection>> connections_;
};

// Ends the process with a message that names what failed.
[[noreturn]] void FloorFails(const char* what);

}  // namespace storpool::bench
