#include "lib/env/posix/posix_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool::env {
namespace {

constexpr size_t kPiecesMax = 128;  // of one send

void SetNumber(int fd, int level, int option, int64_t value) {
  const int number = static_cast<int>(value);
  setsockopt(fd, level, option, &number, sizeof number);  // fails on unix sockets: they need none
}

// A peer that is gone without a word is found out: one that is sent nothing by probes, one that is
// by what it does not acknowledge. The latter also ends a peer that takes nothing for so long.
void SetSilenceLimit(int fd) {
  SetNumber(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPIDLE, kPeerProbeAfterMs / 1000);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPINTVL, kPeerProbeEveryMs / 1000);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPCNT, (kPeerSilenceMs - kPeerProbeAfterMs) / kPeerProbeEveryMs);
  SetNumber(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kPeerSilenceMs);
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

PosixStream::PosixStream(PosixReactor& reactor, int fd, std::string peer)
    : reactor_(reactor), peer_(std::move(peer)), fd_(fd), queue_(reactor.pool()) {
  SetNumber(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  SetSilenceLimit(fd_);
}

PosixStream::PosixStream(PosixReactor& reactor, std::string peer, StreamHandler* handler)
    : reactor_(reactor),
      handler_(handler),
      peer_(std::move(peer)),
      state_(State::kConnecting),
      paused_(false),
      queue_(reactor.pool()) {}

PosixStream::~PosixStream() {
  LifeWatch::Gone(watch_);
  Close();
}

std::unique_ptr<PosixStream> PosixStream::Connect(PosixReactor& reactor, std::string_view address,
                                                  StreamHandler* handler) {
  std::unique_ptr<PosixStream> stream(new PosixStream(reactor, std::string(address), handler));
  const auto parsed = SocketAddress::Parse(address);
  if (parsed.ok()) {
    stream->BeginConnect(*parsed);
  } else {
    stream->FailLater(parsed.status());
  }
  return stream;
}

void PosixStream::BeginConnect(const SocketAddress& address) {
  fd_ = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailLater(absl::ErrnoToStatus(errno, absl::StrCat(peer_, ": socket")));
  SetNumber(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  if (connect(fd_, address.raw(), address.size_bytes) == 0 || errno == EINPROGRESS) {
    UpdateWatch();  // a finished connect is writable at once
  } else {
    FailLater(absl::ErrnoToStatus(errno, absl::StrCat("cannot connect to ", peer_)));
  }
}

// OnClosed must not come from within the call that asked: the next turn tells it.
void PosixStream::FailLater(absl::Status reason) {
  failure_ = std::move(reason);
  state_ = State::kFailed;
  CloseFd();
  reactor_.Schedule(Phase::kForward, this);
}

void PosixStream::set_handler(StreamHandler* handler) {
  handler_ = handler;
  paused_ = false;
  UpdateWatch();
}

void PosixStream::UpdateWatch() {
  if (fd_ < 0) return;
  uint32_t wanted = 0;
  if (!paused_ && state_ == State::kOpen) wanted |= EPOLLIN;
  if (socket_full_ || state_ == State::kConnecting) wanted |= EPOLLOUT;
  if (wanted == watched_) return;
  if (watched_ == 0) {
    reactor_.Watch(fd_, wanted, this);
  } else if (wanted == 0) {
    reactor_.Unwatch(fd_, this);  // else a hang-up would be reported again and again
  } else {
    reactor_.ChangeWatch(fd_, wanted, this);
  }
  watched_ = wanted;
}

void PosixStream::ScheduleSend() {
  if (state_ != State::kOpen || socket_full_) return;
  reactor_.Schedule(reactor_.past_forward() ? Phase::kReport : Phase::kForward, this);
}

void PosixStream::Send(std::span<const uint8_t> bytes) {
  if (state_ == State::kFailed || state_ == State::kClosed) return;
  reactor_.counters().bytes_copied += bytes.size();
  queue_.Copy(bytes);
  ScheduleSend();
}

void PosixStream::Send(Buffer buffer) {
  if (state_ == State::kFailed || state_ == State::kClosed) return;
  queue_.Add(std::move(buffer));
  ScheduleSend();
}

void PosixStream::PauseReading() {
  paused_ = true;
  UpdateWatch();
}

void PosixStream::ResumeReading() {
  paused_ = false;
  UpdateWatch();
}

void PosixStream::CloseFd() {
  if (fd_ < 0) return;
  if (watched_ != 0) reactor_.Unwatch(fd_, this);
  watched_ = 0;
  close(fd_);
  fd_ = -1;
}

void PosixStream::Close() {
  state_ = State::kClosed;
  CloseFd();
  reactor_.Unschedule(this);
  queue_.Clear();
}

void PosixStream::Fail(absl::Status reason) {
  Close();
  handler_->OnClosed(reason);  // may destroy this
}

void PosixStream::OnEvents(uint32_t epoll_events) {
  if (state_ == State::kConnecting) return FinishConnect();
  if ((epoll_events & EPOLLOUT) != 0) {
    socket_full_ = false;
    UpdateWatch();
    ScheduleSend();
  }
  if (!paused_ && (epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return Receive();
  // A broken connection that is not read from: sending finds out.
  if ((epoll_events & (EPOLLHUP | EPOLLERR)) != 0) {
    Fail(absl::UnavailableError(absl::StrCat("connection with ", peer_, " broke")));
  }
}

void PosixStream::FinishConnect() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return Fail(absl::UnavailableError(
        absl::StrCat("cannot connect to ", peer_, ": ", std::strerror(error))));
  }
  state_ = State::kOpen;
  UpdateWatch();
  if (!queue_.empty()) ScheduleSend();
  handler_->OnConnected();
}

// One system call: into the handler's target as far as it has one, the rest into the bulk buffer.
void PosixStream::Receive() {
  const std::span<uint8_t> bulk = reactor_.receive_buffer();
  const std::span<uint8_t> target = handler_->DirectTarget();
  ssize_t got;
  if (target.empty()) {
    got = recv(fd_, bulk.data(), bulk.size(), 0);
  } else {
    iovec parts[2] = {{target.data(), target.size()}, {bulk.data(), bulk.size()}};
    got = readv(fd_, parts, 2);
  }
  ReactorCounters& counters = reactor_.counters();
  ++counters.receives;
  if (got < 0) {
    if (WouldBlock(errno)) return;
    return Fail(absl::UnavailableError(
        absl::StrCat("connection with ", peer_, ": ", std::strerror(errno))));
  }
  if (got == 0) return Fail(absl::UnavailableError(absl::StrCat(peer_, " closed the connection")));
  const auto size = static_cast<size_t>(got);
  counters.bytes_received += size;
  const size_t direct = std::min(size, target.size());
  const LifeWatch watch(&watch_);
  if (direct > 0) {
    counters.bytes_received_direct += direct;
    handler_->OnFilled(direct);
  }
  if (!watch.gone() && state_ == State::kOpen) HandOn(bulk.first(size - direct), watch);
}

// Bytes in the bulk buffer behind a filled target: a new target gets its share by copy.
void PosixStream::HandOn(std::span<const uint8_t> bytes, const LifeWatch& watch) {
  while (!bytes.empty() && !watch.gone() && state_ == State::kOpen) {
    const std::span<uint8_t> target = handler_->DirectTarget();
    if (target.empty()) return handler_->OnBytes(bytes);
    const size_t part = std::min(bytes.size(), target.size());
    std::memcpy(target.data(), bytes.data(), part);
    reactor_.counters().bytes_copied += part;
    bytes = bytes.subspan(part);
    handler_->OnFilled(part);
  }
}

void PosixStream::OnPhase(Phase) {
  if (state_ == State::kFailed) return Fail(std::exchange(failure_, absl::OkStatus()));
  if (state_ == State::kOpen && !socket_full_) SendQueued();
}

void PosixStream::SendQueued() {
  if (queue_.empty()) return;
  std::array<iovec, kPiecesMax> pieces;
  do {
    msghdr message = {};
    message.msg_iov = pieces.data();
    message.msg_iovlen = queue_.Gather(pieces);
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    ++reactor_.counters().sends;
    if (sent < 0 && !WouldBlock(errno)) {
      return Fail(absl::UnavailableError(
          absl::StrCat("connection with ", peer_, ": ", std::strerror(errno))));
    }
    const size_t size = sent < 0 ? 0 : static_cast<size_t>(sent);
    size_t asked = 0;
    for (size_t i = 0; i < message.msg_iovlen; ++i) asked += pieces[i].iov_len;
    queue_.Consume(size);
    reactor_.counters().bytes_sent += size;
    if (size < asked) {
      socket_full_ = true;
      return UpdateWatch();
    }
  } while (!queue_.empty());
  handler_->OnDrained();
}

}  // namespace storpool::env
