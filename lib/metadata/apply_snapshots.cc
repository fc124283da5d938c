// Snapshots (design 9.3): made at once of volumes that nobody writes, else by an operation that the
// leader carries out; the layer first, the snapshot after.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

bool IsWriter(const AttachmentRecord& record) {
  return record.attachment().rights() == READ_WRITE && !record.waits();
}

}  // namespace

const AttachmentRecord* State::WriterBelow(uint64_t volume, uint32_t layer) const {
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (IsWriter(it->second) && it->second.attachment().layer() < layer) return &it->second;
  }
  return nullptr;
}

absl::Status State::CheckOneWriter(const Volume& volume) const {
  uint32_t writers = 0;
  auto it = attachments_.all().lower_bound({volume.id(), 0});
  for (; it != attachments_.all().end() && it->first.first == volume.id(); ++it) {
    // Also one that will be when its fence is over: it is not held, and writes the newest layer.
    writers +=
        it->second.attachment().rights() == READ_WRITE || it->second.next_rights() == READ_WRITE;
  }
  if (writers <= 1) return absl::OkStatus();
  return Busy(absl::StrCat("volume ", NameOf(volume), " is attached read-write to ", writers,
                           " clients; with more than one it cannot be held"));
}

bool State::AllOpen(uint32_t table) const {
  for (uint32_t raw : ChainsOfTable(table)) {
    if (!chains_.Find(raw)->config().named().opened()) return false;
  }
  return true;
}

// No session may write the line's newest layer, and no request of a former one can turn up: the
// chains where a fence was bound to a name only have opened since (S2).
bool State::IsQuiet(const Volume& volume) const {
  return WriterBelow(volume.id(), std::numeric_limits<uint32_t>::max()) == nullptr &&
         AllOpen(lines_.Find(volume.lineage())->table());
}

absl::StatusOr<OperationRecord> State::PlanSnapshots(const CreateSnapshots& c) const {
  const SnapshotCreateRequest& create = c.create();
  if (create.volumes().empty()) return InvalidParam("a snapshot of no volume");
  if (create.volumes_size() > static_cast<int>(kVolumesPerGroupMax)) {
    return InvalidParam(
        absl::StrCat("a group of more than ", kVolumesPerGroupMax, " volumes cannot be held"));
  }
  SP_RETURN_IF_ERROR(CheckTags(create.tags()));
  OperationRecord plan;
  plan.set_id(cluster_.last_operation() + 1);
  uint64_t id = cluster_.next_volume();
  std::set<uint64_t> volumes;
  std::set<std::string> names;
  for (const SnapshotCreateRequest::One& wanted : create.volumes()) {
    const absl::StatusOr<Volume> volume = FindVolume(wanted.volume(), false);
    if (!volume.ok()) return volume.status();
    if (!volumes.insert(volume->id()).second) {
      return InvalidParam(absl::StrCat("volume ", NameOf(*volume), " is in the group twice"));
    }
    SP_RETURN_IF_ERROR(CheckRoomForLayer(*volume));
    SP_RETURN_IF_ERROR(CheckOneWriter(*volume));
    OperationRecord::One& one = *plan.add_snapshots();
    one.set_volume(volume->id());
    Volume& snapshot = *one.mutable_snapshot();
    snapshot.set_id(id++);
    snapshot.set_global_id(GlobalIdOf(cluster_, snapshot.id()));
    snapshot.set_name(wanted.name());
    if (wanted.name().empty()) {
      snapshot.set_auto_name(true);
      const std::string name = absl::StrCat(volume->name(), "@", snapshot.id());
      if (name.size() <= kNameBytesMax) snapshot.set_name(name);
    }
    SP_RETURN_IF_ERROR(CheckName(snapshot.name(), true));
    if (!snapshot.name().empty() && !names.insert(snapshot.name()).second) {
      return InvalidParam(absl::StrCat("two snapshots cannot both be ", snapshot.name()));
    }
    snapshot.set_size_bytes(volume->size_bytes());
    snapshot.set_template_id(volume->template_id());
    snapshot.set_lineage(volume->lineage());
    snapshot.set_layer(NewestLayer(volume->lineage()));
    snapshot.set_created_seconds(c.now_seconds());
    snapshot.set_next_generation(1);
    snapshot.set_snapshot(true);
    if (volume->has_limits()) *snapshot.mutable_limits() = volume->limits();
    SP_RETURN_IF_ERROR(CheckTags(wanted.tags()));
    MergeTags(create.tags(), snapshot);
    MergeTags(wanted.tags(), snapshot);
    SP_RETURN_IF_ERROR(CheckTagCount(snapshot));
    snapshot.set_on_volume(volume->id());
    snapshot.set_bound(create.bind());
    snapshot.set_delete_at_seconds(create.delete_at_seconds());
  }
  return plan;
}

absl::Status State::Do(const CreateSnapshots& c, Outcome& out) {
  absl::StatusOr<OperationRecord> plan = PlanSnapshots(c);
  if (!plan.ok()) return plan.status();
  return StartSnapshots(*std::move(plan), out);
}

absl::Status State::StartSnapshots(OperationRecord plan, Outcome& out) {
  const bool quiet = std::ranges::all_of(
      plan.snapshots(), [&](const auto& one) { return IsQuiet(*volumes_.Find(one.volume())); });
  std::optional<NewVolume> clone;
  if (plan.has_clone()) {
    absl::StatusOr<NewVolume> planned = PlanClone(plan);
    if (!planned.ok()) return planned.status();
    if (quiet) SP_RETURN_IF_ERROR(ChooseTable(*planned, out));  // else it is chosen by the sealing
    clone = *std::move(planned);
  }
  ClusterRecord cluster = cluster_;
  for (OperationRecord::One& one : *plan.mutable_snapshots()) {
    const Volume volume = *volumes_.Find(one.volume());
    cluster.set_next_volume(std::max(cluster.next_volume(), one.snapshot().id() + 1));
    if (!one.snapshot().name().empty()) names_[one.snapshot().name()] = one.snapshot().id();
    one.set_next_layer(AddLayer(volume, volume.size_bytes(), out));
    one.set_version(lines_.Find(volume.lineage())->version());
    out.result.add_snapshots(one.snapshot().id());
  }
  if (plan.has_clone()) {
    plan.set_clone_id(cluster.next_volume());
    cluster.set_next_volume(cluster.next_volume() + 1);
    const std::string& name = plan.clone().create().name();
    if (!name.empty()) names_[name] = plan.clone_id();
    out.result.set_id(plan.clone_id());
    out.result.set_global_id(GlobalIdOf(cluster, plan.clone_id()));
  }
  if (!quiet) {
    cluster.set_last_operation(plan.id());
    out.result.set_operation(plan.id());
    PutCluster(cluster);
    IndexOperation(plan);
    operations_.Put(plan.id(), plan);
    BumpGeneration(out);
    return absl::OkStatus();
  }
  PutCluster(cluster);
  FinishSnapshots(plan, std::move(clone), out);
  return absl::OkStatus();
}

// The old layers become the snapshots, all at once.
void State::FinishSnapshots(const OperationRecord& record, std::optional<NewVolume> clone,
                            Outcome& out) {
  for (const auto& one : record.snapshots()) {
    const Volume& snapshot = one.snapshot();
    LayerRecord layer = *layers_.Find({snapshot.lineage(), snapshot.layer()});
    layer.set_sealed(true);
    layer.set_snapshot(snapshot.id());
    layer.set_changed(BumpLine(snapshot.lineage(), out));
    PutLayer(snapshot.lineage(), snapshot.layer(), layer);
    PutVolume(snapshot);
  }
  if (clone) PutNewVolume(*std::move(clone), record.clone_id(), out);
  BumpGeneration(out);
}

void State::EndOperation(const OperationRecord& record, Outcome& out) {
  for (const auto& one : record.snapshots()) {
    operations_of_.erase(one.snapshot().lineage());
    names_.erase(one.snapshot().name());
  }
  names_.erase(record.clone().create().name());
  operations_.Erase(record.id());
  for (const auto& one : record.snapshots()) GrantHeldBack(one.volume(), out);
  out.events.operations_over.push_back(record.id());
}

absl::Status State::Do(const SealSnapshots& c, Outcome& out) {
  const OperationRecord* known = operations_.Find(c.operation());
  if (known == nullptr) return absl::OkStatus();
  const OperationRecord record = *known;
  std::map<Pair, uint32_t> held;  // volume, client -> generation
  for (const SessionMoved& s : c.held()) held[{s.volume(), s.client()}] = s.generation();
  std::vector<AttachmentRecord> moved;
  for (const auto& one : record.snapshots()) {
    const AttachmentRecord* writer = WriterBelow(one.volume(), one.next_layer());
    if (writer == nullptr) continue;
    const Attachment& a = writer->attachment();
    const auto it = held.find({one.volume(), a.client()});
    if (it == held.end() || it->second != a.generation() || !a.granted()) {
      return BusyForNow("a session of the group has changed meanwhile");
    }
    moved.push_back(*writer);
    moved.back().mutable_attachment()->set_layer(one.next_layer());
  }
  std::optional<NewVolume> clone;
  if (record.has_clone()) {
    absl::StatusOr<NewVolume> planned = PlanClone(record);
    if (!planned.ok()) return planned.status();
    SP_RETURN_IF_ERROR(ChooseTable(*planned, out));
    clone = *std::move(planned);
  }
  EndOperation(record, out);
  for (const AttachmentRecord& a : moved) {
    PutAttachment(a);
    TouchAttachments(a.attachment().client(), out);
  }
  FinishSnapshots(record, std::move(clone), out);
  return absl::OkStatus();
}

absl::Status State::Do(const AbortSnapshots& c, Outcome& out) {
  const OperationRecord* known = operations_.Find(c.operation());
  if (known == nullptr) return absl::OkStatus();
  const OperationRecord record = *known;
  EndOperation(record, out);
  // The old layers are internal ones now; they go as soon as no session writes them.
  for (const auto& one : record.snapshots()) {
    Collect(one.snapshot().lineage(), one.snapshot().layer(), Why::kOther, out);
  }
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const SessionMoved& c, Outcome& out) {
  const AttachmentRecord* known = attachments_.Find({c.volume(), c.client()});
  if (known == nullptr || known->attachment().generation() != c.generation()) {
    return absl::OkStatus();
  }
  const uint64_t lineage = volumes_.Find(c.volume())->lineage();
  const uint32_t before = known->attachment().layer();
  if (c.layer() <= before || c.layer() > NewestLayer(lineage)) return absl::OkStatus();
  AttachmentRecord record = *known;
  record.mutable_attachment()->set_layer(c.layer());
  PutAttachment(record);
  TouchAttachments(c.client(), out);
  Collect(lineage, before, Why::kOther, out);
  out.result.set_changed(true);
  return absl::OkStatus();
}

absl::Status State::Do(const FreezeVolume& c, Outcome& out) {
  const absl::StatusOr<Volume> found = FindVolume(c.freeze().name(), false);
  if (!found.ok()) return found.status();
  SP_RETURN_IF_ERROR(CheckDetached(*found));
  SP_RETURN_IF_ERROR(CheckRoomForLayer(*found));
  if (!AllOpen(lines_.Find(found->lineage())->table())) {
    return BusyForNow(absl::StrCat("volume ", NameOf(*found), " has chains that are not open"));
  }
  if (const FillRecord* fill = fills_.Find(found->lineage()); fill != nullptr && !fill->done()) {
    return BusyForNow(absl::StrCat("volume ", NameOf(*found),
                                   " still copies from its former place; see task list"));
  }
  Volume volume = *found;
  volume.set_snapshot(true);
  volume.set_layer(NewestLayer(volume.lineage()));
  volume.set_delete_at_seconds(c.freeze().delete_at_seconds());
  LayerRecord layer = *layers_.Find({volume.lineage(), volume.layer()});
  layer.set_sealed(true);
  layer.set_snapshot(volume.id());
  layer.set_changed(BumpLine(volume.lineage(), out));
  PutLayer(volume.lineage(), volume.layer(), layer);
  PutVolume(volume);
  out.result.set_id(volume.id());
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const DeleteExpired& c, Outcome& out) {
  for (uint64_t id : c.snapshots()) {
    const Volume* snapshot = volumes_.Find(id);
    if (snapshot == nullptr || !snapshot->snapshot() || snapshot->deleted()) continue;
    const int64_t at = snapshot->delete_at_seconds();
    if (at == 0 || at > c.now_seconds() || !CheckDeletable(*snapshot).ok()) continue;
    DeleteSnapshot(*snapshot, out);
  }
  return absl::OkStatus();
}

}  // namespace storpool::metadata
