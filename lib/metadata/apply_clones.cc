// Clones, revert, and becoming independent of a parent (design 9.4, 9.5). Nothing is copied here.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {

absl::Status State::SetParent(Line& line, const Volume& parent) const {
  if (Ancestors(parent.lineage()).size() + 1 > kForeignParentsMax) {
    return Busy(absl::StrCat(NameOf(parent), " is a clone of a clone, ", kForeignParentsMax,
                             " in a row; rebase it to base first, and wait for task list"));
  }
  line.set_has_foreign_parent(true);
  line.set_parent_lineage(parent.lineage());
  line.set_parent_layer(parent.layer());
  line.set_parent_size_bytes(parent.size_bytes());
  return absl::OkStatus();
}

// What the volume holds now: a transient snapshot of it first (9.3), then a clone of that.
absl::Status State::CloneOfVolume(const CreateVolume& c, Outcome& out) {
  CreateSnapshots take;
  take.set_now_seconds(c.now_seconds());
  take.mutable_create()->add_volumes()->set_volume(c.create().base_on());
  absl::StatusOr<OperationRecord> plan = PlanSnapshots(take);
  if (!plan.ok()) return plan.status();
  Volume& snapshot = *plan->mutable_snapshots(0)->mutable_snapshot();
  snapshot.set_transient(true);
  *plan->mutable_clone() = c;
  if (c.create().name() == snapshot.name() && !snapshot.name().empty()) {
    return InvalidParam(absl::StrCat("a clone cannot be named ", snapshot.name()));
  }
  return StartSnapshots(*std::move(plan), out);
}

absl::StatusOr<State::NewVolume> State::PlanClone(const OperationRecord& record) const {
  return PlanVolume(record.clone(), &record.snapshots(0).snapshot());
}

// Whether the volume holds what has grown out of this snapshot.
bool State::IsAncestor(const Volume& snapshot, const Volume& volume) const {
  uint64_t lineage = volume.lineage();
  uint64_t layer = NewestLayer(lineage);
  while (lineage != snapshot.lineage()) {
    const Line* line = lines_.Find(lineage);
    if (line == nullptr || !line->has_foreign_parent()) return false;
    lineage = line->parent_lineage();
    layer = line->parent_layer();
  }
  return snapshot.layer() <= layer;
}

absl::Status State::Do(const RevertVolume& c, Outcome& out) {
  const VolumeRevertRequest& revert = c.revert();
  const absl::StatusOr<Volume> found = FindVolume(revert.name(), false);
  if (!found.ok()) return found.status();
  const absl::StatusOr<Volume> snapshot = FindVolume(revert.to_snapshot(), true);
  if (!snapshot.ok()) return snapshot.status();
  SP_RETURN_IF_ERROR(CheckDetached(*found));
  SP_RETURN_IF_ERROR(CheckRoomForLayer(*found));
  // Where a volume has moved to another template, its snapshots stayed behind.
  if (snapshot->on_volume() != found->id() && !IsAncestor(*snapshot, *found)) {
    return InvalidParam(absl::StrCat("volume ", NameOf(*found), " has not come from snapshot ",
                                     NameOf(*snapshot), "; make a clone of that instead"));
  }
  Volume volume = *found;
  const uint64_t before = volume.lineage();
  const uint32_t newest = NewestLayer(before);
  if (revert.revert_size()) volume.set_size_bytes(snapshot->size_bytes());
  if (snapshot->lineage() == before && snapshot->layer() == NextOlder(before, newest)) {
    AddLayer(volume, volume.size_bytes(), out);
    RemoveLayer(before, newest, 0, out);
    PutVolume(volume);
    if (fills_.contains(before)) StartFill(volume);  // what was copied to the newest layer is gone
  } else {
    Line line;
    line.set_table(lines_.Find(before)->table());
    SP_RETURN_IF_ERROR(SetParent(line, *snapshot));
    BeginLine(std::move(line), volume, out);
    PutVolume(volume);
    fills_.Erase(before);
    Collect(before, newest, Why::kOther, out);
  }
  out.result.set_id(volume.id());
  BumpGeneration(out);
  return absl::OkStatus();
}

// Another lineage of the volume begins, with nothing of its own yet.
void State::BeginLine(Line line, Volume& volume, Outcome& out) {
  ClusterRecord cluster = cluster_;
  line.set_volume(volume.id());
  line.set_lineage(cluster.next_lineage());
  volume.set_lineage(cluster.next_lineage());
  cluster.set_next_lineage(cluster.next_lineage() + 1);
  PutCluster(cluster);
  NewLine(std::move(line), volume.size_bytes(), out);
}

// From the foreign parent of its line, which is there.
void State::StartFill(const Volume& volume) {
  const Line& line = *lines_.Find(volume.lineage());
  FillRecord fill;
  fill.set_volume(volume.id());
  fill.set_lineage(line.lineage());
  fill.set_end(static_cast<uint32_t>(
      (std::min(line.parent_size_bytes(), volume.size_bytes()) + kChunkBytes - 1) / kChunkBytes));
  fills_.Put(line.lineage(), fill);
}

absl::Status State::Do(const RebaseVolume& c, Outcome& out) {
  const VolumeRebaseRequest& rebase = c.rebase();
  const absl::StatusOr<Volume> volume = FindVolume(rebase.name(), rebase.snapshot());
  if (!volume.ok()) return volume.status();
  if (!rebase.parent().empty()) {
    return InvalidParam(absl::StrCat(
        NameOf(*volume), " can be made independent of all its parents only (rebase to base); ",
        "snapshots in its own line go by deleting them"));
  }
  const Line& line = *lines_.Find(volume->lineage());
  if (!line.has_foreign_parent() || fills_.contains(line.lineage())) {
    return absl::OkStatus();  // it is so already, or will be
  }
  if (volume->snapshot()) {
    return InvalidParam(absl::StrCat("snapshot ", NameOf(*volume),
                                     " takes no copies; rebase the volume that it is of"));
  }
  if (OldestLayer(line.lineage()) != NewestLayer(line.lineage())) {
    return Busy(absl::StrCat("volume ", NameOf(*volume),
                             " has snapshots that need its parent; delete them first"));
  }
  StartFill(*volume);
  out.result.set_id(volume->id());
  BumpGeneration(out);
  return absl::OkStatus();
}

// A session of its own copies (5.8). It is never used again once it is lost: what it still sends is
// refused by the heads, or finds entries.
absl::Status State::Do(const FillChanged& c, Outcome& out) {
  const Volume* volume = volumes_.Find(c.volume());
  const FillRecord* known = volume == nullptr ? nullptr : fills_.Find(volume->lineage());
  if (known == nullptr || known->done()) return absl::OkStatus();
  FillRecord fill = *known;
  if (c.client() == 0) {  // lost: its successor begins where it was
    fill.set_client(0);
  } else if (c.generation() == 0) {
    if (!clients_.contains(c.client())) return absl::OkStatus();
    Volume changed = *volume;
    fill.set_client(c.client());
    fill.set_generation(changed.next_generation());
    changed.set_next_generation(changed.next_generation() + 1);
    PutVolume(changed);
  } else {
    if (c.client() != fill.client() || c.generation() != fill.generation()) return absl::OkStatus();
    fill.set_next(std::max(fill.next(), std::min(c.next(), fill.end())));
    fill.set_done(c.done());
    fill.set_layer(NewestLayer(fill.lineage()));
  }
  fills_.Put(fill.lineage(), fill);
  out.events.fills.insert(fill.lineage());
  out.result.set_changed(true);
  if (fill.done()) {
    CutParent(fill.lineage(), out);
    BumpGeneration(out);
  }
  return absl::OkStatus();
}

}  // namespace storpool::metadata
