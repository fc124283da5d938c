// Lineages: lines of layers, kept in pieces, and when a layer or a lineage goes (design 4.7, 4.8,
// 9.4). Every change of a line is a new version.
#include <algorithm>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

std::string SectionOf(uint64_t lineage) { return absl::StrCat("line/", lineage); }

void AddTo(Line& line, uint32_t id, const LayerRecord& record) {
  Layer& layer = *line.add_layers();
  layer.set_id(id);
  layer.set_size_bytes(record.size_bytes());
  layer.set_cut_bytes(record.cut_bytes());
  layer.set_sealed(record.sealed());
  layer.set_changed(record.changed());
}

}  // namespace

Line State::WholeLine(uint64_t lineage, uint32_t known) const {
  Line line = *lines_.Find(lineage);
  const uint32_t since = known < line.since() ? 0 : known;
  line.set_since(since);
  if (since == 0) {
    auto it = layers_.all().lower_bound({lineage, 0});
    for (; it != layers_.all().end() && it->first.first == lineage; ++it) {
      AddTo(line, static_cast<uint32_t>(it->first.second), it->second);
    }
  } else {
    std::set<uint32_t> newer;
    auto it = layer_changes_.lower_bound({lineage, since + 1, 0});
    for (; it != layer_changes_.end() && std::get<0>(*it) == lineage; ++it) {
      newer.insert(std::get<2>(*it));
    }
    for (uint32_t layer : newer) AddTo(line, layer, *layers_.Find({lineage, layer}));
  }
  auto removed = removed_.all().lower_bound({lineage, 0});
  for (; removed != removed_.all().end() && removed->first.first == lineage; ++removed) {
    *line.add_removed() = removed->second.removed();
  }
  return line;
}

bool State::IsLost(uint64_t lineage) const {
  return std::ranges::any_of(cluster_.lost_lineages(), [&](const LineageRange& range) {
    return range.first() <= lineage && lineage < range.end();
  });
}

uint32_t State::NewestLayer(uint64_t lineage) const {
  auto it = layers_.all().lower_bound({lineage + 1, 0});
  if (it == layers_.all().begin()) return 0;
  --it;
  return it->first.first == lineage ? static_cast<uint32_t>(it->first.second) : 0;
}

uint32_t State::OldestLayer(uint64_t lineage) const {
  const auto it = layers_.all().lower_bound({lineage, 0});
  if (it == layers_.all().end() || it->first.first != lineage) return 0;
  return static_cast<uint32_t>(it->first.second);
}

uint32_t State::NextNewer(uint64_t lineage, uint32_t layer) const {
  const auto it = layers_.all().upper_bound({lineage, layer});
  if (it == layers_.all().end() || it->first.first != lineage) return 0;
  return static_cast<uint32_t>(it->first.second);
}

uint32_t State::NextOlder(uint64_t lineage, uint32_t layer) const {
  auto it = layers_.all().lower_bound({lineage, layer});
  if (it == layers_.all().begin()) return 0;
  --it;
  return it->first.first == lineage ? static_cast<uint32_t>(it->first.second) : 0;
}

bool State::HasWork(uint64_t lineage) const {
  if (HasOperation(lineage)) return true;
  const auto it = removed_.all().lower_bound({lineage, 0});
  return it != removed_.all().end() && it->first.first == lineage;
}

uint32_t State::Clones(uint64_t lineage, uint32_t layer) const {
  uint32_t count = 0;
  auto it = clones_.lower_bound({lineage, layer, 0});
  for (; it != clones_.end() && std::get<0>(*it) == lineage && std::get<1>(*it) == layer; ++it) {
    ++count;
  }
  return count;
}

std::vector<uint64_t> State::Ancestors(uint64_t lineage) const {
  std::vector<uint64_t> result;
  const Line* line = lines_.Find(lineage);
  while (line != nullptr && line->has_foreign_parent()) {
    result.push_back(line->parent_lineage());
    line = lines_.Find(line->parent_lineage());
  }
  return result;
}

std::set<uint32_t> State::DisksOfTable(uint32_t table) const {
  std::set<uint32_t> disks;  // also members that are away
  for (uint32_t raw : ChainsOfTable(table)) {
    const ChainRecord* chain = chains_.Find(raw);
    for (const ChainMember& m : chain->config().named().members()) disks.insert(m.disk());
    for (const ChainMember& m : chain->config().last_opened().members()) disks.insert(m.disk());
  }
  std::erase_if(disks, [&](uint32_t disk) { return !disks_.contains(disk); });  // forgotten
  return disks;
}

uint32_t State::BumpLine(uint64_t lineage, Outcome& out) {
  Line line = *lines_.Find(lineage);
  line.set_version(line.version() + 1);
  lines_.Put(lineage, line);
  out.events.lines.insert(lineage);
  out.events.sections.insert(SectionOf(lineage));
  return line.version();
}

void State::PutLayer(uint64_t lineage, uint32_t layer, const LayerRecord& record) {
  if (const LayerRecord* known = layers_.Find({lineage, layer})) {
    layer_changes_.erase({lineage, known->changed(), layer});
  }
  layer_changes_.insert({lineage, record.changed(), layer});
  layers_.Put({lineage, layer}, record);
}

void State::EraseLayer(uint64_t lineage, uint32_t layer) {
  layer_changes_.erase({lineage, layers_.Find({lineage, layer})->changed(), layer});
  layers_.Erase({lineage, layer});
}

void State::NewLine(Line line, uint64_t size_bytes, Outcome& out) {
  const uint64_t lineage = line.lineage();
  line.set_version(1);
  if (line.has_foreign_parent()) {
    clones_.insert({line.parent_lineage(), line.parent_layer(), lineage});
  }
  ++lines_on_[line.table()];
  lines_.Put(lineage, std::move(line));
  LayerRecord first;
  first.set_size_bytes(size_bytes);
  first.set_cut_bytes(size_bytes);
  first.set_changed(1);
  PutLayer(lineage, 1, first);
  out.events.lines.insert(lineage);
  out.events.sections.insert(SectionOf(lineage));
}

void State::EraseLine(uint64_t lineage, Outcome& out) {
  const uint32_t table = lines_.Find(lineage)->table();
  lines_.Erase(lineage);
  out.events.sections.insert(SectionOf(lineage));
  if (--lines_on_[table] == 0) EraseTableIfUnused(table, out);
}

absl::Status State::CheckRoomForLayer(const Volume& volume) const {
  const uint64_t lineage = volume.lineage();
  if (operations_of_.contains(lineage)) {
    return BusyForNow(
        absl::StrCat("a snapshot of volume ", NameOf(volume), " is being made; try again"));
  }
  const auto behind = behind_.lower_bound({volume.id(), 0});
  if (behind != behind_.end() && behind->first == volume.id()) {
    return BusyForNow(absl::StrCat("client ", behind->second,
                                   " has not followed the last change of volume ", NameOf(volume),
                                   " yet; try again"));
  }
  if (NewestLayer(lineage) < kLayersMax) return absl::OkStatus();
  const auto count = [lineage](const auto& all) {
    return std::distance(all.lower_bound({lineage, 0}), all.lower_bound({lineage + 1, 0}));
  };
  if (count(layers_.all()) + count(removed_.all()) < static_cast<int64_t>(kLayersMax)) {
    return absl::OkStatus();
  }
  return Busy(absl::StrCat("volume ", NameOf(volume), " has ", kLayersMax,
                           " snapshots, with those in deletion; delete some first"));
}

uint32_t State::AddLayer(const Volume& volume, uint64_t size_bytes, Outcome& out) {
  const uint64_t lineage = volume.lineage();
  const uint32_t layer = std::max(NewestLayer(lineage), cluster_.layers_above()) + 1;
  LayerRecord record;
  record.set_size_bytes(size_bytes);
  record.set_cut_bytes(size_bytes);
  record.set_changed(BumpLine(lineage, out));
  PutLayer(lineage, layer, record);
  FindBehind(volume.id());
  return layer;
}

bool State::Needs(uint64_t lineage, uint32_t layer) const {
  const LayerRecord& record = *layers_.Find({lineage, layer});
  if (record.snapshot() != 0 && !volumes_.Find(record.snapshot())->deleted()) return true;
  if (Clones(lineage, layer) != 0) return true;
  if (const auto it = operations_of_.find(lineage); it != operations_of_.end()) {
    for (const auto& one : operations_.Find(it->second)->snapshots()) {
      if (one.snapshot().lineage() == lineage && one.snapshot().layer() == layer) return true;
    }
  }
  const Volume* owner = volumes_.Find(lines_.Find(lineage)->volume());
  if (owner == nullptr || owner->snapshot() || owner->lineage() != lineage) return false;
  if (layer == NewestLayer(lineage)) return true;
  auto it = attachments_.all().lower_bound({owner->id(), 0});
  for (; it != attachments_.all().end() && it->first.first == owner->id(); ++it) {
    if (it->second.attachment().layer() == layer) return true;  // a session may still write it
  }
  return false;
}

// Transient snapshots go with what needed them; bound ones only where their last child was deleted,
// not where it was reverted or moved, or where somebody has only looked at them.
bool State::GoesByItself(const Volume& snapshot, Why why) const {
  const bool bound = snapshot.bound() && why == Why::kChildDeleted;
  if (snapshot.deleted() || (!bound && !snapshot.transient())) return false;
  const auto attached = attachments_.all().lower_bound({snapshot.id(), 0});
  if (attached != attachments_.all().end() && attached->first.first == snapshot.id()) return false;
  for (const auto& [id, t] : templates_.all()) {
    if (t.parent() == snapshot.id()) return false;
  }
  const bool newer = NextNewer(snapshot.lineage(), snapshot.layer()) != 0;
  return Clones(snapshot.lineage(), snapshot.layer()) == 0 && (snapshot.transient() || !newer);
}

// Removes the layer if nobody needs it any more, then those that only it needed.
void State::Collect(uint64_t lineage, uint32_t layer, Why why, Outcome& out) {
  if (cluster_.restoring()) return;  // at its end all is looked at
  while (layer != 0) {
    const LayerRecord* record = layers_.Find({lineage, layer});
    if (record == nullptr) return;
    if (record->snapshot() != 0 && GoesByItself(*volumes_.Find(record->snapshot()), why)) {
      Volume snapshot = *volumes_.Find(record->snapshot());
      snapshot.set_deleted(true);
      PutVolume(snapshot);
    }
    if (Needs(lineage, layer)) return;
    const uint32_t older = NextOlder(lineage, layer);
    const uint32_t newer = NextNewer(lineage, layer);
    if (older == 0 && newer == 0) return DropLine(lineage, why, out);
    RemoveLayer(lineage, layer, newer, out);
    if (newer != 0) return CutParent(lineage, out);
    layer = older;  // it is the newest now
  }
}

void State::RemoveLayer(uint64_t lineage, uint32_t layer, uint32_t into, Outcome& out) {
  const LayerRecord record = *layers_.Find({lineage, layer});
  const uint32_t version = BumpLine(lineage, out);
  RemovedRecord removed;
  removed.set_snapshot(record.snapshot());
  removed.mutable_removed()->set_layer(layer);
  removed.mutable_removed()->set_changed(version);
  if (into != 0) {
    LayerRecord heir = *layers_.Find({lineage, into});
    removed.mutable_removed()->set_into(into);
    removed.mutable_removed()->set_cut_bytes(heir.cut_bytes());
    heir.set_cut_bytes(std::min(heir.cut_bytes(), record.cut_bytes()));
    heir.set_changed(version);
    PutLayer(lineage, into, heir);
  }
  EraseLayer(lineage, layer);
  removed_.Put({lineage, layer}, removed);
}

// Nothing of it is needed any more: every disk is to drop what it has (hazard 6.10).
void State::DropLine(uint64_t lineage, Why why, Outcome& out) {
  BumpLine(lineage, out);
  Line line = *lines_.Find(lineage);
  const Line before = line;
  line.set_dropped(true);
  line.set_since(line.version());  // whoever has an older one needs all of it: nothing is left
  line.set_has_foreign_parent(false);
  std::vector<uint32_t> layers;
  std::vector<Pair> removed;
  for (uint32_t at = OldestLayer(lineage); at != 0; at = NextNewer(lineage, at)) {
    layers.push_back(at);
  }
  for (uint32_t layer : layers) {
    EraseVolume(layers_.Find({lineage, layer})->snapshot());
    EraseLayer(lineage, layer);
  }
  auto r = removed_.all().lower_bound({lineage, 0});
  for (; r != removed_.all().end() && r->first.first == lineage; ++r) removed.push_back(r->first);
  for (const Pair& key : removed) {
    EraseVolume(removed_.Find(key)->snapshot());
    removed_.Erase(key);
  }
  fills_.Erase(lineage);
  DropRecord drop;
  drop.set_lineage(lineage);
  drop.set_table(line.table());
  for (uint32_t disk : DisksOfTable(line.table())) {
    drop.add_disks(disk);
    out.events.disks_with_drops.insert(disk);
  }
  lines_.Put(lineage, line);
  drops_.Put(lineage, drop);
  if (drop.disks().empty()) {
    drops_.Erase(lineage);
    EraseLine(lineage, out);
  }
  if (!before.has_foreign_parent()) return;
  clones_.erase({before.parent_lineage(), before.parent_layer(), lineage});
  Collect(before.parent_lineage(), before.parent_layer(), why, out);
}

// When it is filled, and no readable layer is older than the end of the fill (9.4).
void State::CutParent(uint64_t lineage, Outcome& out) {
  const FillRecord* fill = fills_.Find(lineage);
  if (fill == nullptr || !fill->done() || OldestLayer(lineage) < fill->layer()) return;
  BumpLine(lineage, out);
  ForgetParent(lineage, out);
}

void State::ForgetParent(uint64_t lineage, Outcome& out) {
  fills_.Erase(lineage);
  Line line = *lines_.Find(lineage);
  const uint64_t parent = line.parent_lineage();
  const uint32_t layer = line.parent_layer();
  line.clear_has_foreign_parent();
  line.clear_parent_lineage();
  line.clear_parent_layer();
  line.clear_parent_size_bytes();
  lines_.Put(lineage, line);
  clones_.erase({parent, layer, lineage});
  TouchVolume(line.volume(), out);
  Collect(parent, layer, Why::kOther, out);
}

absl::Status State::Do(const RetireLayers& c, Outcome& out) {
  std::vector<Pair> retired;
  uint32_t newest = 0;
  auto it = removed_.all().lower_bound({c.lineage(), 0});
  for (; it != removed_.all().end() && it->first.first == c.lineage(); ++it) {
    if (it->second.removed().changed() > c.applied()) continue;
    newest = std::max(newest, it->second.removed().changed());
    retired.push_back(it->first);
  }
  for (const Pair& key : retired) {
    EraseVolume(removed_.Find(key)->snapshot());
    removed_.Erase(key);
  }
  if (retired.empty()) return absl::OkStatus();
  BumpLine(c.lineage(), out);
  Line line = *lines_.Find(c.lineage());
  line.set_since(std::max(line.since(), newest));  // who has an older one is not told of these
  lines_.Put(c.lineage(), line);
  out.result.set_changed(true);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
