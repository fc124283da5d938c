// One connection from this client to a node's reactor, as the client sees it: messages in order, or
// the connection is gone. Framing and hello are below it.
//
// Contract: OnReady comes once before any message; OnClosed comes exactly once, is the last call,
// and comes also for a connection that could not be made; neither comes from within Open or Send.
// Destroying a channel closes it and no call comes any more. Reactor thread only.
#pragma once

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "lib/wire/messages.h"

namespace storpool::client {

class MessageChannel {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnReady() = 0;
    virtual void OnMessage(wire::Message& message) = 0;
    virtual void OnClosed(const absl::Status& reason) = 0;
  };

  virtual ~MessageChannel() = default;
  // Only after OnReady. Payloads go by reference; all of a turn leaves with one system call.
  virtual void Send(const wire::WriteRequest& request) = 0;
  virtual void Send(const wire::ReadRequest& request) = 0;
  virtual void Send(const wire::LineHint& hint) = 0;
};

class ChannelOpener {
 public:
  virtual ~ChannelOpener() = default;
  // `address` as in env::Network.
  virtual std::unique_ptr<MessageChannel> Open(std::string_view address,
                                               MessageChannel::Handler* handler) = 0;
};

}  // namespace storpool::client
