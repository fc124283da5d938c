#include "lib/rpc/control_service.h"

#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "lib/rpc/probe.h"

namespace storpool::rpc {
namespace {

// One stream. gRPC owns its life until OnDone, the reactor from then on.
class PeerStream final : public grpc::ServerBidiReactor<ToMetadata, FromMetadata>,
                         public control::Peer {
 public:
  PeerStream(env::Reactor& reactor, control::PeerHandler& handler)
      : reactor_(reactor), handler_(handler) {
    reactor_.Post([this] { handler_.OnPeer(this); });
    StartSendInitialMetadata();  // tells the other end that it is connected
    StartRead(&incoming_);
  }

  // control::Peer, on the reactor.
  void Send(const FromMetadata& message) override {
    std::lock_guard lock(mutex_);
    if (closing_) return;
    outgoing_.push_back(message);
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void Close() override {
    closed_ = true;
    std::lock_guard lock(mutex_);
    FinishAfterWrites();
  }

  // gRPC's threads.
  void OnReadDone(bool ok) override {
    if (!ok) {
      std::lock_guard lock(mutex_);
      return FinishAfterWrites();
    }
    if (incoming_.has_register_() && incoming_.register_().has_node()) {
      node_address_ = incoming_.register_().node().address();
    }
    reactor_.Post([this, message = std::move(incoming_)] {
      if (!closed_) handler_.OnPeerMessage(this, message);
    });
    incoming_ = ToMetadata();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    outgoing_.pop_front();
    if (!ok) {
      closing_ = true;
      outgoing_.clear();
    }
    if (!outgoing_.empty()) {
      StartWrite(&outgoing_.front());
    } else if (closing_) {
      FinishAfterWrites();
    }
  }

  void OnDone() override {
    const bool refused = !node_address_.empty() && ConnectionIsRefused(node_address_);
    // Deleted with the posted function, also if the reactor stops before it runs.
    reactor_.Post([self = std::unique_ptr<PeerStream>(this), refused] {
      if (!self->closed_) self->handler_.OnPeerGone(self.get(), refused);
    });
  }

 private:
  // mutex_ is held. The write under way ends first; OnWriteDone comes back here.
  void FinishAfterWrites() {
    closing_ = true;
    if (!outgoing_.empty() || std::exchange(finished_, true)) return;
    Finish(grpc::Status::OK);
  }

  env::Reactor& reactor_;
  control::PeerHandler& handler_;
  bool closed_ = false;                // reactor only
  ToMetadata incoming_;                // gRPC's reading thread only
  std::string node_address_;           // likewise, read after the last message
  std::mutex mutex_;                   // guards what follows
  std::deque<FromMetadata> outgoing_;  // the first one is being written
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace

ControlService::ControlService(env::Reactor& reactor, control::PeerHandler& handler)
    : reactor_(reactor), handler_(handler) {}

grpc::ServerBidiReactor<ToMetadata, FromMetadata>* ControlService::Connect(
    grpc::CallbackServerContext*) {
  return new PeerStream(reactor_, handler_);
}

}  // namespace storpool::rpc
