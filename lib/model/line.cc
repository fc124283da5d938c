#include "lib/model/line.h"

#include "absl/strings/str_cat.h"

namespace storpool::model {

absl::Status Line::Validate() const {
  const auto bad = [this](const char* what) {
    return absl::InvalidArgumentError(absl::StrCat("lineage ", lineage.value(), ": ", what));
  };
  if (lineage.value() == 0) return bad("0 is no lineage");
  if (version.value() == 0) return bad("its line version is 0");
  if (layers.size() > kLayersMax) return bad("has too many layers");
  if (layers.empty() && !dropped) return bad("has no layer");
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].size_bytes > kVolumeBytesMax) return bad("a layer is larger than any volume");
    if (layers[i].cut_bytes > layers[i].size_bytes) return bad("a layer's cut is above its size");
    if (i > 0 && layers[i].id <= layers[i - 1].id) return bad("its layer ids do not grow");
  }
  if (foreign_parent && foreign_parent->lineage == lineage) return bad("is its own parent");
  return absl::OkStatus();
}

}  // namespace storpool::model
