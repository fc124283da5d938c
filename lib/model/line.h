// A lineage: one volume's line of layers, oldest first; only the newest is written (design 4.7).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/types.h"

namespace storpool::model {

struct Layer {
  LayerId id;
  uint64_t size_bytes = 0;  // requests beyond it are refused
  uint64_t cut_bytes = 0;   // the smallest size it ever had: beyond it, no entry means a hole
  bool sealed = false;      // a snapshot, or merged away: takes no writes

  bool operator==(const Layer&) const = default;
};

// Where blocks that no layer of the line has are found: a layer of another lineage (design 9.4).
struct ForeignParent {
  LineageId lineage;
  LayerId layer;
  uint64_t size_bytes = 0;  // beyond it everything is a hole

  bool operator==(const ForeignParent&) const = default;
};

struct Line {
  LineageId lineage;
  VolumeId volume;
  TableId table;        // the chain table it lies on
  LineVersion version;  // grows with every change of what follows
  std::vector<Layer> layers;
  std::optional<ForeignParent> foreign_parent;
  bool dropped = false;  // "gone", never zeroes

  const Layer& newest() const { return layers.back(); }
  // Layers grow in id, cuts are at most sizes, sizes at most kVolumeBytesMax; only a dropped line
  // may have no layer.
  absl::Status Validate() const;
  bool operator==(const Line&) const = default;
};

}  // namespace storpool::model
