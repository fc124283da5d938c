// TCP and unix sockets. Every stream is one descriptor in the reactor's epoll set: at most one
// receive and, for what was queued, one send in each phase of a turn, so that no peer can starve
// another and many messages cost one system call.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "lib/env/posix/posix_reactor.h"
#include "lib/env/stream.h"

namespace storpool::env {

class PosixNetwork : public Network {
 public:
  // The reactor outlives the network and all of its streams.
  explicit PosixNetwork(PosixReactor& reactor) : reactor_(reactor) {}

  // A unix socket that nobody listens on any more is replaced.
  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address,
                                                   Acceptor acceptor) override;
  std::unique_ptr<Stream> Connect(std::string_view address, StreamHandler* handler) override;

 private:
  PosixReactor& reactor_;
};

}  // namespace storpool::env
