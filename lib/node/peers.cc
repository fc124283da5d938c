#include "lib/node/peers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/node/chain_table.h"
#include "lib/node/leases.h"
#include "lib/node/metadata_session.h"

namespace storpool::node {
namespace {

constexpr Duration kRetryFirst = Duration::Millis(10);
constexpr Duration kRetryMax = Duration::Millis(1000);
// A neighbour that was there and cannot be reached for this long is suspected (design 6.7).
constexpr Duration kSuspectAfter = Duration::Millis(1000);

}  // namespace

// One other node.
class Peers::Peer : public link::Connection::Handler {
 public:
  Peer(Peers& peers, NodeId node)
      : peers_(peers), node_(node), timer_(peers.services_.reactor, [this] { Connect(); }) {}
  ~Peer() override = default;

  NodeId node() const { return node_; }
  link::Connection* ready() const {
    return connection_ != nullptr && connection_->ready() ? connection_.get() : nullptr;
  }
  const std::vector<DiskId>& disks() const { return disks_; }

  void SetAddress(std::string address) {
    if (address == address_) return;
    address_ = std::move(address);
    retry_ = kRetryFirst;
    if (connection_ == nullptr && !address_.empty()) timer_.StartIn(Duration());
  }
  void Adopt(std::unique_ptr<link::Connection> connection) {
    Release(absl::UnavailableError("it has connected again"));
    timer_.Stop();
    connection_ = std::move(connection);
    connection_->set_handler(*this);
    OnReady(*connection_);
  }
  // Closes, tells the replicas, and tries again.
  void Drop(const absl::Status& reason) {
    if (connection_ == nullptr) return;
    Release(reason);
    Retry();
  }
  void Stop() {
    timer_.Stop();
    if (connection_ != nullptr) connection_->Close();
  }

 private:
  bool connects() const { return peers_.services_.self < node_; }

  void Connect() {
    if (connection_ != nullptr || !connects() || address_.empty() || peers_.stopped_) return;
    connection_ =
        std::make_unique<link::Connection>(peers_.local_, peers_.network_, address_, *this);
  }

  void OnReady(link::Connection& connection) override {
    const wire::Hello& hello = connection.peer();
    if (hello.is_client || hello.node != node_) {
      return Drop(absl::FailedPreconditionError(
          absl::StrCat("at ", address_, " there is ", connection.peer_name())));
    }
    retry_ = kRetryFirst;
    lost_since_.reset();
    Services& s = peers_.services_;
    s.Log(env::LogLevel::kInfo, absl::StrCat("connected with ", connection.peer_name()));
    for (const wire::DiskHere& disk : hello.disks) {
      if (disk.disk.value() > kDiskIdMax) continue;
      Incarnation& newest = peers_.incarnations_[disk.disk.value()];
      if (disk.incarnation < newest) continue;  // it has lived on at another node since
      newest = disk.incarnation;
      disks_.push_back(disk.disk);
      peers_.by_disk_[disk.disk.value()] = this;
      peers_.node_of_disk_[disk.disk.value()] = node_.value();
      s.chains->StepAll([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnMemberConnected(disk, now, out);
      });
    }
    s.leases->OnPeerReady(node_);
  }

  void OnMessage(link::Connection&, wire::Message&& message) override {
    peers_.OnMessage(*this, std::move(message));
  }

  void OnClosed(link::Connection&, const absl::Status& reason) override {
    Release(reason);
    Retry();
  }

  void Release(const absl::Status& reason) {
    if (connection_ == nullptr) return;
    Services& s = peers_.services_;
    const bool news = !disks_.empty() || reason.code() == absl::StatusCode::kPermissionDenied ||
                      reason.code() == absl::StatusCode::kDataLoss ||
                      reason.code() == absl::StatusCode::kFailedPrecondition;
    s.Log(news ? env::LogLevel::kWarning : env::LogLevel::kDebug,
          absl::StrCat("connection with node ", node_.value(),
                       " ended: ", std::string(reason.message())));
    if (!lost_since_) lost_since_ = s.reactor.Now();
    connection_->Close();
    s.graveyard.Bury(std::move(connection_));
    connection_ = nullptr;
    const std::vector<DiskId> disks = std::move(disks_);
    disks_.clear();
    for (DiskId disk : disks) {
      if (peers_.by_disk_[disk.value()] != this) continue;  // it has moved to another node
      peers_.by_disk_[disk.value()] = nullptr;
      s.chains->StepAll([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnMemberLost(disk, now, out);
      });
    }
  }

  void Retry() {
    Services& s = peers_.services_;
    if (peers_.stopped_) return;
    if (lost_since_ && s.reactor.Now() - *lost_since_ >= kSuspectAfter) {
      s.metadata->Suspect(node_);
    }
    timer_.StartIn(retry_);
    retry_ = std::min(retry_ * 2, kRetryMax);
  }

  Peers& peers_;
  const NodeId node_;
  std::string address_;
  std::unique_ptr<link::Connection> connection_;  // connecting or ready
  std::vector<DiskId> disks_;                     // that are connected through it
  Duration retry_ = kRetryFirst;
  std::optional<Instant> lost_since_;
  env::Timer timer_;
};

Peers::Peers(Services& services, link::Local& local, env::Network& network)
    : services_(services),
      local_(local),
      network_(network),
      by_disk_(kDiskIdMax + 1, nullptr),
      incarnations_(kDiskIdMax + 1),
      node_of_disk_(kDiskIdMax + 1, -1) {}

Peers::~Peers() = default;

void Peers::Withdraw(DiskId disk) {
  std::erase_if(local_.self.disks, [&](const wire::DiskHere& here) { return here.disk == disk; });
}

void Peers::Stop() {
  stopped_ = true;
  for (auto& [node, peer] : peers_) peer->Stop();
}

Peers::Peer& Peers::FindOrMake(NodeId node) {
  std::unique_ptr<Peer>& peer = peers_[node];
  if (peer == nullptr) peer = std::make_unique<Peer>(*this, node);
  return *peer;
}

void Peers::OnDisks(const DisksSection& section) {
  for (const storpool::Disk& disk : section.disks()) {
    if (disk.id() > kDiskIdMax || disk.node() > kNodeIdMax) continue;
    // A connected node has said itself what it has.
    if (by_disk_[disk.id()] == nullptr) node_of_disk_[disk.id()] = static_cast<int>(disk.node());
  }
  for (const storpool::Node& node : section.nodes()) {
    if (node.id() > kNodeIdMax || node.id() == services_.self.value()) continue;
    FindOrMake(NodeId(static_cast<uint16_t>(node.id()))).SetAddress(node.address());
  }
}

void Peers::Adopt(std::unique_ptr<link::Connection> connection) {
  const NodeId node = connection->peer().node;
  if (node == services_.self) {
    services_.Log(env::LogLevel::kError,
                  absl::StrCat(connection->peer_name(), " has our own node id ", node.value(),
                               ": give every node an id of its own"));
    connection->Close();
    services_.graveyard.Bury(std::move(connection));
    return;
  }
  FindOrMake(node).Adopt(std::move(connection));
}

link::Connection* Peers::Ready(NodeId node) const {
  const auto it = peers_.find(node);
  return it == peers_.end() ? nullptr : it->second->ready();
}

void Peers::Send(DiskId to, const wire::Message& message) {
  Peer* peer = to.value() <= kDiskIdMax ? by_disk_[to.value()] : nullptr;
  link::Connection* connection = peer == nullptr ? nullptr : peer->ready();
  if (connection != nullptr) connection->Send(message);
}

std::optional<NodeId> Peers::NodeOf(DiskId disk) const {
  if (services_.chains->DiskHere(disk) != nullptr) return services_.self;
  if (disk.value() > kDiskIdMax || node_of_disk_[disk.value()] < 0) return std::nullopt;
  return NodeId(static_cast<uint16_t>(node_of_disk_[disk.value()]));
}

void Peers::Introduce(ChainHost& host) const {
  for (const auto& [node, peer] : peers_) {
    const link::Connection* connection = peer->ready();
    if (connection == nullptr) continue;
    for (const wire::DiskHere& disk : connection->peer().disks) {
      host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnMemberConnected(disk, now, out);
      });
    }
  }
}

void Peers::OnMessage(Peer& peer, wire::Message&& message) {
  if (const wire::Common* common = CommonOf(message)) {
    // A member speaks for its own disks only.
    if (common->from.value() <= kDiskIdMax && by_disk_[common->from.value()] == &peer) {
      services_.chains->Deliver(std::move(message));
    } else {
      peer.Drop(absl::DataLossError(
          absl::StrCat("it spoke for disk ", common->from.value(), ", which is not its own")));
    }
  } else if (const auto* request = std::get_if<wire::PromiseRequest>(&message)) {
    SendToNode(peer.node(), services_.leases->OnRequest(peer.node(), *request));
  } else if (const auto* answer = std::get_if<wire::PromiseAnswer>(&message)) {
    services_.leases->OnAnswer(peer.node(), *answer);
  } else {
    peer.Drop(absl::DataLossError(absl::StrCat("it sent a ", wire::TypeName(wire::TypeOf(message)),
                                               ", as only a client may")));
  }
}

}  // namespace storpool::node
