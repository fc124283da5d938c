#include "lib/model/line.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/model/line_view.h"

namespace storpool::model {
namespace {

template <class Layers>
auto LowerBound(Layers& layers, LayerId id) {
  return std::lower_bound(layers.begin(), layers.end(), id,
                          [](const Layer& l, LayerId wanted) { return l.id < wanted; });
}

bool IsRemoved(const std::vector<RemovedLayer>& removed, LayerId layer) {
  const auto it =
      std::lower_bound(removed.begin(), removed.end(), layer,
                       [](const RemovedLayer& r, LayerId wanted) { return r.layer < wanted; });
  return it != removed.end() && it->layer == layer;
}

}  // namespace

const Layer* Line::Find(LayerId id) const {
  const auto it = LowerBound(layers, id);
  return it != layers.end() && it->id == id ? &*it : nullptr;
}

Line Line::Since(LineVersion known) const {
  SP_CHECK(whole());
  Line delta{.lineage = lineage,
             .volume = volume,
             .table = table,
             .version = version,
             .since = known,
             .layers = {},
             .removed = removed,
             .foreign_parent = foreign_parent,
             .dropped = dropped,
             .view = nullptr};
  // Of 10,000 layers one or two have changed: the others are not even copied.
  std::ranges::copy_if(layers, std::back_inserter(delta.layers), [known](const Layer& l) {
    return known.value() == 0 || l.changed.value() == 0 || l.changed > known;
  });
  return delta;
}

Line Line::Newest(size_t layers_max) const {
  if (layers.size() <= layers_max) return Since(LineVersion());
  std::vector<LineVersion> changes;
  changes.reserve(layers.size());
  for (const Layer& layer : layers) changes.push_back(layer.changed);
  const auto left_out = changes.begin() + static_cast<ptrdiff_t>(layers_max);
  std::nth_element(changes.begin(), left_out, changes.end(), std::greater<>());
  return Since(*left_out < version ? *left_out : LineVersion());
}

void Line::Take(const Line& newer) {
  SP_CHECK(whole() && newer.lineage == lineage && CanTake(newer));
  std::vector<Layer> merged = std::move(layers);
  *this = newer;
  if (!newer.whole()) {
    since = LineVersion();
    layers = std::move(merged);
    for (const Layer& layer : newer.layers) {
      const auto it = LowerBound(layers, layer.id);
      if (it != layers.end() && it->id == layer.id) {
        *it = layer;
      } else {
        layers.insert(it, layer);
      }
    }
    std::erase_if(layers, [this](const Layer& l) { return IsRemoved(removed, l.id); });
  }
  MakeView();
}

void Line::MakeView() {
  SP_CHECK(whole());
  view = std::make_shared<const LineView>(*this);
}

absl::Status Line::Validate() const {
  const auto bad = [this](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat("lineage ", lineage.value(), ": ", what));
  };
  if (lineage.value() == 0) return bad("0 is no lineage");
  if (version.value() == 0) return bad("its line version is 0");
  if (since >= version) return bad("it says what changed since a version that is not older");
  if (layers.size() > kLayersMax) return bad("has too many layers");
  if (removed.size() > kLayersMax) return bad("has too many removed layers");
  if (layers.empty() && !dropped && whole()) return bad("has no layer");
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].size_bytes > kVolumeBytesMax) return bad("a layer is larger than any volume");
    if (layers[i].cut_bytes > layers[i].size_bytes) return bad("a layer's cut is above its size");
    if (layers[i].changed > version) return bad("a layer has changed after the line");
    if (i > 0 && layers[i].id <= layers[i - 1].id) return bad("its layer ids do not grow");
  }
  for (size_t i = 0; i < removed.size(); ++i) {
    const RemovedLayer& r = removed[i];
    if (i > 0 && r.layer <= removed[i - 1].layer) return bad("its removed layers do not grow");
    if (r.into.value() != 0 && r.into <= r.layer) return bad("a layer goes to an older one");
    if (r.cut_bytes > kVolumeBytesMax) return bad("a removed layer's cut is above any size");
    if (Find(r.layer) != nullptr) return bad("a layer is there and removed");
    const bool known = r.into.value() == 0 || Find(r.into) != nullptr || IsRemoved(removed, r.into);
    if (whole() && !dropped && !known) return bad("a layer goes to one that it does not have");
  }
  if (foreign_parent && foreign_parent->lineage == lineage) return bad("is its own parent");
  return absl::OkStatus();
}

bool Line::operator==(const Line& o) const {
  return lineage == o.lineage && volume == o.volume && table == o.table && version == o.version &&
         since == o.since && layers == o.layers && removed == o.removed &&
         foreign_parent == o.foreign_parent && dropped == o.dropped;
}

}  // namespace storpool::model
