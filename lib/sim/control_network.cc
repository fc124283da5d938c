#include "lib/sim/control_network.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "lib/base/check.h"

namespace storpool::sim {
namespace {

constexpr Duration kRetry = Duration::Millis(50);

}  // namespace

// One direction of a connection: events that happen at the other end, in order, later. Lives no
// longer than the reactor of that end.
class ControlNetwork::Pipe {
 public:
  Pipe(World& world, env::Reactor& destination, const Delay& delay)
      : world_(world), delay_(delay), timer_(destination, [this] { Deliver(); }) {}

  void Push(absl::AnyInvocable<void()> event) {
    const Instant last = queue_.empty() ? world_.now() : queue_.back().at;
    queue_.push_back({std::max(last, world_.now() + delay_()), std::move(event)});
    Arm();
  }
  void Pause(bool paused) {
    paused_ = paused;
    Arm();
  }

 private:
  struct Event {
    Instant at;
    absl::AnyInvocable<void()> happen;
  };
  void Arm() {
    timer_.Stop();
    if (!paused_ && !queue_.empty()) timer_.StartAt(std::max(queue_.front().at, world_.now()));
  }
  void Deliver() {
    absl::AnyInvocable<void()> happen = std::move(queue_.front().happen);
    queue_.pop_front();
    Arm();
    happen();  // may be the end of this pipe
  }

  World& world_;
  const Delay& delay_;
  env::Timer timer_;
  std::deque<Event> queue_;
  bool paused_ = false;
};

// What metadata holds of one connection. Lives until metadata has been told that it is over.
class ControlNetwork::PeerEnd final : public control::Peer {
 public:
  PeerEnd(ControlNetwork& network, Link& link);

  void Send(const FromMetadata& message) override;
  void Close() override;

  void OnMessage(std::string bytes);
  void LinkGone();  // its process has ended

  ControlNetwork& network_;
  const uint64_t id_;
  Link* link_;
  std::unique_ptr<Pipe> to_metadata_;
};

class ControlNetwork::Link final : public control::MetadataLink {
 public:
  Link(ControlNetwork& network, uint64_t id, env::Reactor& reactor, std::string host)
      : network_(network),
        id_(id),
        host_(std::move(host)),
        to_link_(std::make_unique<Pipe>(network.world_, reactor, network.delay_)),
        retry_(reactor, [this] { Connect(); }) {
    network_.links_[id_] = this;
    to_link_->Pause(network_.IsCut(host_));
  }
  ~Link() override {
    network_.links_.erase(id_);
    if (peer_ != nullptr) peer_->LinkGone();
  }

  void Start(Handler* handler) override {
    handler_ = handler;
    retry_.StartIn(Duration());
  }
  void Send(const ToMetadata& message) override {
    if (!up_ || peer_ == nullptr) return;
    peer_->OnMessage(message.SerializeAsString());
  }

  // The other end is gone: this one hears of it in its turn.
  void PeerGone() {
    peer_ = nullptr;
    to_link_->Push([this] { Down(); });
  }

 private:
  friend class ControlNetwork;
  friend class PeerEnd;

  void Connect() {
    if (network_.metadata_ == nullptr || network_.IsCut(host_)) return retry_.StartIn(kRetry);
    peer_ = new PeerEnd(network_, *this);
    to_link_->Push([this] {
      up_ = true;
      handler_->OnLinkUp();
    });
  }
  void Receive(const std::string& bytes) {
    FromMetadata message;
    SP_CHECK(message.ParseFromString(bytes));
    network_.world_.trace().Add(bytes);
    ++network_.messages_;
    if (up_) handler_->OnLinkMessage(message);
  }
  void Down() {
    const bool was_up = std::exchange(up_, false);
    retry_.StartIn(kRetry);
    if (was_up) handler_->OnLinkDown(absl::UnavailableError("metadata is gone"));
  }

  ControlNetwork& network_;
  const uint64_t id_;
  const std::string host_;
  std::unique_ptr<Pipe> to_link_;
  env::Timer retry_;
  Handler* handler_ = nullptr;
  PeerEnd* peer_ = nullptr;
  bool up_ = false;
};

ControlNetwork::PeerEnd::PeerEnd(ControlNetwork& network, Link& link)
    : network_(network),
      id_(network.next_peer_++),
      link_(&link),
      to_metadata_(
          std::make_unique<Pipe>(network.world_, *network.metadata_reactor_, network.delay_)) {
  network_.peers_[id_] = this;
  to_metadata_->Push([this] { network_.metadata_->OnPeer(this); });
}

void ControlNetwork::PeerEnd::Send(const FromMetadata& message) {
  if (link_ == nullptr) return;
  link_->to_link_->Push(
      [link = link_, bytes = message.SerializeAsString()] { link->Receive(bytes); });
}

void ControlNetwork::PeerEnd::Close() {
  if (link_ != nullptr) link_->PeerGone();
  network_.peers_.erase(id_);
  delete this;
}

void ControlNetwork::PeerEnd::OnMessage(std::string bytes) {
  to_metadata_->Push([this, bytes = std::move(bytes)] {
    ToMetadata message;
    SP_CHECK(message.ParseFromString(bytes));
    network_.world_.trace().Add(bytes);
    ++network_.messages_;
    network_.metadata_->OnPeerMessage(this, message);
  });
}

void ControlNetwork::PeerEnd::LinkGone() {
  link_ = nullptr;
  to_metadata_->Push([this] {
    network_.metadata_->OnPeerGone(this, /*refused=*/true);
    network_.peers_.erase(id_);
    delete this;
  });
}

ControlNetwork::ControlNetwork(World& world, Delay delay)
    : world_(world), delay_(std::move(delay)) {}

ControlNetwork::~ControlNetwork() {
  SP_CHECK(links_.empty());
  MetadataDown();
}

void ControlNetwork::MetadataUp(env::Reactor& reactor, control::PeerHandler& handler) {
  SP_CHECK(metadata_ == nullptr);
  metadata_reactor_ = &reactor;
  metadata_ = &handler;
}

void ControlNetwork::MetadataDown() {
  metadata_ = nullptr;
  metadata_reactor_ = nullptr;
  for (const auto& [id, peer] : peers_) {
    if (peer->link_ != nullptr) peer->link_->PeerGone();
    delete peer;
  }
  peers_.clear();
}

std::unique_ptr<control::MetadataLink> ControlNetwork::MakeLink(env::Reactor& reactor,
                                                                std::string host) {
  return std::make_unique<Link>(*this, next_link_++, reactor, std::move(host));
}

void ControlNetwork::CutOff(const std::string& host, bool cut) {
  if (cut) {
    cut_.insert(host);
  } else {
    cut_.erase(host);
  }
  for (auto& [id, link] : links_) {
    if (link->host_ != host) continue;
    link->to_link_->Pause(cut);
    if (link->peer_ != nullptr) link->peer_->to_metadata_->Pause(cut);
  }
}

}  // namespace storpool::sim
