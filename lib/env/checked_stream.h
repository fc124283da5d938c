// A network whose streams hold the implementation below to the contract of lib/env/stream.h: no
// call from within a call, OnConnected once and first, nothing after OnClosed or Close, no more
// bytes than the target holds. A breach stops the process. For tests and the simulator.
#pragma once

#include <memory>
#include <string_view>

#include "lib/env/stream.h"

namespace storpool::env {

class CheckedNetwork : public Network {
 public:
  // `network` outlives this.
  explicit CheckedNetwork(Network& network) : network_(network) {}

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address,
                                                   Acceptor acceptor) override;
  std::unique_ptr<Stream> Connect(std::string_view address, StreamHandler* handler) override;

 private:
  Network& network_;
};

}  // namespace storpool::env
