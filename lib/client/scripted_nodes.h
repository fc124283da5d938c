// Nodes for tests of the client: what was sent to each address is kept or given to a script, and
// answers, refusals, broken and silent connections are made at will. Everything arrives in a later
// turn, as over a network.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/client/message_channel.h"
#include "lib/env/reactor.h"

namespace storpool::client {

class ScriptedNodes final : public ChannelOpener {
 public:
  struct Node {
    std::string address;
    bool reachable = true;                       // false: connecting fails
    bool silent = false;                         // connecting and messages lead to nothing
    int opened = 0;                              // connections so far
    MessageChannel::Handler* handler = nullptr;  // of the connection that is there
    std::deque<wire::Message> received;
  };
  using Script = std::function<void(Node& node, const wire::Message& message)>;

  explicit ScriptedNodes(env::Reactor& reactor) : reactor_(reactor) {}

  Node& At(const std::string& address) {
    Node& node = nodes_[address];
    node.address = address;
    return node;
  }
  // Is given every message instead of `received`.
  void set_script(Script script) { script_ = std::move(script); }

  // Takes the oldest message, which must be an M, off `received`.
  template <class M>
  M Take(const std::string& address) {
    Node& node = At(address);
    SP_CHECK(!node.received.empty());
    wire::Message message = std::move(node.received.front());
    node.received.pop_front();
    return std::get<M>(std::move(message));
  }
  // Lost if the connection is gone by then.
  void Deliver(Node& node, wire::Message message) {
    reactor_.Post([&node, to = node.handler, message = std::move(message)]() mutable {
      if (to != nullptr && node.handler == to) to->OnMessage(message);
    });
  }
  void Deliver(const std::string& address, wire::Message message) {
    Deliver(At(address), std::move(message));
  }
  void Break(const std::string& address) {
    reactor_.Post([&node = At(address)] {
      if (auto* to = std::exchange(node.handler, nullptr)) {
        to->OnClosed(absl::UnavailableError("connection reset"));
      }
    });
  }

  std::unique_ptr<MessageChannel> Open(std::string_view address,
                                       MessageChannel::Handler* handler) override {
    Node& node = At(std::string(address));
    ++node.opened;
    node.handler = handler;
    if (!node.reachable) {
      Break(node.address);
    } else if (!node.silent) {
      reactor_.Post([&node, handler] {
        if (node.handler == handler) handler->OnReady();
      });
    }
    return std::make_unique<Channel>(*this, node);
  }

 private:
  class Channel final : public MessageChannel {
   public:
    Channel(ScriptedNodes& nodes, Node& node) : nodes_(nodes), node_(node), life_(node.opened) {}
    ~Channel() override {
      if (node_.opened == life_) node_.handler = nullptr;
    }
    void Send(const wire::WriteRequest& request) override { Queue(request); }
    void Send(const wire::ReadRequest& request) override { Queue(request); }
    void Send(const wire::LineHint& hint) override { Queue(hint); }

   private:
    void Queue(wire::Message message) {
      nodes_.reactor_.Post([this_nodes = &nodes_, node = &node_, life = life_,
                            message = std::move(message)]() mutable {
        if (node->opened != life || node->handler == nullptr || node->silent) return;
        if (this_nodes->script_) return this_nodes->script_(*node, message);
        node->received.push_back(std::move(message));
      });
    }
    ScriptedNodes& nodes_;
    Node& node_;
    const int life_;
  };

  env::Reactor& reactor_;
  std::map<std::string, Node> nodes_;
  Script script_;
};

}  // namespace storpool::client
