// Snapshots of attached volumes, as metadata orders them (design 9.3).
#include <algorithm>

#include "lib/client/client.h"
#include "lib/control/convert.h"

namespace storpool::client {

Volume* Client::FindSession(VolumeId volume, Generation generation) {
  const auto attached = volumes_.find(volume);
  if (attached != volumes_.end() && attached->second.volume->session().generation == generation) {
    return attached->second.volume.get();
  }
  const auto fill = fills_in_order_.find(volume);
  if (fill == fills_in_order_.end() || fill->second.session == nullptr) return nullptr;
  Volume& filled = fill->second.session->volume();
  return filled.session().generation == generation ? &filled : nullptr;
}

void Client::OnSnapshotHold(const SnapshotHold& hold) {
  const Duration timeout = Duration::Millis(hold.timeout_ms());
  if (hold.alone()) {
    std::vector<SessionKey>& group = alone_[hold.id()];
    group.clear();
    for (const HeldVolume& held : hold.volumes()) {
      group.emplace_back(VolumeId(held.volume()), Generation(held.generation()));
    }
  }
  for (const HeldVolume& held : hold.volumes()) {
    const absl::StatusOr<model::Line> line = control::ToModel(held.line());
    if (!line.ok() || line->layers.empty()) {
      Alarm("metadata ordered a snapshot whose line cannot be used");
      continue;
    }
    const LayerId layer = line->newest().id;
    TakeChanges(directory_.Apply(*line));
    const SessionKey key(VolumeId(held.volume()), Generation(held.generation()));
    if (const auto said = released_.find({hold.id(), key}); said != released_.end()) {
      continue;  // it is repeated anyway
    }
    Volume* volume = FindSession(key.first, key.second);
    if (volume != nullptr) {
      volume->Hold(hold.id(), layer, timeout);
      continue;
    }
    const auto over = over_.find(key.first);
    if (over != over_.end() && over->second >= key.second) continue;  // its fence tells metadata
    early_holds_[key] = {hold.id(), layer, reactor_.Now() + timeout};
  }
}

// Nothing of it is out yet: it holds at once.
void Client::HoldOpened(Volume& volume) {
  const auto it = early_holds_.find({volume.session().volume, volume.session().generation});
  if (it != early_holds_.end()) {
    const EarlyHold& hold = it->second;
    volume.Hold(hold.id, hold.layer, std::max(hold.until - reactor_.Now(), Duration()));
  }
  std::erase_if(early_holds_, [&](const auto& early) {
    return early.first.first == volume.session().volume &&
           early.first.second <= volume.session().generation;
  });
}

// All are held at this moment, and that is what metadata would wait to hear: the pause ends here,
// not after a way there and back (9.3).
void Client::ReleaseAlone() {
  std::vector<std::pair<uint64_t, Volume*>> ready;
  for (const auto& [id, group] : alone_) {
    const size_t before = ready.size();
    for (const auto& [volume_id, generation] : group) {
      Volume* volume = FindSession(volume_id, generation);
      if (volume != nullptr && volume->held() && volume->held_for() == id) {
        ready.emplace_back(id, volume);
      }
    }
    if (ready.size() - before < group.size()) ready.resize(before);
  }
  for (const auto& [id, volume] : ready) volume->Release(id);
}

void Client::OnHeld(const Session& session, uint64_t id) {
  if (alone_.contains(id) && !release_alone_.active()) release_alone_.StartIn(Duration());
  if (!registered_) return;  // said again once it is
  ToMetadata message;
  SnapshotHeld& held = *message.mutable_snapshot_held();
  held.set_id(id);
  held.set_volume(session.volume.value());
  held.set_generation(session.generation.value());
  metadata_.Send(message);
}

void Client::OnReleased(const Session& session, uint64_t id, const HoldEnd& end) {
  alone_.erase(id);  // the group goes on, or cannot go on together any more
  SnapshotReleased& kept = released_[{id, {session.volume, session.generation}}];
  kept.set_id(id);
  kept.set_volume(session.volume.value());
  kept.set_generation(session.generation.value());
  kept.set_held(end.held);
  kept.set_drained(end.drained);
  kept.set_pause_us(static_cast<uint64_t>(end.pause.nanos() / 1000));
  if (!registered_) return;
  ToMetadata message;
  *message.mutable_snapshot_released() = kept;
  metadata_.Send(message);
}

void Client::OnSnapshotOver(uint64_t id) {
  alone_.erase(id);  // a group of which nothing was held
  std::erase_if(released_, [id](const auto& kept) { return kept.first.first == id; });
}

// What metadata has not confirmed: an answer may be lost with a link or a leader.
void Client::RepeatSnapshots() {
  EachVolume([this](Volume& volume) {
    if (volume.held()) OnHeld(volume.session(), volume.held_for());
  });
  for (const auto& [key, kept] : released_) {
    ToMetadata message;
    *message.mutable_snapshot_released() = kept;
    metadata_.Send(message);
  }
}

}  // namespace storpool::client
