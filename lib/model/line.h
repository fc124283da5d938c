// A lineage: one volume's line of layers, oldest first; only the newest is written (design 4.7).
// Lines travel whole, or as what has changed since a version that the receiver has.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/types.h"

namespace storpool::model {

class LineView;

struct Layer {
  LayerId id;
  uint64_t size_bytes = 0;  // requests beyond it are refused
  uint64_t cut_bytes = 0;   // the smallest size it ever had: beyond it, no entry means a hole
  bool sealed = false;      // a snapshot, or merged away: takes no writes
  LineVersion changed{};    // of its last change; 0: not known

  bool operator==(const Layer&) const = default;
};

// A layer that is no more in its line (design 4.8). Kept until every disk that may return has
// handed its entries over.
struct RemovedLayer {
  LayerId layer;
  LayerId into;            // its entries belong to this layer, a newer one; 0: they are freed
  uint64_t cut_bytes = 0;  // of `into` before that: entries at or beyond it are freed
  LineVersion changed{};   // that removed it

  bool operator==(const RemovedLayer&) const = default;
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
  // Not 0: of the layers only those are here that changed since this version; of the removed ones
  // all are, always.
  LineVersion since;
  std::vector<Layer> layers;
  std::vector<RemovedLayer> removed;  // sorted by layer
  std::optional<ForeignParent> foreign_parent;
  bool dropped = false;  // "gone", never zeroes

  // How blocks are looked up in it; shared by everybody who does. Made by MakeView, for whole
  // lines.
  std::shared_ptr<const LineView> view;

  const Layer& newest() const { return layers.back(); }
  // nullptr: it is not in the line, or not any more.
  const Layer* Find(LayerId id) const;
  bool whole() const { return since.value() == 0; }

  // What has changed since a version that the receiver has; 0: the whole line.
  Line Since(LineVersion known) const;
  // The last changes, of at most `layers_max` layers: for who lacks only those. The whole line if
  // one change was of more.
  Line Newest(size_t layers_max) const;
  // Whether a newer line can be taken over: it is whole, or begins at or before this version.
  bool CanTake(const Line& newer) const { return newer.since <= version; }
  // Becomes the newer line; makes the view again.
  void Take(const Line& newer);
  void MakeView();

  // Layers and removed ones grow in id, no id is both, what is removed goes to a newer layer, cuts
  // are at most sizes, sizes at most kVolumeBytesMax; only a dropped or partial line may have no
  // layer.
  absl::Status Validate() const;
  // The view is not compared: it follows from the rest.
  bool operator==(const Line& o) const;
};

}  // namespace storpool::model
