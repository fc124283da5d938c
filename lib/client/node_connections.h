// The client's connections to the reactors of nodes, one for each address, made when first wanted
// and made again while somebody wants them.
//
// Invariant: a connection is ready (messages can be sent), on its way, or idle; whoever wanted it
// hears OnConnectionReady or OnConnectionLost, never from within Want. Objects live as long as
// NodeConnections.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "lib/client/message_channel.h"
#include "lib/client/times.h"
#include "lib/env/reactor.h"

namespace storpool::client {

class NodeConnection;

class NodeEvents {
 public:
  virtual ~NodeEvents() = default;
  virtual void OnConnectionReady(NodeConnection& connection) = 0;
  // Nothing that was sent through it and not answered will be. `was_ready`: it did work before.
  virtual void OnConnectionLost(NodeConnection& connection, bool was_ready,
                                const absl::Status& reason) = 0;
  virtual void OnNodeMessage(NodeConnection& connection, wire::Message& message) = 0;
};

class NodeConnection : private MessageChannel::Handler {
 public:
  NodeConnection(std::string address, env::Reactor& reactor, ChannelOpener& opener,
                 NodeEvents& events);

  const std::string& address() const { return address_; }
  bool ready() const { return state_ == State::kReady; }
  // Connects, now or, after failures, a little later.
  void Want();
  // Only when ready().
  template <class M>
  void Send(const M& message) {
    channel_->Send(message);
  }
  // A request through it has been unanswered for long: if nothing at all has come for
  // kNodeSilenceMs the connection is given up (a host without power sends no reset).
  void Suspect();
  // Gives it up: OnConnectionLost follows, not from within the call, and nothing else.
  void Drop(const absl::Status& reason);

 private:
  enum class State { kIdle, kWaiting, kOpening, kReady, kDropping };

  void OnReady() override;
  void OnMessage(wire::Message& message) override;
  void OnClosed(const absl::Status& reason) override;
  void Open();
  void OnTimer();
  void Lost(const absl::Status& reason);

  const std::string address_;
  env::Reactor& reactor_;
  ChannelOpener& opener_;
  NodeEvents& events_;
  State state_ = State::kIdle;
  std::unique_ptr<MessageChannel> channel_;
  Instant not_before_;
  Instant last_message_;
  bool was_ready_ = false;
  Duration delay_ = kReconnectFirst;
  absl::Status drop_reason_;
  env::Timer timer_;  // kWaiting: until the next try; kOpening: until it is given up
};

class NodeConnections {
 public:
  NodeConnections(env::Reactor& reactor, ChannelOpener& opener, NodeEvents& events)
      : reactor_(reactor), opener_(opener), events_(events) {}

  NodeConnection& At(std::string_view address);

 private:
  env::Reactor& reactor_;
  ChannelOpener& opener_;
  NodeEvents& events_;
  std::map<std::string, std::unique_ptr<NodeConnection>, std::less<>> connections_;
};

}  // namespace storpool::client
