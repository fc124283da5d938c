#include "lib/model/line_view.h"

#include <algorithm>

#include "lib/base/check.h"

namespace storpool::model {
namespace {

auto FindIn(std::span<const RemovedLayer> removed, LayerId layer) {
  return std::lower_bound(removed.begin(), removed.end(), layer,
                          [](const RemovedLayer& r, LayerId wanted) { return r.layer < wanted; });
}

}  // namespace

LineView::LineView(const Line& line, std::span<const RemovedLayer> before)
    : version_(line.version), dropped_(line.dropped) {
  SP_CHECK(line.whole());
  while (leaves_ < line.layers.size()) leaves_ *= 2;
  cuts_.assign(2 * leaves_, UINT64_MAX);
  layers_.reserve(line.layers.size());
  lowest_.reserve(line.layers.size());
  uint64_t lowest = UINT64_MAX;
  for (const Layer& layer : line.layers) {
    cuts_[leaves_ + layers_.size()] = layer.cut_bytes;
    layers_.push_back(layer.id);
    lowest_.push_back(lowest = std::min(lowest, layer.cut_bytes));
  }
  for (size_t i = leaves_ - 1; i > 0; --i) cuts_[i] = std::min(cuts_[2 * i], cuts_[2 * i + 1]);
  removed_ = line.removed;
  for (const RemovedLayer& r : before) {
    const auto it = FindIn(line.removed, r.layer);
    const bool again = it != std::span(line.removed).end() && it->layer == r.layer;
    if (!again && !Has(r.layer)) removed_.push_back(r);
  }
  std::sort(removed_.begin(), removed_.end(),
            [](const RemovedLayer& a, const RemovedLayer& b) { return a.layer < b.layer; });
  Resolve();
}

// From the newest on: what a layer went into is newer, so its owner is known already.
void LineView::Resolve() {
  owners_.resize(removed_.size());
  for (size_t i = removed_.size(); i-- > 0;) {
    const RemovedLayer& r = removed_[i];
    Owner& owner = owners_[i];
    owner.removed = true;
    if (r.into.value() == 0) continue;
    const Owner next = OwnerOf(r.into);
    owner.layer = next.layer;
    owner.removed = next.removed || next.layer.value() != 0;
    owner.dead_from_bytes = std::min(r.cut_bytes, next.dead_from_bytes);
  }
}

size_t LineView::IndexOf(LayerId asked) const {
  // Most ask for the newest.
  if (!layers_.empty() && layers_.back() <= asked) return layers_.size() - 1;
  const auto it = std::upper_bound(layers_.begin(), layers_.end(), asked);
  return it == layers_.begin() ? layers_.size() : static_cast<size_t>(it - layers_.begin()) - 1;
}

bool LineView::Has(LayerId layer) const {
  const size_t i = IndexOf(layer);
  return i < layers_.size() && layers_[i] == layer;
}

LayerId LineView::Above(LayerId layer) const {
  const auto it = std::upper_bound(layers_.begin(), layers_.end(), layer);
  return it == layers_.end() ? LayerId() : *it;
}

LayerId LineView::Below(LayerId layer) const {
  const auto it = std::lower_bound(layers_.begin(), layers_.end(), layer);
  return it == layers_.begin() ? LayerId() : *(it - 1);
}

uint64_t LineView::CutOf(LayerId layer) const { return cuts_[leaves_ + IndexOf(layer)]; }

uint64_t LineView::LowestCut(LayerId asked) const {
  const size_t i = IndexOf(asked);
  return i < layers_.size() ? lowest_[i] : UINT64_MAX;
}

LayerId LineView::FloorOf(LayerId asked, uint64_t byte) const {
  size_t at = IndexOf(asked);
  if (at == layers_.size() || lowest_[at] > byte) return LayerId();
  // Up the tree until something to the left is low enough, then down to the rightmost such leaf.
  at += leaves_;
  while (cuts_[at] > byte) {
    while (at % 2 == 0) at /= 2;
    --at;
  }
  while (at < leaves_) {
    at = 2 * at + 1;
    if (cuts_[at] > byte) --at;
  }
  return layers_[at - leaves_];
}

LineView::Owner LineView::OwnerOf(LayerId stored) const {
  if (dropped_) return {LayerId(), true};
  if (Has(stored)) return {stored, false};
  const std::span<const RemovedLayer> removed(removed_);
  const auto it = FindIn(removed, stored);
  if (it == removed.end() || it->layer != stored) return {};
  return owners_[static_cast<size_t>(it - removed.begin())];
}

// Where nothing was removed an entry stands in its own layer; else it may stand in any layer behind
// the next older one of the line.
LayerId LayerSearch::BelowAllOf(LayerId layer) const {
  if (layer.value() == 0) return layer;
  return line.has_removed() ? line.Below(layer) : LayerId(layer.value() - 1);
}

bool LayerSearch::Take(LayerId stored, Version entry) {
  LineView::Owner owner = line.OwnerOf(stored);
  if (line.IsBeyond(stored) && !owner.removed) owner.layer = stored;
  if (owner.layer.value() == 0 || owner.layer > asked || owner.layer < floor) return false;
  if (byte >= owner.dead_from_bytes || owner.layer < found) return false;
  if (owner.layer == found && entry <= version) return false;
  found = owner.layer;
  version = entry;
  bottom = BelowAllOf(found);
  return true;
}

}  // namespace storpool::model
