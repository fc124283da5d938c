// How blocks are looked up in a line of layers (design 4.7, 4.8): immutable, made once for each
// line version and shared by chains and stores, so that a read of a line of 10,000 layers allocates
// nothing and costs what a read of one layer costs.
//
// A store keeps entries under the layer in which they were written until it has handed them over;
// so it asks whose they are now. Mirrors that hand over at different times, or have not begun to,
// answer alike by that. Layer 0 is "none" in every answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/base/types.h"
#include "lib/model/line.h"

namespace storpool::model {

class LineView {
 public:
  // `line` is whole and valid. `before`: layers that were removed earlier and whose removal the
  // line has forgotten since; entries of them may still be on their way here.
  explicit LineView(const Line& line, std::span<const RemovedLayer> before = {});

  LineVersion version() const { return version_; }
  bool has_removed() const { return !removed_.empty() || dropped_; }
  bool Has(LayerId layer) const;
  // The next newer and the next older layer of the line.
  LayerId Above(LayerId layer) const;
  LayerId Below(LayerId layer) const;
  uint64_t CutOf(LayerId layer) const;  // of one that it has

  // A block that begins at `byte` of the volume is searched from the newest layer at or below
  // `asked` down to this one, whose cut is at or below the byte: a block without an entry down to
  // here is a hole. None: down to the oldest, and on in a foreign parent.
  LayerId FloorOf(LayerId asked, uint64_t byte) const;
  // No byte below this has a floor.
  uint64_t LowestCut(LayerId asked) const;

  struct Owner {
    LayerId layer;                          // whose entry it is; none: it counts nowhere
    bool removed = false;                   // the entry is to be handed over, or freed
    uint64_t dead_from_bytes = UINT64_MAX;  // at or beyond it counts nowhere
  };
  // Whose is an entry that was written in layer `stored`? A layer that the line does not know at
  // all is nobody's and not removed either.
  Owner OwnerOf(LayerId stored) const;
  // Newer than all that the line knows: the line is behind.
  bool IsBeyond(LayerId stored) const { return !layers_.empty() && layers_.back() < stored; }
  std::span<const RemovedLayer> removed() const { return removed_; }

 private:
  // Index of the newest layer at or below `asked`, or the number of layers if there is none.
  size_t IndexOf(LayerId asked) const;
  void Resolve();

  LineVersion version_;
  bool dropped_ = false;
  std::vector<LayerId> layers_;
  size_t leaves_ = 1;             // of the tree: a power of two
  std::vector<uint64_t> cuts_;    // a tree of the lowest cut: the root is 1, leaves are behind
  std::vector<uint64_t> lowest_;  // of the layer and all older ones
  std::vector<RemovedLayer> removed_;
  std::vector<Owner> owners_;  // of removed_
};

// The search of one block in a line. Offer it the block's entries, those of the newest stored layer
// first, until the next would be at or below `bottom`; whatever the order, what it has taken last
// is what the block reads as in `asked`. Who asks for kNewestStored finds the newest entry also if
// its layer is beyond the line.
struct LayerSearch {
  static constexpr LayerId kNewestStored{UINT32_MAX - 1};

  const LineView& line;
  LayerId asked;
  uint64_t byte;  // of the volume, where the block begins
  LayerId floor;
  LayerId bottom;  // entries stored in this layer or an older one are not wanted
  LayerId found;   // none: the block has no entry here; then it is a hole if there is a floor
  Version version;

  LayerSearch(const LineView& view, LayerId in, uint64_t at)
      : LayerSearch(view, in, at, view.FloorOf(in, at)) {}
  LayerSearch(const LineView& view, LayerId in, uint64_t at, LayerId lowest)
      : line(view), asked(in), byte(at), floor(lowest), bottom(BelowAllOf(lowest)) {}

  // Whether this entry takes the place of what was found.
  bool Take(LayerId stored, Version entry);

 private:
  LayerId BelowAllOf(LayerId layer) const;
};

}  // namespace storpool::model
