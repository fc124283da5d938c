// The lines of layers that a store keeps durably, and whose an entry is by them (design 4.7, 4.8).
//
// Always holds: a line never goes back to an older version; what the view of a line answers does
// not change when the line forgets a removed layer: the store goes on knowing it, since the log and
// older parts of the index may name it, and entries of it may still be on their way here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/chain_record.h"
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/index.h"
#include "lib/model/line.h"

namespace storpool::chunkstore {

// A line with what it has forgotten, or pieces of one; `forgotten` is sorted by layer.
struct LineAndForgotten {
  model::Line line;
  std::vector<model::RemovedLayer> forgotten;
};
// The bodies of the records that say it, whole or in part. Not `complete`: without the last piece's
// flag, since more follows.
std::vector<std::string> LinePieces(const LineAndForgotten& what, bool complete);

class StoreLines {
 public:
  // Where blocks of a layer go now: the layer, and how many of them from the first on. None: no
  // block of it counts.
  struct Target {
    LayerId layer;
    uint32_t count = 0;
  };
  Target TargetOf(const ChunkKey& chunk, LayerId layer, BlockRange blocks) const;
  // Whether entries of the layer may stand in the page of another one.
  bool IsElsewhere(LineageId lineage, LayerId layer) const;

  // A piece of a line from the log or an index. Hands over in `index` what it must forget for good,
  // once there are too many removed layers.
  void Apply(const Record& record, Index* index);

  // All that the line of this version has removed stands where it belongs.
  void SetHandedOver(LineageId lineage, LineVersion version) { handed_over_[lineage] = version; }
  LineVersion HandedOver(LineageId lineage) const;

  const std::map<LineageId, model::Line>& all() const { return lines_; }
  LineAndForgotten WithForgotten(LineageId lineage) const;
  const model::Line* Find(LineageId lineage) const;
  // A line whose last piece has not come yet.
  const std::optional<LineAndForgotten>& partial() const { return partial_; }

 private:
  void TakeOver(LineAndForgotten&& newer, Index* index);

  std::map<LineageId, model::Line> lines_;
  absl::flat_hash_map<LineageId, const model::Line*> by_lineage_;    // into lines_
  std::map<LineageId, std::vector<model::RemovedLayer>> forgotten_;  // each sorted by layer
  std::map<LineageId, LineVersion> handed_over_;                     // by this life of the store
  std::optional<LineAndForgotten> partial_;
};

}  // namespace storpool::chunkstore
