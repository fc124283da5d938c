#include "lib/client/node_connections.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::client {

NodeConnection::NodeConnection(std::string address, env::Reactor& reactor, ChannelOpener& opener,
                               NodeEvents& events)
    : address_(std::move(address)),
      reactor_(reactor),
      opener_(opener),
      events_(events),
      timer_(reactor, [this] { OnTimer(); }) {}

void NodeConnection::Want() {
  if (state_ != State::kIdle) return;
  if (reactor_.Now() < not_before_) {
    state_ = State::kWaiting;
    timer_.StartAt(not_before_);
  } else {
    Open();
  }
}

void NodeConnection::Open() {
  state_ = State::kOpening;
  timer_.StartIn(kConnectTime);
  channel_ = opener_.Open(address_, this);
}

void NodeConnection::OnTimer() {
  switch (state_) {
    case State::kWaiting:
      return Open();
    case State::kOpening:
      return Drop(absl::DeadlineExceededError(
          absl::StrCat("node at ", address_, " did not complete the connection in time")));
    case State::kDropping: {
      channel_.reset();
      return Lost(drop_reason_);
    }
    case State::kIdle:
    case State::kReady:
      return;
  }
}

void NodeConnection::OnReady() {
  if (state_ != State::kOpening) return;
  state_ = State::kReady;
  was_ready_ = true;
  timer_.Stop();
  last_message_ = reactor_.Now();
  events_.OnConnectionReady(*this);
}

void NodeConnection::OnMessage(wire::Message& message) {
  if (state_ != State::kReady) return;
  last_message_ = reactor_.Now();
  delay_ = kReconnectFirst;
  events_.OnNodeMessage(*this, message);
}

void NodeConnection::OnClosed(const absl::Status& reason) {
  if (state_ == State::kOpening || state_ == State::kReady) Lost(reason);
}

void NodeConnection::Lost(const absl::Status& reason) {
  const bool was_ready = was_ready_;
  was_ready_ = false;
  state_ = State::kIdle;
  timer_.Stop();
  // Never opened again in this turn: the old channel may be what is calling.
  not_before_ = reactor_.Now() + delay_;
  delay_ = std::min(delay_ * 2, kReconnectMax);
  events_.OnConnectionLost(*this, was_ready, reason);
}

void NodeConnection::Suspect() {
  if (ready() && reactor_.Now() - last_message_ > kNodeSilence) {
    Drop(absl::DeadlineExceededError(absl::StrCat("node at ", address_, " does not answer")));
  }
}

void NodeConnection::Drop(const absl::Status& reason) {
  if (state_ != State::kOpening && state_ != State::kReady) return;
  state_ = State::kDropping;
  drop_reason_ = reason;
  timer_.StartIn(Duration());
}

NodeConnection& NodeConnections::At(std::string_view address) {
  auto it = connections_.find(address);
  if (it == connections_.end()) {
    it = connections_
             .emplace(std::string(address), std::make_unique<NodeConnection>(
                                                std::string(address), reactor_, opener_, events_))
             .first;
  }
  return *it->second;
}

}  // namespace storpool::client
