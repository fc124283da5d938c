// Volumes: created, changed, deleted.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_limits.h"
#include "lib/metadata/volume_parts.h"
#include "lib/model/names.h"

namespace storpool::metadata {
absl::Status State::CheckDetached(const Volume& volume) const {
  const auto it = attachments_.all().lower_bound({volume.id(), 0});
  if (it == attachments_.all().end() || it->first.first != volume.id()) return absl::OkStatus();
  return Busy(absl::StrCat(Called(volume), " is attached to client ", it->first.second,
                           "; detach it first"));
}

// A volume and its line, ready but for their ids. `parent`: the snapshot that it is a clone of.
absl::StatusOr<State::NewVolume> State::PlanVolume(const CreateVolume& c,
                                                   const Volume* parent) const {
  const VolumeCreateRequest& create = c.create();
  SP_RETURN_IF_ERROR(CheckTags(create.tags()));
  const std::string what = absl::StrCat("volume ", create.name());
  NewVolume plan;
  SP_RETURN_IF_ERROR(SetPolicy(create, parent, plan));
  const Template* t = FindTemplate(plan.volume.template_id());
  Volume& volume = plan.volume;
  volume.set_name(create.name());
  volume.set_size_bytes(create.size_bytes());
  if (volume.size_bytes() == 0) {
    // A parent that is named gives its size; that of a template may be smaller than its volumes.
    const bool named = !create.parent().empty() || !create.base_on().empty();
    if (t != nullptr && !named) volume.set_size_bytes(t->size_bytes());
    if (parent != nullptr && volume.size_bytes() == 0) volume.set_size_bytes(parent->size_bytes());
  }
  if (volume.size_bytes() == 0) {
    return InvalidParam(absl::StrCat(what, " needs a size: its template has none"));
  }
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(volume.size_bytes())));
  volume.set_created_seconds(c.now_seconds());
  volume.set_next_generation(1);
  Limits limits;
  if (t != nullptr) limits = t->limits();
  Merge(create.limits(), limits);
  if (IsLimited(limits)) *volume.mutable_limits() = limits;
  MergeTags(create.tags(), volume);
  SP_RETURN_IF_ERROR(CheckTagCount(volume));
  if (parent == nullptr) return plan;
  if (volume.size_bytes() < parent->size_bytes()) {
    return InvalidParam(absl::StrCat(what, " would be smaller than its parent, which has ",
                                     parent->size_bytes(), " bytes; clone it, then shrink it"));
  }
  SP_RETURN_IF_ERROR(SetParent(plan.line, *parent));
  return plan;
}

// The template's, or the parent's where there is no template; with what the request has of its own.
absl::Status State::SetPolicy(const VolumeCreateRequest& create, const Volume* parent,
                              NewVolume& plan) const {
  const Template* t = FindTemplate(create.template_name());
  if (!create.template_name().empty() && t == nullptr) return NoTemplate(create.template_name());
  if (create.template_name().empty() && parent != nullptr) {
    t = FindTemplate(parent->template_id());
    plan.policy = *tables_.Find(lines_.Find(parent->lineage())->table());
  }
  if (t != nullptr) plan.policy = PolicyOfTemplate(*t);
  const Table before = plan.policy;
  if (create.replication() != 0) plan.policy.set_replication(create.replication());
  if (!create.place_all().empty()) plan.policy.set_place_all(create.place_all());
  if (!create.place_head().empty()) plan.policy.set_place_head(create.place_head());
  if (!create.place_tail().empty()) plan.policy.set_place_tail(create.place_tail());
  if (plan.policy.replication() == 0) {
    return InvalidParam(absl::StrCat("volume ", create.name(),
                                     " needs a template, a parent, or a replication of its own"));
  }
  if (plan.policy.place_all().empty()) plan.policy.set_place_all("default");
  if (plan.policy.place_head().empty()) plan.policy.set_place_head(plan.policy.place_all());
  if (plan.policy.place_tail().empty()) plan.policy.set_place_tail(plan.policy.place_all());
  if (t != nullptr) plan.volume.set_template_id(t->id());
  const bool own = t == nullptr || !SamePolicy(before, plan.policy);
  plan.policy.set_id(own ? 0 : t->table());
  if (own) plan.policy.set_template_id(0);
  plan.policy.set_chains(0);
  return absl::OkStatus();
}

absl::Status State::ChooseTable(NewVolume& plan, Outcome& out) {
  uint32_t table = plan.policy.id();
  if (table == 0) {
    const absl::StatusOr<uint32_t> found = FindOrMakeTable(plan.policy, out);
    if (!found.ok()) return found.status();
    table = *found;
  }
  plan.line.set_table(table);
  return absl::OkStatus();
}

void State::PutNewVolume(NewVolume plan, uint64_t id, Outcome& out) {
  ClusterRecord cluster = cluster_;
  plan.volume.set_id(id);
  plan.volume.set_global_id(GlobalIdOf(cluster, id));
  plan.volume.set_lineage(cluster.next_lineage());
  plan.line.set_lineage(cluster.next_lineage());
  plan.line.set_volume(id);
  cluster.set_next_volume(std::max(cluster.next_volume(), id + 1));
  cluster.set_next_lineage(cluster.next_lineage() + 1);
  PutCluster(cluster);
  PutVolume(plan.volume);
  NewLine(std::move(plan.line), plan.volume.size_bytes(), out);
  out.result.set_id(id);
  out.result.set_global_id(plan.volume.global_id());
}

absl::Status State::Do(const CreateVolume& c, Outcome& out) {
  const VolumeCreateRequest& create = c.create();
  SP_RETURN_IF_ERROR(CheckName(create.name(), false));
  if (!create.parent().empty() && !create.base_on().empty()) {
    return InvalidParam(absl::StrCat("volume ", create.name(), ": either parent or baseOn"));
  }
  if (!create.base_on().empty()) return CloneOfVolume(c, out);
  const Volume* parent = nullptr;
  absl::StatusOr<Volume> found;
  if (!create.parent().empty()) {
    found = FindVolume(create.parent(), true);
    if (!found.ok()) return found.status();
    parent = &*found;
  } else if (const Template* t = FindTemplate(create.template_name())) {
    parent = volumes_.Find(t->parent());  // 0: none
  }
  absl::StatusOr<NewVolume> plan = PlanVolume(c, parent);
  if (!plan.ok()) return plan.status();
  SP_RETURN_IF_ERROR(ChooseTable(*plan, out));
  PutNewVolume(*std::move(plan), cluster_.next_volume(), out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::UpdateSnapshotParts(const VolumeUpdateRequest& update, Volume& volume) const {
  if (!update.has_bind() && !update.has_delete_at_seconds()) return absl::OkStatus();
  if (!volume.snapshot()) {
    return InvalidParam(absl::StrCat("volume ", NameOf(volume),
                                     " is no snapshot: it can be neither bound nor expire"));
  }
  if (update.has_bind()) volume.set_bound(update.bind());
  if (update.has_delete_at_seconds()) volume.set_delete_at_seconds(update.delete_at_seconds());
  return absl::OkStatus();
}

absl::Status State::Do(const UpdateVolume& c, Outcome& out) {
  const VolumeUpdateRequest& update = c.update();
  const absl::StatusOr<Volume> found = FindVolume(update.name(), update.snapshot());
  if (!found.ok()) return found.status();
  Volume volume = *found;
  if (update.has_rename() && update.rename() != volume.name()) {
    SP_RETURN_IF_ERROR(CheckName(update.rename(), volume.snapshot()));
    volume.set_name(update.rename());
    volume.clear_auto_name();
  }
  SP_RETURN_IF_ERROR(CheckTags(update.tags()));
  MergeTags(update.tags(), volume);
  SP_RETURN_IF_ERROR(CheckTagCount(volume));
  SP_RETURN_IF_ERROR(UpdateSnapshotParts(update, volume));
  if (update.has_limits()) {
    Limits limits = volume.limits();
    Merge(update.limits(), limits);
    volume.clear_limits();
    if (IsLimited(limits)) *volume.mutable_limits() = limits;
  }
  if (update.has_size_bytes() && update.size_add_bytes() != 0) {
    return InvalidParam(absl::StrCat("volume ", NameOf(*found), ": either size or sizeAdd"));
  }
  if (update.size_add_bytes() > kVolumeBytesMax) {
    return InvalidParam(
        absl::StrCat("volume ", NameOf(*found), ": sizeAdd is above ", kVolumeBytesMax));
  }
  const uint64_t size_bytes =
      update.has_size_bytes() ? update.size_bytes() : volume.size_bytes() + update.size_add_bytes();
  SP_RETURN_IF_ERROR(CheckResize(volume, size_bytes, update.shrink_ok()));
  SP_RETURN_IF_ERROR(ChangePlace(update, volume, out));  // the last that may fail
  Resize(volume, size_bytes, out);
  if (volume.SerializeAsString() == found->SerializeAsString()) return absl::OkStatus();
  PutVolume(volume);
  TouchVolume(volume.id(), out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::CheckResize(const Volume& volume, uint64_t size_bytes, bool shrink_ok) const {
  if (size_bytes == volume.size_bytes()) return absl::OkStatus();
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(size_bytes)));
  if (volume.snapshot()) {
    return InvalidParam(absl::StrCat("snapshot ", NameOf(volume), " keeps its size"));
  }
  SP_RETURN_IF_ERROR(CheckRoomForLayer(volume));
  if (size_bytes > volume.size_bytes()) return absl::OkStatus();
  if (!shrink_ok) {
    return InvalidParam(absl::StrCat("volume ", NameOf(volume), " has ", volume.size_bytes(),
                                     " bytes; to cut off what is beyond ", size_bytes,
                                     " for ever, say shrinkOk"));
  }
  if (size_bytes % kBlockBytes != 0) {  // what lies beyond is cut off by whole blocks
    return InvalidParam(absl::StrCat("volume ", NameOf(volume), " shrinks to a multiple of ",
                                     kBlockBytes, " bytes, not to ", size_bytes));
  }
  return CheckOneWriter(volume);
}

void State::Resize(Volume& volume, uint64_t size_bytes, Outcome& out) {
  if (size_bytes == volume.size_bytes()) return;
  const uint64_t lineage = volume.lineage();
  const uint32_t newest = NewestLayer(lineage);
  if (size_bytes > volume.size_bytes()) {
    LayerRecord layer = *layers_.Find({lineage, newest});
    layer.set_size_bytes(size_bytes);
    layer.set_changed(BumpLine(lineage, out));
    PutLayer(lineage, newest, layer);
  } else {
    // A new layer with the smaller cut; the old one is merged into it when no session writes it any
    // more, and what lies beyond the cut is freed then (4.7).
    AddLayer(volume, size_bytes, out);
    Collect(lineage, newest, Why::kOther, out);
  }
  volume.set_size_bytes(size_bytes);
}

absl::Status State::CheckDeletable(const Volume& volume) const {
  SP_RETURN_IF_ERROR(CheckDetached(volume));
  if (operations_of_.contains(volume.lineage()) && !volume.snapshot()) {
    return BusyForNow(
        absl::StrCat("a snapshot of volume ", NameOf(volume), " is being made; try again"));
  }
  for (const auto& [id, t] : templates_.all()) {
    if (t.parent() != volume.id()) continue;
    return Busy(absl::StrCat("snapshot ", NameOf(volume), " is the parent of template ", t.name()));
  }
  return absl::OkStatus();
}

absl::Status State::Do(const DeleteVolume& c, Outcome& out) {
  const VolumeDeleteRequest& remove = c.remove();
  const absl::StatusOr<Volume> volume = FindVolume(remove.name(), remove.snapshot());
  if (!volume.ok()) return volume.status();
  SP_RETURN_IF_ERROR(CheckDeletable(*volume));
  out.result.set_id(volume->id());
  if (volume->snapshot()) {
    DeleteSnapshot(*volume, out);
    return absl::OkStatus();
  }
  EraseVolume(volume->id());
  fills_.Erase(volume->lineage());
  Collect(volume->lineage(), NewestLayer(volume->lineage()), Why::kChildDeleted, out);
  BumpGeneration(out);
  return absl::OkStatus();
}

// Shown as "*name" until every disk has handed its entries over; while a clone needs it, until
// then.
void State::DeleteSnapshot(Volume snapshot, Outcome& out) {
  snapshot.set_deleted(true);
  PutVolume(snapshot);
  Collect(snapshot.lineage(), snapshot.layer(), Why::kChildDeleted, out);
  BumpGeneration(out);
}

}  // namespace storpool::metadata
