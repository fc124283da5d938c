// After a restore from a backup (R22): what nodes know better is taken over, before anything is
// decided or told.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/jumps.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {
namespace {

// Whether it changes what lines, or volumes and snapshots on them, are.
bool ChangesLines(Command::WhatCase what) {
  switch (what) {
    case Command::kCreateVolume:
    case Command::kUpdateVolume:
    case Command::kDeleteVolume:
    case Command::kCreateSnapshots:
    case Command::kSealSnapshots:
    case Command::kAbortSnapshots:
    case Command::kSessionMoved:
    case Command::kRenewSession:
    case Command::kFreezeVolume:
    case Command::kDeleteExpired:
    case Command::kRevertVolume:
    case Command::kRebaseVolume:
    case Command::kFillChanged:
    case Command::kRetireLayers:
    case Command::kUpdateTemplate:  // its volumes with it
      return true;
    default:
      return false;
  }
}

}  // namespace

// A line that has changed here could hide what a node knows of it, and what was written there.
absl::Status State::CheckRestored(const Command& command) const {
  if (!cluster_.restoring() || !ChangesLines(command.what_case())) return absl::OkStatus();
  return BusyForNow(absl::StrCat("metadata was restored from a backup and waits for node ",
                                 absl::StrJoin(cluster_.restore_waits_for(), ", "),
                                 " to register; 'service node ID forget' is for one that never "
                                 "will"));
}

absl::Status State::Do(const LinesFound& c, Outcome& out) {
  if (!cluster_.restoring()) return absl::OkStatus();
  for (const Line& line : c.lines()) TakeFound(line, out);
  if (!c.more()) NoLongerAwait(c.node(), out);
  out.result.set_changed(true);
  return absl::OkStatus();
}

// A line was durable on every serving member before anybody wrote its newest layer (S6), so the
// newest one that any node has leads to all data. Layers that the backup does not know are taken
// over without the names of their snapshots; one that it alone knows stays.
void State::TakeFound(const Line& found, Outcome& out) {
  const Line* known = lines_.Find(found.lineage());
  if (known == nullptr) return TakeLost(found);
  if (known->dropped() || found.dropped() || found.layers().empty()) return;
  // Nothing else changes a line meanwhile (CheckRestored), so it stands where it was restored, or
  // where another node's line has put it.
  const uint32_t version = found.version() + kLineVersionJump;
  if (found.since() != 0 || version <= known->since()) return;
  Line line = *known;
  line.set_version(version);
  line.set_since(version);
  lines_.Put(found.lineage(), line);
  for (const Layer& layer : found.layers()) {
    if (removed_.contains({found.lineage(), layer.id()})) continue;  // it never comes back
    LayerRecord record;
    if (const LayerRecord* before = layers_.Find({found.lineage(), layer.id()})) record = *before;
    record.set_size_bytes(layer.size_bytes());
    record.set_cut_bytes(layer.cut_bytes());
    record.set_sealed(layer.sealed());
    record.set_changed(version);
    PutLayer(found.lineage(), layer.id(), record);
  }
  for (const RemovedLayer& removed : found.removed()) {
    TakeRemoved(found.lineage(), removed, version, out);
  }
  if (line.has_foreign_parent() && !found.has_foreign_parent()) {
    ForgetParent(found.lineage(), out);
  }
  const Volume* owner = volumes_.Find(line.volume());
  if (owner == nullptr || owner->snapshot() || owner->lineage() != found.lineage()) return;
  Volume volume = *owner;
  const uint32_t newest = NewestLayer(found.lineage());
  volume.set_size_bytes(layers_.Find({found.lineage(), newest})->size_bytes());
  PutVolume(volume);
  FindBehind(volume.id());
}

// A chain goes on with what it has of the lineage, and a member that is resynced must know the line
// before it can take a chunk of it.
void State::TakeLost(const Line& found) {
  if (!IsLost(found.lineage()) || found.dropped() || found.since() != 0) return;
  const Line* known = lost_lines_.Find(found.lineage());
  if (known == nullptr || known->version() < found.version()) {
    lost_lines_.Put(found.lineage(), found);
  }
}

// Some disks have handed the layer over or freed it, and a member that was away may still have it:
// all are told again, or its entries would be nobody's there.
void State::TakeRemoved(uint64_t lineage, const RemovedLayer& found, uint32_t version,
                        Outcome& out) {
  const Pair key(lineage, found.layer());
  RemovedRecord record;
  if (const RemovedRecord* before = removed_.Find(key)) record = *before;
  if (const LayerRecord* layer = layers_.Find(key)) {
    // One that the backup lists goes when it is deleted again. Not if it was freed: what is left of
    // it on some disk must never get into the layer above.
    const bool listed = layer->snapshot() != 0 || Clones(lineage, found.layer()) != 0;
    if (listed && found.into() != 0) return;
    record.set_snapshot(layer->snapshot());
    if (layer->snapshot() != 0) ForgetSnapshot(layer->snapshot(), out);
    EraseLayer(lineage, found.layer());
  }
  *record.mutable_removed() = found;
  record.mutable_removed()->set_changed(version);
  removed_.Put(key, record);
}

// It was deleted after the backup: it is in deletion, nobody has it attached, no template begins
// with it.
void State::ForgetSnapshot(uint64_t id, Outcome& out) {
  std::vector<uint32_t> clients;
  auto it = attachments_.all().lower_bound({id, 0});
  for (; it != attachments_.all().end() && it->first.first == id; ++it) {
    clients.push_back(static_cast<uint32_t>(it->first.second));
  }
  for (uint32_t client : clients) {
    DropFencesOf(id, client);
    RemoveAttachment(id, client, out);
  }
  const std::map<uint64_t, Template> templates = templates_.all();
  for (const auto& [key, t] : templates) {
    if (t.parent() != id) continue;
    Template changed = t;
    changed.clear_parent();
    templates_.Put(key, changed);
  }
  Volume snapshot = *volumes_.Find(id);
  snapshot.set_deleted(true);
  PutVolume(snapshot);
}

// Restoring is over once every known node has said what it knows, or is forgotten.
void State::NoLongerAwait(uint32_t node, Outcome& out) {
  if (!cluster_.restoring()) return;
  ClusterRecord cluster = cluster_;
  auto& waits = *cluster.mutable_restore_waits_for();
  waits.erase(std::remove(waits.begin(), waits.end(), node), waits.end());
  cluster.set_restoring(!waits.empty());
  PutCluster(cluster);
  if (cluster.restoring()) return;
  OpenSealed(out);
  for (const auto& [id, client] : clients_.all()) TouchAttachments(id, out);
  std::vector<Pair> layers;  // nothing was collected so far
  for (const auto& [key, layer] : layers_.all()) layers.push_back(key);
  for (const auto& [lineage, layer] : layers) {
    Collect(lineage, static_cast<uint32_t>(layer), Why::kOther, out);
  }
}

// A volume that was frozen or moved after the backup is a volume again, with a layer to write. No
// session writes a layer that nodes know as sealed, or do not have any more.
void State::OpenSealed(Outcome& out) {
  std::vector<uint64_t> sealed;
  for (const auto& [id, volume] : volumes_.all()) {
    const uint64_t lineage = volume.lineage();
    if (!volume.snapshot() && layers_.Find({lineage, NewestLayer(lineage)})->sealed()) {
      sealed.push_back(id);
    }
  }
  for (uint64_t id : sealed) AddLayer(*volumes_.Find(id), volumes_.Find(id)->size_bytes(), out);
  std::vector<AttachmentRecord> moved;
  for (const auto& [key, record] : attachments_.all()) {
    const Attachment& a = record.attachment();
    if (a.rights() != READ_WRITE || record.waits()) continue;
    const uint64_t lineage = volumes_.Find(a.volume())->lineage();
    auto at = layers_.all().lower_bound({lineage, a.layer()});
    while (at != layers_.all().end() && at->first.first == lineage && at->second.sealed()) ++at;
    const bool found = at != layers_.all().end() && at->first.first == lineage;
    const auto layer = found ? static_cast<uint32_t>(at->first.second) : NewestLayer(lineage);
    if (layer == a.layer()) continue;
    moved.push_back(record);
    moved.back().mutable_attachment()->set_layer(layer);
  }
  for (const AttachmentRecord& record : moved) PutAttachment(record);
}

}  // namespace storpool::metadata
