#include "lib/model/line_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "lib/base/random.h"

namespace storpool::model {
namespace {

constexpr uint64_t kBlocks = 12;

Line LineOf(std::vector<Layer> layers, std::vector<RemovedLayer> removed = {}) {
  Line line;
  line.lineage = LineageId(1);
  line.version = LineVersion(9);
  line.layers = std::move(layers);
  line.removed = std::move(removed);
  EXPECT_TRUE(line.Validate().ok()) << line.Validate();
  return line;
}

Layer LayerOf(uint32_t id, uint64_t cut) { return {LayerId(id), cut, cut, false, {}}; }

TEST(LineViewTest, TheSearchEndsAtTheNewestCut) {
  const LineView view(LineOf({LayerOf(1, 9), LayerOf(3, 5), LayerOf(4, 7), LayerOf(8, 8)}));
  EXPECT_EQ(view.FloorOf(LayerId(8), 4), LayerId());
  EXPECT_EQ(view.FloorOf(LayerId(8), 5), LayerId(3));
  EXPECT_EQ(view.FloorOf(LayerId(8), 7), LayerId(4));
  EXPECT_EQ(view.FloorOf(LayerId(100), 8), LayerId(8));
  EXPECT_EQ(view.FloorOf(LayerId(7), 8), LayerId(4));
  EXPECT_EQ(view.FloorOf(LayerId(2), 8), LayerId());
  EXPECT_EQ(view.FloorOf(LayerId(2), 9), LayerId(1));
  EXPECT_EQ(view.FloorOf(LayerId(0), 9), LayerId());
  EXPECT_EQ(view.LowestCut(LayerId(8)), 5u);
  EXPECT_EQ(view.LowestCut(LayerId(2)), 9u);
  EXPECT_EQ(view.Below(LayerId(4)), LayerId(3));
  EXPECT_EQ(view.Below(LayerId(1)), LayerId());
  EXPECT_EQ(view.Above(LayerId(4)), LayerId(8));
  EXPECT_EQ(view.Above(LayerId(8)), LayerId());
  EXPECT_EQ(view.CutOf(LayerId(4)), 7u);
}

TEST(LineViewTest, ChainsOfMergesLeadToWhoIsLeft) {
  const LineView view(LineOf({LayerOf(4, 9), LayerOf(7, 9)}, {{LayerId(1), LayerId(2), 8, {}},
                                                              {LayerId(2), LayerId(4), 6, {}},
                                                              {LayerId(5), LayerId(6), 9, {}},
                                                              {LayerId(6), LayerId(), 0, {}}}));
  EXPECT_EQ(view.OwnerOf(LayerId(1)).layer, LayerId(4));
  EXPECT_EQ(view.OwnerOf(LayerId(1)).dead_from_bytes, 6u);
  EXPECT_TRUE(view.OwnerOf(LayerId(1)).removed);
  EXPECT_FALSE(view.OwnerOf(LayerId(4)).removed);
  EXPECT_EQ(view.OwnerOf(LayerId(5)).layer, LayerId());
  EXPECT_TRUE(view.OwnerOf(LayerId(5)).removed);
  // Not known at all is not removed: nothing is freed by mistake.
  EXPECT_EQ(view.OwnerOf(LayerId(3)).layer, LayerId());
  EXPECT_FALSE(view.OwnerOf(LayerId(3)).removed);
}

TEST(LineViewTest, RemembersRemovalsThatTheLineHasForgotten) {
  const std::vector<RemovedLayer> before = {{LayerId(1), LayerId(2), 9, {}},
                                            {LayerId(3), LayerId(9), 9, {}}};
  const LineView view(LineOf({LayerOf(2, 9)}), before);
  EXPECT_EQ(view.OwnerOf(LayerId(1)).layer, LayerId(2));
  EXPECT_FALSE(view.OwnerOf(LayerId(3)).removed);  // where it went is not known any more
}

TEST(LineViewTest, NothingOfADroppedLineCounts) {
  Line line = LineOf({LayerOf(2, 9)});
  line.dropped = true;
  EXPECT_TRUE(LineView(line).OwnerOf(LayerId(2)).removed);
  EXPECT_EQ(LineView(line).OwnerOf(LayerId(77)).layer, LayerId());
}

// What a line means (4.7, 4.8), done at once and in the plainest way, beside entries that stay
// where they were written, are handed over in part, or not at all.
class Model {
 public:
  struct Block {
    Version version;
    bool hole = false;
    bool operator==(const Block&) const = default;
  };
  using Blocks = std::map<uint64_t, Block>;

  explicit Model(uint64_t seed) : random_(seed) {
    line_.lineage = LineageId(1);
    line_.version = LineVersion(1);
    AddLayer(kBlocks);
  }

  void Step() {
    const uint64_t dice = random_.Below(20);
    if (dice < 8) return Write();
    if (dice < 11) return AddLayer(line_.newest().size_bytes);
    if (dice < 12) return AddLayer(1 + random_.Below(line_.newest().size_bytes));  // a shrink
    if (dice < 13) {
      line_.layers.back().size_bytes = kBlocks;  // a growth: the cut stays
      return Changed();
    }
    if (dice < 15) return Merge();
    if (dice < 16) return FreeNewest();
    HandOver();
  }

  void Compare() const {
    ASSERT_TRUE(line_.Validate().ok()) << line_.Validate();
    const LineView view(line_);
    for (const Layer& layer : line_.layers) {
      for (uint64_t block = 0; block < kBlocks; ++block) {
        const auto want = Ideal(layer.id, block);
        const auto got = Stored(view, layer.id, block);
        ASSERT_EQ(want.has_value(), got.has_value()) << "block " << block;
        if (want) {
          ASSERT_EQ(want->version, got->version) << layer.id.value() << " " << block;
          ASSERT_EQ(want->hole, got->hole);
        }
      }
    }
  }
  uint64_t handed_over() const { return handed_over_; }
  uint64_t freed() const { return freed_; }

 private:
  void Changed() { line_.version = LineVersion(line_.version.value() + 1); }

  void Write() {
    const Layer& newest = line_.newest();
    const uint64_t block = random_.Below(newest.size_bytes);
    const Block written{Version(Epoch(1), ++sequence_), random_.OneIn(1, 3)};
    ideal_[newest.id][block] = stored_[newest.id][block] = written;
  }

  void AddLayer(uint64_t size) {
    const uint64_t cut =
        line_.layers.empty() || size < line_.newest().size_bytes ? size : line_.newest().size_bytes;
    last_id_ += 1 + static_cast<uint32_t>(random_.Below(3));
    line_.layers.push_back({LayerId(last_id_), size, cut, false, {}});
    Changed();
  }

  void Remove(size_t i, LayerId into, uint64_t cut) {
    const LayerId layer = line_.layers[i].id;
    const auto at = std::find_if(line_.removed.begin(), line_.removed.end(),
                                 [layer](const RemovedLayer& r) { return r.layer > layer; });
    line_.removed.insert(at, {layer, into, cut, {}});
    line_.layers.erase(line_.layers.begin() + static_cast<ptrdiff_t>(i));
    ideal_.erase(layer);
    Changed();
  }

  void Merge() {
    if (line_.layers.size() < 2) return;
    const size_t i = random_.Below(line_.layers.size() - 1);
    Layer& child = line_.layers[i + 1];
    const uint64_t cut = child.cut_bytes;
    for (const auto& [block, entry] : ideal_[line_.layers[i].id]) {
      if (block >= cut) continue;
      Block& kept = ideal_[child.id][block];
      if (kept.version < entry.version) kept = entry;
    }
    child.cut_bytes = std::min(cut, line_.layers[i].cut_bytes);
    Remove(i, child.id, cut);
  }

  void FreeNewest() {
    Remove(line_.layers.size() - 1, LayerId(), 0);
    AddLayer(line_.layers.empty() ? kBlocks : line_.newest().size_bytes);
  }

  // One block of one stored layer, as a store does it bit by bit.
  void HandOver() {
    const LineView view(line_);
    for (auto& [layer, blocks] : stored_) {
      const LineView::Owner owner = view.OwnerOf(layer);
      if (!owner.removed || blocks.empty() || random_.OneIn(1, 2)) continue;
      auto entry = blocks.begin();
      std::advance(entry, random_.Below(blocks.size()));
      if (owner.layer.value() != 0 && entry->first < owner.dead_from_bytes) {
        Block& kept = stored_[owner.layer][entry->first];
        if (kept.version < entry->second.version) kept = entry->second;
        ++handed_over_;
      } else {
        ++freed_;
      }
      blocks.erase(entry);
      return;
    }
  }

  std::optional<Block> Ideal(LayerId asked, uint64_t block) const {
    for (auto layer = line_.layers.rbegin(); layer != line_.layers.rend(); ++layer) {
      if (layer->id > asked) continue;
      if (const auto blocks = ideal_.find(layer->id); blocks != ideal_.end()) {
        const auto entry = blocks->second.find(block);
        if (entry != blocks->second.end()) return entry->second;
      }
      if (block >= layer->cut_bytes) return Block{Version(), true};
    }
    return std::nullopt;
  }

  std::optional<Block> Stored(const LineView& view, LayerId asked, uint64_t block) const {
    LayerSearch search(view, asked, block);
    std::optional<Block> found;
    for (auto it = stored_.rbegin(); it != stored_.rend() && it->first > search.bottom; ++it) {
      const auto entry = it->second.find(block);
      if (entry == it->second.end()) continue;
      if (search.Take(it->first, entry->second.version)) found = entry->second;
    }
    if (!found && search.floor.value() != 0) return Block{Version(), true};
    return found;
  }

  Random random_;
  Line line_;
  uint32_t last_id_ = 0;
  uint32_t sequence_ = 0;
  uint64_t handed_over_ = 0;
  uint64_t freed_ = 0;
  std::map<LayerId, Blocks> ideal_;
  std::map<LayerId, Blocks> stored_;
};

TEST(LineViewTest, AnswersAlikeBeforeWhileAndAfterAHandOver) {
  uint64_t handed_over = 0;
  uint64_t freed = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    for (int i = 0; i < 120; ++i) {
      model.Step();
      model.Compare();
      if (HasFatalFailure()) return;
    }
    handed_over += model.handed_over();
    freed += model.freed();
  }
  EXPECT_GT(handed_over, 1000u);
  EXPECT_GT(freed, 500u);
}

}  // namespace
}  // namespace storpool::model
