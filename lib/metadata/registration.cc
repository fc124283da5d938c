// How nodes and clients come and go (control.proto: Joining).
#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

void Leader::OnPeer(control::Peer* peer) {
  auto state = std::make_shared<PeerState>();
  state->link = peer;
  arrivals_[peer] = next_arrival_;
  peers_[next_arrival_++] = std::move(state);
}

std::shared_ptr<Leader::PeerState> Leader::StateOf(control::Peer* link) const {
  const auto it = arrivals_.find(link);
  return it == arrivals_.end() ? nullptr : peers_.at(it->second);
}

void Leader::Remove(control::Peer* link) {
  const auto it = arrivals_.find(link);
  peers_.at(it->second)->link = nullptr;
  peers_.erase(it->second);
  arrivals_.erase(it);
}

void Leader::OnPeerGone(control::Peer* peer, bool refused) {
  const std::shared_ptr<PeerState> state = StateOf(peer);
  if (state == nullptr) return;
  Remove(peer);
  if (!state->registered) return;
  if (state->kind == Kind::kNode) {
    live_.nodes_[state->id].up = false;
    detection_.LinkDown(state->id, refused);
    if (refused) EjectGone(reactor_.Now());  // writes stand still until it is out
  } else {
    live_.clients_[state->id].up = false;
    live_.clients_[state->id].down_since = reactor_.Now();
  }
  Changed();
}

void Leader::OnPeerMessage(control::Peer* peer, const ToMetadata& message) {
  const std::shared_ptr<PeerState> state = StateOf(peer);
  if (state == nullptr) return;
  if (message.message_case() == ToMetadata::kRegister) {
    OnRegister(state, message.register_());
    return;
  }
  if (!state->registered) return;  // nothing else is heard before
  if (state->kind == Kind::kNode) {
    live_.nodes_[state->id].last_heard = reactor_.Now();
    detection_.Heard(state->id, reactor_.Now());
  } else {
    live_.clients_[state->id].last_heard = reactor_.Now();
  }
  switch (message.message_case()) {
    case ToMetadata::kHeartbeat:
      return Handle(*state, message.heartbeat());
    case ToMetadata::kSubscribe:
      return Handle(*state, message.subscribe());
    case ToMetadata::kAlarm:
      return AddAlarm(NameOf(*state), message.alarm().text());
    case ToMetadata::kAttachmentReady:
      return Handle(*state, message.attachment_ready());
    default:
      if (state->kind == Kind::kNode) return OnNodeMessage(*state, message);
      OnClientMessage(*state, message);
  }
}

absl::Status Leader::CheckRegister(const Register& message) const {
  if (!state_.initialized()) {
    return absl::FailedPreconditionError(
        "there is no cluster yet; make one with 'storpoolctl metadata init'");
  }
  const ClusterRecord& cluster = state_.cluster();
  if (message.cluster() != cluster.uuid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("it belongs to another cluster than ", cluster.name(),
                     "; correct the metadata addresses in its configuration"));
  }
  const Digest proof = ProofOf(Bytes(cluster.secret()), message.nonce());
  if (message.nonce().empty() || !EqualDigests(proof, Bytes(message.proof()))) {
    return absl::PermissionDeniedError(
        absl::StrCat("it does not know the secret of cluster ", cluster.name(),
                     "; copy the cluster file of this cluster to it"));
  }
  if (message.process() == 0 || message.who_case() == Register::WHO_NOT_SET) {
    return absl::InvalidArgumentError("an incomplete Register");
  }
  return absl::OkStatus();
}

void Leader::OnRegister(const std::shared_ptr<PeerState>& peer, const Register& message) {
  if (const absl::Status ok = CheckRegister(message); !ok.ok()) {
    Refuse(*peer, ok);
    return;
  }
  peer->registered = false;
  peer->process = message.process();
  peer->hello = message;
  peer->kind = message.has_node() ? Kind::kNode : Kind::kClient;
  peer->id = message.has_node() ? message.node().id() : message.client().id();
  if (const absl::Status alone = CheckAlone(*peer); !alone.ok()) return Refuse(*peer, alone);
  Command command;
  if (message.has_node()) {
    NodeJoined& joined = *command.mutable_node_joined();
    *joined.mutable_node() = message.node();
    joined.set_process(message.process());
    joined.set_now_seconds(reactor_.clock().WallSeconds());
  } else {
    *command.mutable_client_joined()->mutable_client() = message.client();
    command.mutable_client_joined()->set_process(message.process());
  }
  const std::weak_ptr<PeerState> weak = peer;
  Propose(std::move(command), [this, weak](absl::StatusOr<CommandResult> result) {
    const std::shared_ptr<PeerState> joined = weak.lock();
    if (joined == nullptr || joined->link == nullptr) return;
    if (result.ok()) {
      Welcome(*joined);
    } else {
      Refuse(*joined, result.status());
    }
  });
}

// Two processes of one id would take the cluster from each other for ever. The second one has to
// wait: until the link of the first breaks, or it has been silent for so long that it is dead.
absl::Status Leader::CheckAlone(const PeerState& peer) const {
  for (const auto& [arrival, other] : peers_) {
    if (!other->Is(peer.kind, peer.id) || other->process == peer.process) continue;
    const bool node = peer.kind == Kind::kNode;
    const PeerFacts facts = node ? live_.node(peer.id) : live_.client(peer.id);
    if (reactor_.Now() - facts.last_heard >= options_.ejection) continue;
    return BusyForNow(
        absl::StrCat("another process is ", NameOf(peer), " already",
                     facts.address.empty() ? "" : absl::StrCat(", at ", facts.address),
                     "; stop that one, or give this one another --id"));
  }
  return absl::OkStatus();
}

// What is busy may become free, as when a process is replaced; not after so long, when whoever is
// in the way has been heard of again and again. A cluster may yet be made. All else stays as it is.
void Leader::Refuse(PeerState& peer, const absl::Status& why) {
  bool final = !absl::IsFailedPrecondition(why);
  if (absl::IsUnavailable(why)) {
    Waiting& waiting = refused_[{peer.kind, peer.id}];
    if (waiting.process != peer.process) waiting = {peer.process, reactor_.Now()};
    final = reactor_.Now() - waiting.since >= options_.ejection * 2;
  }
  if (peer.kind != Kind::kUnknown || final) {
    sink_.Log(env::LogLevel::kWarning, "metadata",
              absl::StrCat("refused ", NameOf(peer), ": ", std::string(why.message())));
  }
  FromMetadata message;
  message.mutable_refused()->set_reason(std::string(why.message()));
  message.mutable_refused()->set_final(final);
  peer.link->Send(message);
}

void Leader::Welcome(PeerState& peer) {
  // A newer link or process of the same one takes over; the older is heard no more.
  CloseOther(peer.kind, peer.id, &peer);
  peer.registered = true;
  refused_.erase({peer.kind, peer.id});
  PeerFacts& facts = peer.kind == Kind::kNode ? live_.nodes_[peer.id] : live_.clients_[peer.id];
  facts.up = true;
  facts.last_heard = reactor_.Now();
  facts.up_since_seconds = reactor_.clock().WallSeconds();
  facts.version = peer.hello.version();
  facts.address =
      peer.kind == Kind::kNode ? peer.hello.node().address() : peer.hello.client().nbd_address();
  FromMetadata message;
  message.mutable_registered()->set_term(options_.term);
  message.mutable_registered()->set_heartbeat_ms(
      static_cast<uint32_t>(options_.heartbeat.millis()));
  message.mutable_registered()->set_cluster_name(state_.cluster().name());
  message.mutable_registered()->set_restoring(peer.kind == Kind::kNode &&
                                              state_.cluster().restoring());
  peer.link->Send(message);
  if (peer.kind == Kind::kNode) {
    detection_.Heard(peer.id, reactor_.Now());
    ejected_.erase(peer.id);
    WelcomeNode(peer);
  } else {
    WelcomeClient(peer);
  }
  Changed();
}

// Everything that it may have missed: all of it is safe to repeat.
void Leader::WelcomeNode(const PeerState& peer) {
  std::set<uint32_t> chains, disks, unopened, opened;
  for (const auto& [id, record] : state_.disks()) {
    if (record.disk().node() != peer.id) continue;
    disks.insert(static_cast<uint32_t>(id));
    failed_disks_.erase(static_cast<uint32_t>(id));
    for (uint32_t chain : state_.ChainsOfDisk(static_cast<uint32_t>(id))) chains.insert(chain);
  }
  for (uint32_t raw : chains) {
    (state_.FindChain(raw)->config().named().opened() ? opened : unopened).insert(raw);
  }
  lines_.OnNodeHere(peer.id, disks);
  all_lines_changed_ = true;
  SendOpened(opened);
  SendNames(unopened);
  SendDrops(disks);
  for (const auto& [id, fence] : state_.fences()) SendRaise(fence);
  std::erase_if(live_.bases_,
                [&](const auto& entry) { return disks.contains(entry.first.second); });
  for (const DiskHere& disk : peer.hello.node().disks()) {
    for (const ChainHere& here : disk.chains()) {  // its base, as far as metadata is told (5.6)
      MemberBase& base = live_.bases_[{here.chain(), disk.id()}];
      base.set_chain(here.chain());
      base.set_epoch(here.epoch());
      base.set_disk(disk.id());
    }
  }
}

// Holds and fills go on where they were (9.3); a new process has new sessions, and no fill.
void Leader::WelcomeClient(const PeerState& peer) {
  ResendHolds(peer.id);
  std::erase_if(fill_orders_, [&](const auto& order) { return order.second.first == peer.id; });
}

void Leader::CloseOther(Kind kind, uint32_t id, const PeerState* except) {
  std::vector<control::Peer*> others;
  for (const auto& [arrival, peer] : peers_) {
    if (peer.get() != except && peer->kind == kind && peer->id == id) others.push_back(peer->link);
  }
  for (control::Peer* link : others) {
    Remove(link);
    link->Close();
  }
}

Leader::PeerState* Leader::FindPeer(Kind kind, uint32_t id) {
  for (auto& [link, peer] : peers_) {
    if (peer->Is(kind, id)) return peer.get();
  }
  return nullptr;
}

bool Leader::OwnsDisk(const PeerState& peer, uint32_t disk) const {
  const DiskRecord* record = state_.FindDisk(disk);
  return peer.kind == Kind::kNode && record != nullptr && record->disk().node() == peer.id;
}

std::string Leader::NameOf(const PeerState& peer) const {
  switch (peer.kind) {
    case Kind::kNode:
      return absl::StrCat("node ", peer.id);
    case Kind::kClient:
      return absl::StrCat("client ", peer.id);
    case Kind::kUnknown:
      break;
  }
  return "a peer";
}

}  // namespace storpool::metadata
