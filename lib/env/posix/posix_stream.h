// One connected or connecting socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/env/life_watch.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/env/posix/send_queue.h"
#include "lib/env/posix/socket_address.h"
#include "lib/env/stream.h"

namespace storpool::env {

class PosixStream : public Stream, private FdHandler, private PhaseHook {
 public:
  // Begins to connect; what goes wrong is told from the reactor.
  static std::unique_ptr<PosixStream> Connect(PosixReactor& reactor, std::string_view address,
                                              StreamHandler* handler);
  // Takes over an accepted socket; nothing is received before set_handler. A peer that is silent
  // for kPeerSilenceMs, though it was asked, is taken for dead.
  PosixStream(PosixReactor& reactor, int fd, std::string peer);
  ~PosixStream() override;

  void set_handler(StreamHandler* handler);
  // For whoever gives the stream away and wants to know whether it was destroyed.
  LifeWatch** life() { return &watch_; }

  void Send(std::span<const uint8_t> bytes) override;
  void Send(Buffer buffer) override;
  size_t unsent_bytes() const override { return queue_.size_bytes(); }
  void PauseReading() override;
  void ResumeReading() override;
  void Close() override;
  std::string peer_address() const override { return peer_; }

 private:
  enum class State { kConnecting, kOpen, kFailed, kClosed };

  PosixStream(PosixReactor& reactor, std::string peer, StreamHandler* handler);
  void BeginConnect(const SocketAddress& address);
  void FailLater(absl::Status reason);
  void OnEvents(uint32_t epoll_events) override;
  void OnPhase(Phase phase) override;
  void FinishConnect();
  void Receive();
  void HandOn(std::span<const uint8_t> bytes, const LifeWatch& watch);
  void SendQueued();
  void ScheduleSend();
  void UpdateWatch();
  void Fail(absl::Status reason);
  void CloseFd();

  PosixReactor& reactor_;
  StreamHandler* handler_ = nullptr;
  std::string peer_;
  int fd_ = -1;
  State state_ = State::kOpen;
  bool paused_ = true;        // reads nothing
  bool socket_full_ = false;  // waits for EPOLLOUT
  uint32_t watched_ = 0;
  SendQueue queue_;
  absl::Status failure_;
  LifeWatch* watch_ = nullptr;
};

}  // namespace storpool::env
