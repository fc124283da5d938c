#include "tests/bench/floor_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace storpool::bench {

void FloorFails(const char* what) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
  std::_Exit(2);
}

void FloorConnection::Queue(const void* data, size_t size_bytes) {
  auto* begin = static_cast<uint8_t*>(const_cast<void*>(data));
  if (waiting()) {
    iovec& last = out_.back();
    if (static_cast<uint8_t*>(last.iov_base) + last.iov_len == begin) {
      last.iov_len += size_bytes;
      return;
    }
  }
  out_.push_back({begin, size_bytes});
}

bool FloorConnection::Flush() {
  while (waiting()) {
    msghdr message = {};
    message.msg_iov = &out_[first_];
    message.msg_iovlen = std::min<size_t>(out_.size() - first_, 256);
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    auto left = static_cast<size_t>(sent);
    while (left > 0) {
      iovec& front = out_[first_];
      const size_t n = std::min(left, front.iov_len);
      front.iov_base = static_cast<uint8_t*>(front.iov_base) + n;
      front.iov_len -= n;
      left -= n;
      if (front.iov_len == 0) ++first_;
    }
  }
  out_.clear();
  first_ = 0;
  return true;
}

FloorLoop::FloorLoop(uint32_t slots, uint32_t block_bytes)
    : stride_((block_bytes + 4095) / size_t{4096} * 4096), slots_(slots) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) FloorFails("epoll_create1");
  memory_ = static_cast<uint8_t*>(std::aligned_alloc(4096, stride_ * slots));
  if (memory_ == nullptr) FloorFails("memory");
  std::memset(memory_, 0x6b, stride_ * slots);
}

FloorLoop::~FloorLoop() {
  close(epoll_);
  std::free(memory_);
}

FloorConnection* FloorLoop::Add(int fd) {
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) FloorFails("fcntl");
  connections_.push_back(std::make_unique<FloorConnection>(fd));
  FloorConnection* c = connections_.back().get();
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = c;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) FloorFails("epoll_ctl");
  return c;
}

void FloorLoop::Watch(int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) FloorFails("epoll_ctl");
}

void FloorLoop::Run() {
  std::array<epoll_event, 16> events;
  while (!stopped_) {
    BeforeSleep();
    FlushAll();
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) FloorFails("epoll_wait");
    for (int i = 0; i < count && !stopped_; ++i) {
      auto* c = static_cast<FloorConnection*>(events[i].data.ptr);
      if (c == nullptr) {
        OnEvent();
      } else if ((events[i].events & ~uint32_t{EPOLLOUT}) != 0) {
        Receive(*c);
      }
    }
  }
}

void FloorLoop::FlushAll() {
  for (const auto& c : connections_) {
    if (!c->waiting() && !c->armed_) continue;
    if (!c->Flush()) return Stop();
    if (c->waiting() == c->armed_) continue;
    c->armed_ = c->waiting();
    epoll_event event = {};
    event.events = EPOLLIN | (c->armed_ ? uint32_t{EPOLLOUT} : 0);
    event.data.ptr = c.get();
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, c->fd(), &event) != 0) FloorFails("epoll_ctl");
  }
}

void FloorLoop::Receive(FloorConnection& c) {
  const size_t body_left = c.in_body_ ? c.head_.body_bytes - c.body_got_ : 0;
  const bool straight = body_left >= 16384;  // into the slot; smaller ones share a buffer
  uint8_t* to = straight ? Body(c.head_.slot) + c.body_got_ : c.buffer_.data();
  const ssize_t got = recv(c.fd(), to, straight ? body_left : c.buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Stop();
  straight ? TakeBody(c, static_cast<size_t>(got)) : Take(c, to, static_cast<size_t>(got));
}

void FloorLoop::Take(FloorConnection& c, const uint8_t* bytes, size_t size_bytes) {
  while (size_bytes > 0 && !stopped_) {
    if (c.in_body_) {
      const size_t n = std::min(size_bytes, c.head_.body_bytes - c.body_got_);
      std::memcpy(Body(c.head_.slot) + c.body_got_, bytes, n);
      bytes += n, size_bytes -= n;
      TakeBody(c, n);
      continue;
    }
    const size_t n = std::min(size_bytes, sizeof c.head_ - c.head_got_);
    std::memcpy(reinterpret_cast<uint8_t*>(&c.head_) + c.head_got_, bytes, n);
    bytes += n, size_bytes -= n;
    c.head_got_ += n;
    if (c.head_got_ < sizeof c.head_) return;
    c.head_got_ = 0;
    if (c.head_.slot >= slots_ || c.head_.body_bytes > stride_) FloorFails("frame");
    OnHead(c, c.head_);
    const bool has_body =
        c.head_.kind == FloorFrame::kWrite || c.head_.kind == FloorFrame::kContent;
    if (has_body) {
      c.in_body_ = true;
      c.body_got_ = 0;
    } else {
      OnFrame(c, c.head_);
    }
  }
}

void FloorLoop::TakeBody(FloorConnection& c, size_t size_bytes) {
  OnPiece(c, c.head_, c.body_got_, size_bytes);
  c.body_got_ += size_bytes;
  if (c.body_got_ < c.head_.body_bytes) return;
  c.in_body_ = false;
  OnFrame(c, c.head_);
}

void FloorLoop::OnHead(FloorConnection&, const FloorHead&) {}
void FloorLoop::OnPiece(FloorConnection&, const FloorHead&, size_t, size_t) {}

}  // namespace storpool::bench
