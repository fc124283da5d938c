#include "lib/chunkstore/store_lines.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include "lib/model/line_view.h"

namespace storpool::chunkstore {
namespace {

LineRecord HeaderOf(const model::Line& line) {
  LineRecord record;
  record.lineage = line.lineage.value();
  record.volume = line.volume.value();
  record.version = line.version.value();
  record.since = line.since.value();
  record.table = line.table.value();
  if (line.dropped) record.flags |= LineRecord::kDropped;
  if (line.foreign_parent) {
    record.flags |= LineRecord::kForeignParent;
    record.parent_lineage = line.foreign_parent->lineage.value();
    record.parent_layer = line.foreign_parent->layer.value();
    record.parent_size_bytes = line.foreign_parent->size_bytes;
  }
  return record;
}

model::Line LineOf(const LineRecord& record) {
  model::Line line;
  line.lineage = LineageId(record.lineage);
  line.volume = VolumeId(record.volume);
  line.version = LineVersion(record.version);
  line.since = LineVersion(record.since);
  line.table = TableId(record.table);
  line.dropped = (record.flags & LineRecord::kDropped) != 0;
  if ((record.flags & LineRecord::kForeignParent) != 0) {
    line.foreign_parent = model::ForeignParent{
        LineageId(record.parent_lineage), LayerId(record.parent_layer), record.parent_size_bytes};
  }
  return line;
}

template <class T>
void Append(std::string* to, const T& value) {
  to->append(reinterpret_cast<const char*>(&value), sizeof value);
}

bool Older(const model::RemovedLayer& a, const model::RemovedLayer& b) { return a.layer < b.layer; }

}  // namespace

std::vector<std::string> LinePieces(const LineAndForgotten& what, bool complete) {
  std::vector<LineRemoved> removed;
  for (const model::RemovedLayer& r : what.line.removed) {
    removed.push_back({r.cut_bytes, r.layer.value(), r.into.value(), r.changed.value(), 0});
  }
  for (const model::RemovedLayer& r : what.forgotten) {
    removed.push_back({r.cut_bytes, r.layer.value(), r.into.value(), r.changed.value(), 1});
  }
  const std::vector<model::Layer>& layers = what.line.layers;
  std::vector<std::string> pieces;
  size_t layer = 0;
  size_t gone = 0;
  do {
    LineRecord record = HeaderOf(what.line);
    record.layer_count =
        static_cast<uint32_t>(std::min<size_t>(layers.size() - layer, kLinePieceMax));
    record.removed_count =
        static_cast<uint32_t>(std::min<size_t>(removed.size() - gone, kLinePieceMax));
    const bool last = layer + record.layer_count == layers.size() &&
                      gone + record.removed_count == removed.size();
    if (pieces.empty()) record.flags |= LineRecord::kFirst;
    if (complete && last) record.flags |= LineRecord::kLast;
    std::string& body = pieces.emplace_back();
    Append(&body, record);
    for (uint32_t i = 0; i < record.layer_count; ++i) {
      const model::Layer& l = layers[layer++];
      Append(&body,
             LineLayer{l.size_bytes, l.cut_bytes, l.id.value(), l.changed.value(), l.sealed, 0});
    }
    for (uint32_t i = 0; i < record.removed_count; ++i) Append(&body, removed[gone++]);
  } while (layer < layers.size() || gone < removed.size());
  return pieces;
}

const model::Line* StoreLines::Find(LineageId lineage) const {
  const auto it = by_lineage_.find(lineage);
  return it == by_lineage_.end() ? nullptr : it->second;
}

StoreLines::Target StoreLines::TargetOf(const ChunkKey& chunk, LayerId layer,
                                        BlockRange blocks) const {
  const model::Line* line = Find(chunk.lineage);
  if (line == nullptr || !line->view->has_removed()) return {layer, blocks.count};
  const model::LineView::Owner owner = line->view->OwnerOf(layer);
  if (!owner.removed) return {layer, blocks.count};
  if (owner.layer == LayerId()) return {};
  const uint64_t first =
      uint64_t{chunk.chunk.value()} * kChunkBytes + uint64_t{blocks.first} * kBlockBytes;
  if (owner.dead_from_bytes <= first) return {};
  const uint64_t alive = (owner.dead_from_bytes - first + kBlockBytes - 1) / kBlockBytes;
  return {owner.layer, static_cast<uint32_t>(std::min<uint64_t>(alive, blocks.count))};
}

LineVersion StoreLines::HandedOver(LineageId lineage) const {
  const auto it = handed_over_.find(lineage);
  return it == handed_over_.end() ? LineVersion() : it->second;
}

LineAndForgotten StoreLines::WithForgotten(LineageId lineage) const {
  LineAndForgotten what{lines_.at(lineage), {}};
  const auto it = forgotten_.find(lineage);
  if (it != forgotten_.end()) what.forgotten = it->second;
  return what;
}

bool StoreLines::IsElsewhere(LineageId lineage, LayerId layer) const {
  const model::Line* line = Find(lineage);
  return line != nullptr && !line->view->Has(layer);
}

void StoreLines::Apply(const Record& record, Index* index) {
  const LineRecord& r = record.line;
  if ((r.flags & LineRecord::kFirst) != 0) {
    partial_ = {LineOf(r), {}};
  } else if (!partial_ || partial_->line.lineage != LineageId(r.lineage) ||
             partial_->line.version != LineVersion(r.version)) {
    return;
  }
  for (const LineLayer& l : record.line_layers) {
    partial_->line.layers.push_back(
        {LayerId(l.layer), l.size_bytes, l.cut_bytes, l.sealed != 0, LineVersion(l.changed)});
  }
  for (const LineRemoved& l : record.line_removed) {
    (l.forgotten == 0 ? partial_->line.removed : partial_->forgotten)
        .push_back({LayerId(l.layer), LayerId(l.into), l.cut_bytes, LineVersion(l.changed)});
  }
  if ((r.flags & LineRecord::kLast) == 0) return;
  LineAndForgotten whole = *std::move(partial_);
  partial_.reset();
  if (whole.line.Validate().ok()) TakeOver(std::move(whole), index);
}

void StoreLines::TakeOver(LineAndForgotten&& newer, Index* index) {
  const LineageId lineage = newer.line.lineage;
  const auto it = lines_.find(lineage);
  if (it == lines_.end() && !newer.line.whole()) return;
  std::vector<model::RemovedLayer>& forgotten = forgotten_[lineage];
  if (it != lines_.end()) {
    const model::Line& known = it->second;
    if (newer.line.version <= known.version || !known.CanTake(newer.line)) return;
    const std::vector<model::RemovedLayer>& now = newer.line.removed;
    std::set_difference(known.removed.begin(), known.removed.end(), now.begin(), now.end(),
                        std::back_inserter(forgotten), Older);
  }
  forgotten.insert(forgotten.end(), newer.forgotten.begin(), newer.forgotten.end());
  if (newer.line.dropped) forgotten = {};  // nothing of it counts, whatever the layer
  std::sort(forgotten.begin(), forgotten.end(), Older);
  if (forgotten.size() > kLayersMax) {
    if (it != lines_.end()) index->HandOverAll(lineage, *it->second.view);
    index->NeedsWhole();
    forgotten.erase(forgotten.begin(), forgotten.end() - kLayersMax / 2);
  }
  model::Line& line = lines_[lineage];
  if (it == lines_.end()) {
    line = std::move(newer.line);
    line.MakeView();
  } else {
    line.Take(newer.line);
  }
  if (!forgotten.empty()) line.view = std::make_shared<const model::LineView>(line, forgotten);
  by_lineage_[lineage] = &line;
}

}  // namespace storpool::chunkstore
