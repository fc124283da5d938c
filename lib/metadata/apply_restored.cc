// After a restore from a backup (R22): what nodes know better is taken over, before anything is
// decided or told.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/metadata/jumps.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {

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
  if (known == nullptr || known->dropped() || found.dropped() || found.layers().empty()) return;
  const uint32_t version = found.version() + kLineVersionJump;
  if (version <= known->version()) return;
  Line line = *known;
  line.set_version(version);
  line.set_since(version);
  lines_.Put(found.lineage(), line);
  for (const Layer& layer : found.layers()) {
    LayerRecord record;
    if (const LayerRecord* before = layers_.Find({found.lineage(), layer.id()})) record = *before;
    record.set_size_bytes(layer.size_bytes());
    record.set_cut_bytes(layer.cut_bytes());
    record.set_sealed(layer.sealed());
    record.set_changed(version);
    PutLayer(found.lineage(), layer.id(), record);
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

// Restoring is over once every known node has said what it knows, or is forgotten.
void State::NoLongerAwait(uint32_t node, Outcome& out) {
  if (!cluster_.restoring()) return;
  ClusterRecord cluster = cluster_;
  auto& waits = *cluster.mutable_restore_waits_for();
  waits.erase(std::remove(waits.begin(), waits.end(), node), waits.end());
  cluster.set_restoring(!waits.empty());
  PutCluster(cluster);
  if (cluster.restoring()) return;
  for (const auto& [id, client] : clients_.all()) Touch(absl::StrCat("attachments/", id), out);
  std::vector<Pair> nameless;
  for (const auto& [key, layer] : layers_.all()) {
    if (layer.snapshot() == 0) nameless.push_back(key);
  }
  for (const auto& [lineage, layer] : nameless) {
    Collect(lineage, static_cast<uint32_t>(layer), Why::kOther, out);
  }
}

}  // namespace storpool::metadata
