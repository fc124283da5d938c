// How the leader makes snapshots of attached volumes, and moves sessions to the newest layer
// (design 9.3): wanted against actual, after every change.
#include <algorithm>
#include <utility>

#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

// Ids of holds that no operation of the log stands for.
constexpr uint64_t kMoveIds = uint64_t{1} << 63;

}  // namespace

void Leader::DecideSnapshots() {
  const Instant now = reactor_.Now();
  for (const auto& [id, operation] : state_.operations()) StepOperation(operation, now);
  for (const auto& [volume, client] : state_.behind()) {
    StepMove(volume, static_cast<uint32_t>(client), now);
  }
  std::erase_if(moves_, [&](const auto& move) {
    const auto& [volume, session] = *move.second.sessions.begin();
    const auto known = state_.attachments().find({volume, session.client});
    const bool behind = state_.behind().contains({volume, session.client}) &&
                        known->second.attachment().generation() == session.generation;
    if (!behind) SendOver(move.first, move.second);
    return !behind;
  });
}

void Leader::StepOperation(const OperationRecord& operation, Instant now) {
  const auto [it, is_new] = holds_.try_emplace(operation.id());
  Hold& hold = it->second;
  if (is_new) hold.since = now;
  if (hold.closing) return;
  const bool late = !hold.All([](const HeldSession& s) { return !s.answered || s.in_time; });
  if (late) hold.doomed = "a client went on by itself before all were held";
  if (now - hold.since >= options_.snapshot_time) {
    hold.doomed = "the chains, disks and clients concerned did not all answer in time";
  }
  for (const auto& [volume, session] : hold.sessions) {
    const auto a = state_.attachments().find({volume, session.client});
    const bool same = a != state_.attachments().end() &&
                      a->second.attachment().generation() == session.generation;
    if (!same) hold.doomed = "a session of the group has changed meanwhile";
  }
  if (!hold.doomed.empty()) return GiveUp(operation.id(), hold);
  if (!hold.sent) {
    if (!MayHold(operation, hold)) return;
    hold.sent = now;
    SendHold(operation.id(), hold, 0);
  }
  if (!hold.released) {
    if (!hold.All([](const HeldSession& s) { return s.held; })) return;
    hold.released = now;
    SendRelease(operation.id(), hold);
  }
  if (!hold.All([](const HeldSession& s) { return s.in_time; })) return;
  for (const auto& one : operation.snapshots()) {
    if (!lines_.IsDurable(state_, one.snapshot().lineage(), one.version())) return;
  }
  for (const auto& one : operation.snapshots()) {
    const auto session = hold.sessions.find(one.volume());
    if (session != hold.sessions.end()) live_.AddPause(one.snapshot().id(), session->second.pause);
  }
  Seal(operation.id(), hold);
}

// No session writes but those that can be held, and every serving member has the new lines (S6).
bool Leader::MayHold(const OperationRecord& operation, Hold& hold) {
  bool ready = true;
  for (const auto& one : operation.snapshots()) {
    ready = ready && lines_.IsDurable(state_, one.snapshot().lineage(), one.version());
    const AttachmentRecord* writer = state_.WriterBelow(one.volume(), one.next_layer());
    if (writer == nullptr) continue;
    const Attachment& a = writer->attachment();
    if (!a.granted()) {
      ready = false;  // its fence is under way
    } else if (const PeerFacts client = live_.client(a.client()); !client.up) {
      ready = false;
      // Its fence fails what it has under way: not for a link that is down for a moment, as all are
      // when metadata has just begun.
      const Instant since = std::max(hold.since, client.last_heard);
      if (reactor_.Now() - since >= options_.ejection) Renew(a, hold);
    } else {
      HeldSession& session = hold.sessions[one.volume()];
      session.client = a.client();
      session.generation = a.generation();
      session.layer = one.next_layer();
    }
  }
  if (!ready) hold.sessions.clear();
  return ready;
}

void Leader::Renew(const Attachment& a, Hold& hold) {
  if (!hold.renewed.insert({a.volume(), a.generation()}).second) return;
  Command command;
  RenewSession& renew = *command.mutable_renew_session();
  renew.set_volume(a.volume());
  renew.set_client(a.client());
  renew.set_generation(a.generation());
  Propose(std::move(command), [](absl::StatusOr<CommandResult>) {});
}

void Leader::Seal(uint64_t operation, Hold& hold) {
  Command command;
  SealSnapshots& seal = *command.mutable_seal_snapshots();
  seal.set_operation(operation);
  for (const auto& [volume, session] : hold.sessions) {
    SessionMoved& held = *seal.add_held();
    held.set_volume(volume);
    held.set_client(session.client);
    held.set_generation(session.generation);
  }
  hold.closing = true;
  Propose(std::move(command), [this, operation](absl::StatusOr<CommandResult> result) {
    const auto it = holds_.find(operation);
    if (it == holds_.end() || result.ok()) return;
    it->second.closing = false;
    it->second.doomed = std::string(result.status().message());
    Changed();
  });
}

void Leader::GiveUp(uint64_t operation, Hold& hold) {
  live_.AddFailedOperation(operation, hold.doomed);
  Command command;
  command.mutable_abort_snapshots()->set_operation(operation);
  hold.closing = true;
  Propose(std::move(command), [this, operation](absl::StatusOr<CommandResult> result) {
    const auto it = holds_.find(operation);
    if (it != holds_.end() && !result.ok()) it->second.closing = false;
  });
}

// A session that may write an older layer than the newest, and no operation: the same hold, of it
// alone, and no seal.
void Leader::StepMove(uint64_t volume, uint32_t client, Instant now) {
  const Volume& known = *state_.FindVolume(volume);
  if (state_.HasOperation(known.lineage())) return;
  const Attachment& a = state_.attachments().at({volume, client}).attachment();
  if (!a.granted() || !live_.client(client).up) return;  // its fence comes, or it does
  auto it = std::find_if(moves_.begin(), moves_.end(), [&](const auto& move) {
    const auto& [held_volume, session] = *move.second.sessions.begin();
    return held_volume == volume && session.client == client &&
           session.generation == a.generation();
  });
  if (it == moves_.end()) {
    const uint64_t id = kMoveIds | (options_.term << 32 | next_move_++);
    it = moves_.try_emplace(id).first;
    HeldSession& session = it->second.sessions[volume];
    session.client = client;
    session.generation = a.generation();
    session.layer = state_.NewestLayer(known.lineage());
  }
  Hold& hold = it->second;
  const HeldSession& session = hold.sessions.begin()->second;
  if (hold.closing) return;
  if (!hold.sent || (!session.answered && now - *hold.sent >= options_.hold_time * 2)) {
    hold.sent = now;
    SendHold(it->first, hold, 0);
  }
  if (session.held && !hold.released) {
    hold.released = now;
    SendRelease(it->first, hold);
  }
  if (!session.drained) return;
  Command command;
  SessionMoved& moved = *command.mutable_session_moved();
  moved.set_volume(volume);
  moved.set_client(client);
  moved.set_generation(session.generation);
  moved.set_layer(session.layer);
  hold.closing = true;
  Propose(std::move(command), [this, id = it->first](absl::StatusOr<CommandResult> result) {
    const auto move = moves_.find(id);
    if (move != moves_.end() && !result.ok()) move->second.closing = false;
  });
}

// To all its clients, or to one that has come back.
void Leader::SendHold(uint64_t id, const Hold& hold, uint32_t only_client) {
  std::map<uint32_t, FromMetadata> messages;
  for (const auto& [volume, session] : hold.sessions) {
    if (only_client != 0 && session.client != only_client) continue;
    const Volume* known = state_.FindVolume(volume);
    const LayerRecord* layer =
        known == nullptr ? nullptr : state_.FindLayer(known->lineage(), session.layer);
    if (layer == nullptr) continue;  // it went, after its session; the hold ends with that
    SnapshotHold& order = *messages[session.client].mutable_snapshot_hold();
    order.set_id(id);
    order.set_alone(hold.All([&](const HeldSession& s) { return s.client == session.client; }));
    order.set_timeout_ms(static_cast<uint32_t>(options_.hold_time.millis()));
    HeldVolume& held = *order.add_volumes();
    held.set_volume(volume);
    held.set_generation(session.generation);
    *held.mutable_line() = LineFor(state_, known->lineage(), layer->changed() - 1);
  }
  for (const auto& [client, message] : messages) {
    if (PeerState* peer = FindPeer(Kind::kClient, client)) peer->link->Send(message);
  }
}

void Leader::SendRelease(uint64_t id, const Hold& hold) {
  FromMetadata message;
  message.mutable_snapshot_release()->set_id(id);
  for (const auto& [volume, session] : hold.sessions) {
    if (PeerState* peer = FindPeer(Kind::kClient, session.client)) peer->link->Send(message);
  }
}

void Leader::SendOver(uint64_t id, const Hold& hold) {
  FromMetadata message;
  message.mutable_snapshot_over()->set_id(id);
  for (const auto& [volume, session] : hold.sessions) {
    if (PeerState* peer = FindPeer(Kind::kClient, session.client)) peer->link->Send(message);
  }
}

void Leader::ResendHolds(uint32_t client) {
  for (const auto* holds : {&holds_, &moves_}) {
    for (const auto& [id, hold] : *holds) {
      if (!hold.sent || hold.closing) continue;
      SendHold(id, hold, client);
      const bool there = !hold.All([&](const HeldSession& s) { return s.client != client; });
      if (!hold.released || !there) continue;
      FromMetadata message;
      message.mutable_snapshot_release()->set_id(id);
      if (PeerState* peer = FindPeer(Kind::kClient, client)) peer->link->Send(message);
    }
  }
}

HeldSession* Leader::FindHeld(uint64_t id, uint64_t volume, uint32_t client, uint32_t generation) {
  for (auto* holds : {&holds_, &moves_}) {
    const auto hold = holds->find(id);
    if (hold == holds->end()) continue;
    const auto it = hold->second.sessions.find(volume);
    if (it == hold->second.sessions.end()) return nullptr;
    HeldSession& session = it->second;
    return session.client == client && session.generation == generation ? &session : nullptr;
  }
  return nullptr;
}

void Leader::Handle(PeerState& peer, const SnapshotHeld& message) {
  HeldSession* session = FindHeld(message.id(), message.volume(), peer.id, message.generation());
  if (session == nullptr) return;
  session->held = true;
  Changed();
}

void Leader::Handle(PeerState& peer, const SnapshotReleased& message) {
  HeldSession* session = FindHeld(message.id(), message.volume(), peer.id, message.generation());
  const bool under_way = state_.operations().contains(message.id());
  if (session == nullptr && !under_way) {  // it is over; a session that is behind is held anew
    FromMetadata over;
    over.mutable_snapshot_over()->set_id(message.id());
    peer.link->Send(over);
    return;
  }
  if (session == nullptr) {  // of a hold that the former leader began: what it says counts
    const auto [hold, is_new] = holds_.try_emplace(message.id());
    if (is_new) hold->second.since = reactor_.Now();
    if (!message.held()) hold->second.doomed = "a client went on by itself before all were held";
    return Changed();
  }
  session->answered = true;
  session->in_time = session->in_time || message.held();
  session->held = session->held || message.held();
  session->drained = session->drained || message.drained() || message.held();
  session->pause = std::max(session->pause, Duration::Micros(message.pause_us()));
  Changed();
}

}  // namespace storpool::metadata
