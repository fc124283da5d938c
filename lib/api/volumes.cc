// Commands about volumes.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/volume_limits.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {

std::vector<const Volume*> Admin::ByName(bool snapshots) const {
  std::vector<const Volume*> sorted;
  for (const auto& [id, volume] : state().volumes()) {
    if (volume.snapshot() == snapshots) sorted.push_back(&volume);
  }
  std::ranges::stable_sort(sorted, {}, [](const Volume* v) { return std::string_view(v->name()); });
  return sorted;
}

// The nearest snapshot below it, in its own line or a foreign parent's; nullptr if there is none.
const Volume* Admin::ParentOf(const Volume& volume) const {
  uint64_t lineage = volume.lineage();
  uint32_t layer = volume.snapshot() ? volume.layer() : state().NewestLayer(lineage);
  while (true) {
    layer = state().NextOlder(lineage, layer);
    if (layer == 0) {
      const Line* line = state().FindLine(lineage);
      if (line == nullptr || !line->has_foreign_parent()) return nullptr;
      lineage = line->parent_lineage();
      layer = line->parent_layer();
    }
    const metadata::LayerRecord* record = state().FindLayer(lineage, layer);
    if (record == nullptr) return nullptr;
    if (record->snapshot() != 0) return state().FindVolume(record->snapshot());
  }
}

void Admin::DescribeSnapshot(const Volume& snapshot, VolumeInfoAnswer& info) const {
  const Volume* on = state().FindVolume(snapshot.on_volume());
  info.set_on_volume(on == nullptr ? "-" : metadata::NameOf(*on));
  if (on == nullptr) info.mutable_volume()->set_on_volume(0);
  const bool newer = state().NextNewer(snapshot.lineage(), snapshot.layer()) != 0;
  info.set_children(state().Clones(snapshot.lineage(), snapshot.layer()) + (newer ? 1 : 0));
}

VolumeInfoAnswer Admin::Describe(const Volume& volume) const {
  VolumeInfoAnswer info;
  *info.mutable_volume() = state().Shown(volume);
  *info.mutable_limits_in_force() = metadata::InForce(volume.limits(), volume.size_bytes());
  info.set_chunks(static_cast<uint32_t>((volume.size_bytes() + kChunkBytes - 1) / kChunkBytes));
  const Line* line = state().FindLine(volume.lineage());
  if (line != nullptr) *info.mutable_table() = *state().FindTable(line->table());
  if (const Volume* parent = ParentOf(volume)) {
    info.set_parent_name(metadata::NameOf(*parent));
    info.set_parent_global_id(parent->global_id());
  }
  if (volume.snapshot()) {
    DescribeSnapshot(volume, info);
    return info;
  }
  auto it = state().layers().lower_bound({volume.lineage(), 0});
  for (; it != state().layers().end() && it->first.first == volume.lineage(); ++it) {
    if (it->second.snapshot() != 0) info.set_snapshots(info.snapshots() + 1);
  }
  return info;
}

void Admin::Call(const VolumeListRequest&, Done<VolumeListAnswer> done) {
  VolumeListAnswer answer;
  for (const Volume* volume : ByName(false)) *answer.add_volumes() = Describe(*volume);
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const SnapshotListRequest& request, Done<VolumeListAnswer> done) {
  absl::StatusOr<Volume> volume;
  if (!request.volume().empty()) {
    volume = Find(request.volume(), request);
    if (!volume.ok()) return done(volume.status());
  }
  VolumeListAnswer answer;
  for (const Volume* snapshot : ByName(true)) {
    if (!request.volume().empty() && !state().IsAncestor(*snapshot, *volume)) continue;
    *answer.add_volumes() = Describe(*snapshot);
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const VolumeInfoRequest& request, Done<VolumeInfoAnswer> done) {
  const absl::StatusOr<Volume> volume = Find(request.name(), request);
  if (!volume.ok()) return done(volume.status());
  VolumeInfoAnswer answer = Describe(*volume);
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::AfterOperation(uint64_t operation, metadata::Caller caller,
                           absl::AnyInvocable<void(absl::Status)> then) {
  if (operation == 0) return then(absl::OkStatus());
  leader_.WaitUntil(
      [operation](const metadata::State& s, const metadata::LiveView&) {
        return !s.operations().contains(operation);
      },
      Duration(), std::move(then), std::move(caller));
}

absl::Status Admin::FailureOf(uint64_t operation) const {
  const std::string why = live().failure(operation);
  return metadata::BusyForNow(
      absl::StrCat("the snapshot could not be made: ", why.empty() ? "it was given up" : why,
                   "; the volumes go on; try again"));
}

void Admin::Call(const VolumeCreateRequest& request, Done<VolumeCreateAnswer> done) {
  metadata::Command command;
  *command.mutable_create_volume()->mutable_create() = request;
  command.mutable_create_volume()->set_now_seconds(clock_.WallSeconds());
  auto created = [this,
                  done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    metadata::Caller caller = done.caller();
    auto report = [this, r = *r, done = std::move(done)](const absl::Status& waited) mutable {
      if (!waited.ok()) return done(waited);
      const Volume* volume = state().FindVolume(r.id());
      if (volume == nullptr) return done(FailureOf(r.operation()));
      VolumeCreateAnswer answer;
      answer.set_name(metadata::NameOf(*volume));
      answer.set_global_id(r.global_id());
      answer.set_generation(generation());
      done(std::move(answer));
    };
    // A clone of a volume that is attached comes with its snapshot, or not at all.
    AfterOperation(r->operation(), std::move(caller), std::move(report));
  };
  leader_.Propose(std::move(command), std::move(created));
}

void Admin::Call(const VolumeUpdateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  VolumeUpdateRequest& update = *command.mutable_update_volume()->mutable_update();
  update = request;
  if (const absl::Status s = ResolveDeleteTime(update); !s.ok()) return done(s);
  Change(std::move(command), std::move(done));
}

void Admin::Call(const VolumeDeleteRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_delete_volume()->mutable_remove() = request;
  Change(std::move(command), std::move(done));
}

void Admin::Call(const VolumeFreezeRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  VolumeFreezeRequest& freeze = *command.mutable_freeze_volume()->mutable_freeze();
  freeze = request;
  if (const absl::Status s = ResolveDeleteTime(freeze); !s.ok()) return done(s);
  Change(std::move(command), std::move(done));
}

void Admin::Call(const VolumeRevertRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_revert_volume()->mutable_revert() = request;
  Change(std::move(command), std::move(done));
}

void Admin::Call(const VolumeRebaseRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_rebase_volume()->mutable_rebase() = request;
  Change(std::move(command), std::move(done));
}

}  // namespace storpool::api
