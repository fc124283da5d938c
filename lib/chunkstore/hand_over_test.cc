// Layers that are merged or freed: whose their entries are before, while and after the store hands
// them over (design 4.7, 4.8). Names in capitals are those of the rules whose absence the model
// checker was shown to notice.
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/line_model.h"

namespace storpool::chunkstore {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{52} << 20;
constexpr ChainId kChain = LineModel::kChain;
constexpr ChunkKey kKey{LineageId(5), ChunkIndex(0)};
constexpr uint64_t kSize = kChunkBytes;
using State = BlockResult::State;

model::Line LineOf(uint32_t version, std::vector<model::Layer> layers,
                   std::vector<model::RemovedLayer> removed = {}) {
  model::Line line;
  line.lineage = kKey.lineage;
  line.version = LineVersion(version);
  line.layers = std::move(layers);
  for (model::Layer& layer : line.layers) layer.changed = line.version;
  line.removed = std::move(removed);
  EXPECT_TRUE(line.Validate().ok()) << line.Validate();
  return line;
}

model::Layer LayerOf(uint32_t id, uint64_t cut = kSize) {
  return {LayerId(id), kSize, cut, false, {}};
}

// {L}, {L, M}, {M}, {} as in the model: L is layer 1, M layer 2.
const model::Line kBoth = LineOf(2, {LayerOf(1), LayerOf(2)});
const model::Line kMerged =
    LineOf(3, {LayerOf(2)}, {{LayerId(1), LayerId(2), kSize, LineVersion(3)}});
const model::Line kForgotten = LineOf(4, {LayerOf(2)});

class HandOverTest : public testing::Test {
 protected:
  HandOverTest() : disk_(kDiskBytes) {
    Begin();
    EXPECT_TRUE(life_->Format({.disk = DiskId(1), .store = StoreId(7)}).ok());
    EXPECT_TRUE(life_->Open().ok());
  }
  void Begin() { life_ = std::make_unique<StoreLife>(&disk_, pool_); }
  void Restart(bool cleanly) {
    if (cleanly) {
      EXPECT_TRUE(life_->Close().ok());
    }
    life_ = nullptr;
    Begin();
    ASSERT_TRUE(life_->Open().ok());
  }
  ChunkStore& store() { return life_->store(); }
  void Keep(const model::Line& line) {
    store().AppendLine(line);
    life_->Run();
  }
  uint32_t Append(uint32_t layer, BlockRange range, EntryKind kind = EntryKind::kData,
                  Arrival arrival = Arrival::kCommitted) {
    if (kind == EntryKind::kData && arrival == Arrival::kPending) {
      EXPECT_TRUE(store().Reserve(uint64_t{range.count} * kBlockBytes));
    }
    const Version version(Epoch(1), ++sequence_);
    store().AppendEntry(kChain,
                        MakeEntry(pool_, kind, kKey, LayerId(layer), range, version, arrival));
    life_->Run();
    return sequence_;
  }
  void Commit() {
    store().SetCommitted(kChain, Version(Epoch(1), sequence_));
    life_->Run();
  }
  TestRead Read(uint32_t layer, BlockRange range) {
    return TestRead(*life_, kKey, ViewOf(store().lines().at(kKey.lineage)), LayerId(layer), range);
  }
  // The sequence of the data block that is read, 0 of a hole, -1 if there is none.
  int64_t Got(uint32_t layer, uint32_t block) {
    const TestRead read = Read(layer, {block, 1});
    EXPECT_TRUE(read.status().ok());
    if (read[0].state == State::kAbsent) return -1;
    if (read[0].state == State::kHole) return 0;
    EXPECT_TRUE(read.Matches(0, read[0].version));
    return read[0].version.sequence();
  }
  KeptLine Kept() { return store().LineOf(kKey.lineage); }
  std::vector<Entry> Scan() { return ScanFrom(*life_, kKey); }
  static std::vector<Entry> ScanFrom(StoreLife& life, ChunkKey key) {
    struct One : ScanOp {
      void OnDone(const absl::Status& s) override { EXPECT_TRUE(s.ok()) << s; }
    } op;
    op.chunk = key;
    std::vector<Entry> all;
    while (!op.at_end) {
      life.store().Scan(&op);
      life.Run();
      std::move(op.entries.begin(), op.entries.end(), std::back_inserter(all));
    }
    return all;
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  std::unique_ptr<StoreLife> life_;
  uint32_t sequence_ = 0;
};

TEST_F(HandOverTest, TheHigherVersionStaysAndTheDataIsNotMoved) {
  Keep(kBoth);
  const uint32_t first = Append(1, {0, 3});
  const uint32_t second = Append(2, {1, 1});
  Append(2, {2, 1}, EntryKind::kHole);
  EXPECT_EQ(Got(1, 1), first);
  const uint64_t stored = store().usage().stored_bytes;
  Keep(kMerged);
  EXPECT_EQ(Kept().durable, LineVersion(3));
  EXPECT_EQ(Kept().handed_over, LineVersion(3));
  EXPECT_EQ(Got(2, 0), first);
  EXPECT_EQ(Got(2, 1), second);
  EXPECT_EQ(Got(2, 2), 0);  // DROP_ANY: the hole stays over what lay below it
  EXPECT_EQ(store().usage().entries, 3u);
  EXPECT_EQ(store().usage().stored_bytes, stored - 2 * kBlockBytes);
  for (const bool cleanly : {false, true, false}) {
    Restart(cleanly);
    EXPECT_EQ(Got(2, 0), first);
    EXPECT_EQ(Got(2, 1), second);
    EXPECT_EQ(Got(2, 2), 0);
    EXPECT_EQ(store().usage().entries, 3u);
  }
}

TEST_F(HandOverTest, ATrimmedRunStaysOneEntry) {
  Keep(kBoth);
  Append(1, {0, kRunBlocks}, EntryKind::kHole);
  Append(1, {kRunBlocks, kRunBlocks}, EntryKind::kHole);
  const uint32_t newer = Append(2, {kRunBlocks, 1});
  Keep(kMerged);
  EXPECT_EQ(Got(2, 0), 0);
  EXPECT_EQ(Got(2, kRunBlocks), newer);
  EXPECT_EQ(store().usage().entries, 1 + kRunBlocks);
}

TEST_F(HandOverTest, WhatLiesAtOrBeyondTheCutOfTheChildIsFreed) {
  Keep(LineOf(2, {LayerOf(1), LayerOf(2, 5 * kBlockBytes)}));
  const uint32_t first = Append(1, {3, 4});
  const uint32_t grown = Append(2, {6, 1});
  EXPECT_EQ(Got(2, 5), 0);  // a hole: the cut
  Keep(LineOf(3, {LayerOf(2, 5 * kBlockBytes)},
              {{LayerId(1), LayerId(2), 5 * kBlockBytes, LineVersion(3)}}));
  EXPECT_EQ(Got(2, 4), first);
  EXPECT_EQ(Got(2, 5), 0);
  EXPECT_EQ(Got(2, 6), grown);
  EXPECT_EQ(store().usage().entries, 3u);
}

// RECREATE: stored in L it would be hidden, and never deleted.
TEST_F(HandOverTest, AnEntryForAMergedLayerGoesToTheSurvivor) {
  Keep(kBoth);
  Append(1, {0, 1}, EntryKind::kData, Arrival::kPending);
  Keep(kMerged);
  EXPECT_EQ(Kept().handed_over, LineVersion(2)) << "an entry of L is pending";
  Commit();
  life_->Idle();
  EXPECT_EQ(Kept().handed_over, LineVersion(3));
  EXPECT_EQ(Got(2, 0), 1);
  const uint32_t scanned = Append(1, {1, 1});
  EXPECT_EQ(Got(2, 1), scanned);
  // The line forgets the removal while an entry was on its way.
  Keep(kForgotten);
  const uint32_t late = Append(1, {2, 1});
  EXPECT_EQ(Got(2, 2), late);
  for (const bool cleanly : {false, true, false}) {
    const uint32_t block = cleanly ? 4 : 5;
    const uint32_t pending = Append(1, {block, 1}, EntryKind::kData, Arrival::kPending);
    Restart(cleanly);
    Commit();
    EXPECT_EQ(Got(2, 0), 1);
    EXPECT_EQ(Got(2, 1), scanned);
    EXPECT_EQ(Got(2, 2), late);
    EXPECT_EQ(Got(2, block), pending);
  }
  for (const Entry& entry : Scan()) EXPECT_EQ(entry.place.layer, LayerId(2));
}

// RECREATE_FREED: an empty step of the sequence, or it would be a leak.
TEST_F(HandOverTest, AnEntryForAFreedLayerIsAnEmptyStep) {
  Keep(LineOf(2, {LayerOf(1), LayerOf(2)}));
  Append(2, {0, 2});
  Append(2, {4, 1}, EntryKind::kData, Arrival::kPending);
  Keep(LineOf(3, {LayerOf(1), LayerOf(3)}, {{LayerId(2), LayerId(), 0, LineVersion(3)}}));
  Append(2, {6, 1});
  Commit();
  life_->Idle();
  EXPECT_EQ(store().usage().entries, 0u);
  EXPECT_EQ(store().usage().stored_bytes, 0u);
  EXPECT_EQ(Got(3, 0), -1);
  EXPECT_EQ(Kept().handed_over, LineVersion(3));
  model::Line dropped = LineOf(4, {LayerOf(1), LayerOf(3)});
  dropped.dropped = true;
  const uint32_t kept = Append(1, {9, 1});
  EXPECT_EQ(Got(3, 9), kept);
  Keep(dropped);
  Append(3, {0, 1});
  EXPECT_EQ(store().usage().entries, 0u);
  Restart(true);
  EXPECT_EQ(store().usage().entries, 0u);
}

// NO_CUT: a scan that goes on across a hand-over passes nothing by. The source reads M's pages
// last.
TEST_F(HandOverTest, AScanAcrossAHandOverPassesNothingBy) {
  Keep(kBoth);
  for (uint32_t block = 0; block < 1024; block += 128) Append(1, {block, 128});
  Append(2, {3, 1});
  struct One : ScanOp {
    void OnDone(const absl::Status& s) override { EXPECT_TRUE(s.ok()) << s; }
  } op;
  op.chunk = kKey;
  std::map<uint32_t, Version> got;
  int steps = 0;
  while (!op.at_end) {
    store().Scan(&op);
    life_->Run();
    for (const Entry& entry : op.entries) {
      for (uint32_t b = entry.place.blocks.first; b < entry.place.blocks.end(); ++b) {
        got[b] = std::max(got[b], entry.version);
      }
    }
    if (++steps == 2) Keep(kMerged);
  }
  EXPECT_GT(steps, 3);
  EXPECT_EQ(got.size(), 1024u);
  const TestRead read = Read(2, {0, 256});
  for (uint32_t b = 0; b < 256; ++b) EXPECT_EQ(got[b], read[b].version) << b;
}

// A page of a layer that was handed over stands in an older part of the index; then the line
// forgets the layer.
TEST_F(HandOverTest, PagesOfOlderCheckpointsDoNotComeBack) {
  life_ = nullptr;
  life_ = std::make_unique<StoreLife>(&disk_, pool_, 64 << 10);  // a checkpoint each 64 KiB
  ASSERT_TRUE(life_->Open().ok());
  Keep(kBoth);
  const uint32_t first = Append(1, {0, 2});
  const auto churn = [this] {
    for (int i = 0; i < 40; ++i) Append(2, {100 + static_cast<uint32_t>(i), 8});
    life_->Idle();  // a checkpoint
  };
  churn();
  Keep(kMerged);
  const uint32_t second = Append(2, {0, 1});
  churn();
  for (const bool forget : {false, true}) {
    if (forget) Keep(kForgotten);
    churn();
    const uint64_t entries = store().usage().entries;
    life_ = nullptr;
    life_ = std::make_unique<StoreLife>(&disk_, pool_, 64 << 10);
    ASSERT_TRUE(life_->Open().ok());
    EXPECT_EQ(store().usage().entries, entries);
    EXPECT_EQ(Got(2, 0), second);
    EXPECT_EQ(Got(2, 1), first);
  }
}

// The simulator, seed 8: reads go by the line as nodes have it, which has forgotten the layer,
// while replay finds in the log what was written to it.
TEST_F(HandOverTest, ReplayLeavesNothingInForgottenLayers) {
  Keep(kBoth);
  const uint32_t first = Append(1, {0, 1}, EntryKind::kData, Arrival::kPending);
  Commit();
  Keep(kMerged);
  Keep(kForgotten);
  Restart(false);
  EXPECT_EQ(Got(2, 0), first);
  for (const Entry& entry : Scan()) EXPECT_EQ(entry.place.layer, LayerId(2));
}

// Records in the log name the layer of old, also when the cleaner reads them.
TEST_F(HandOverTest, TheCleanerFindsWhatWasHandedOver) {
  Keep(kBoth);
  std::map<uint32_t, uint32_t> want;
  for (uint32_t block = 0; block < 2048; block += 16) {  // one block in 16 stays
    const uint32_t version = Append(1, {block, 1});
    want[block] = version;
    Append(1, {block + 1, 15});
  }
  Keep(kMerged);
  Keep(kForgotten);
  for (int round = 0; round < 14; ++round) {
    for (uint32_t block = 0; block < 2048; block += 16) Append(2, {block + 1, 15});
  }
  life_->Idle();
  for (const bool cleanly : {false, true}) {
    for (const auto& [block, version] : want) ASSERT_EQ(Got(2, block), version) << block;
    EXPECT_EQ(store().usage().unreadable_bytes, 0u);
    Restart(cleanly);
  }
}

// Hazard 8.9: the deletion of a snapshot goes on beside requests, a bounded piece a turn.
TEST_F(HandOverTest, RequestsAreAnsweredMeanwhile) {
  constexpr uint32_t kChunks = 400;
  model::Line both = kBoth, merged = kMerged;
  for (model::Line* line : {&both, &merged}) {
    for (model::Layer& layer : line->layers) layer.size_bytes = layer.cut_bytes = kVolumeBytesMax;
    for (model::RemovedLayer& removed : line->removed) removed.cut_bytes = kVolumeBytesMax;
  }
  Keep(both);
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    const ChunkKey key{kKey.lineage, ChunkIndex(chunk)};
    store().AppendEntry(kChain, MakeEntry(pool_, EntryKind::kHole, key, LayerId(1), {0, 4},
                                          Version(Epoch(1), ++sequence_), Arrival::kCommitted));
  }
  life_->Run();
  store().AppendLine(merged);
  life_->reactor().RunTurn();  // sealed, not durable
  struct One : ReadOp {
    void OnDone(const absl::Status&) override { done = true; }
    bool done = false;
    BlockResult result;
  };
  int turns_handing_over = 0;
  uint64_t left = kChunks;
  for (int i = 0; i < 10000 && Kept().handed_over != LineVersion(3); ++i) {
    One read;
    read.chunk = {kKey.lineage, ChunkIndex(static_cast<uint32_t>(i) % kChunks)};
    read.line = store().lines().at(kKey.lineage).view;
    read.layer = LayerId(2);
    read.blocks = {0, 1};
    read.results = {&read.result, 1};
    store().Read(&read);
    life_->reactor().RunTurn();
    life_->reactor().RunTurn();
    EXPECT_TRUE(read.done);
    EXPECT_EQ(read.result.state, State::kHole);
    EXPECT_EQ(read.result.layer, LayerId(2));
    if (Kept().chunks_left == 0) continue;
    ++turns_handing_over;
    EXPECT_LE(Kept().chunks_left, left);
    left = Kept().chunks_left;
  }
  EXPECT_EQ(Kept().handed_over, LineVersion(3));
  EXPECT_GT(turns_handing_over, 4);
  EXPECT_EQ(store().usage().entries, 4 * kChunks);
}

TEST_F(HandOverTest, ALongLineIsKeptInPiecesAndWhatChangesAfterIt) {
  model::Line line;
  line.lineage = kKey.lineage;
  line.version = LineVersion(5000);
  for (uint32_t id = 1; id <= 5000; ++id) {
    line.layers.push_back({LayerId(id), kSize, kSize, id < 5000, LineVersion(id)});
  }
  Keep(line);
  EXPECT_EQ(Kept().durable, LineVersion(5000));
  line.version = LineVersion(5001);
  line.layers.push_back({LayerId(5001), kSize, kSize, false, LineVersion(5001)});
  Keep(line);
  EXPECT_EQ(store().lines().at(kKey.lineage), line);
  for (const bool cleanly : {false, true}) {
    Restart(cleanly);
    EXPECT_EQ(store().lines().at(kKey.lineage), line);
    EXPECT_EQ(Kept().handed_over, LineVersion(5001));
  }
}

TEST_F(HandOverTest, CountsWhatLayersHoldAndWhatWouldGo) {
  Keep(LineOf(2, {LayerOf(1), LayerOf(2, 20 * kBlockBytes), LayerOf(3)}));
  Append(1, {0, 25});
  Append(2, {0, 2});
  Append(2, {2, 1}, EntryKind::kHole);
  Append(3, {0, 1});
  for (const bool merged : {false, true}) {
    if (merged) {
      Keep(LineOf(3, {LayerOf(1), LayerOf(3, 20 * kBlockBytes)},
                  {{LayerId(2), LayerId(3), kSize, LineVersion(3)}}));
    }
    LayerCounter counter;
    counter.lineage = kKey.lineage;
    counter.line = store().lines().at(kKey.lineage).view;
    counter.chains = {kChain};
    while (!counter.at_end) store().CountLayers(&counter);
    EXPECT_EQ(counter.counts[LayerId(1)].stored_blocks, 25u);
    EXPECT_EQ(counter.counts[LayerId(1)].freed_blocks, 3u + 5u);
    EXPECT_EQ(counter.counts[LayerId(2)].stored_blocks, merged ? 0u : 2u);
    EXPECT_EQ(counter.counts[LayerId(2)].freed_blocks, merged ? 0u : 1u);
    EXPECT_EQ(counter.counts[LayerId(3)].stored_blocks, merged ? 2u : 1u);
    EXPECT_EQ(counter.counts[LayerId(3)].freed_blocks, merged ? 2u : 1u);
  }
}

// Mirrors hand over at different times, or have not heard of it: what one sends the other ends
// equal.
TEST(HandOverMirrorsTest, EndEqual) {
  uint64_t removals = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    BufferPool pool;
    env::MemoryDisk disks[2] = {env::MemoryDisk(kDiskBytes), env::MemoryDisk(kDiskBytes)};
    StoreLife a(&disks[0], pool), b(&disks[1], pool);
    for (StoreLife* life : {&a, &b}) {
      ASSERT_TRUE(life->Format({.disk = DiskId(1), .store = StoreId(7)}).ok());
      ASSERT_TRUE(life->Open().ok());
    }
    LineModel model(seed);
    Random random(seed);
    for (int turn = 0; turn < 40; ++turn) {
      model.Step(a);
      if (model.random().OneIn(1, 3)) a.Run();
      if (!random.OneIn(1, 4)) continue;
      // A scan, as of an older or newer line than the target's.
      a.Run();
      const auto line = a.store().lines().find(LineModel::kKey.lineage);
      if (line != a.store().lines().end() && random.OneIn(1, 2)) b.store().AppendLine(line->second);
      struct One : ScanOp {
        void OnDone(const absl::Status& s) override { EXPECT_TRUE(s.ok()) << s; }
      } op;
      op.chunk = LineModel::kKey;
      while (!op.at_end) {
        a.store().Scan(&op);
        a.Run();
        for (Entry& entry : op.entries) b.store().AppendEntry(LineModel::kChain, std::move(entry));
      }
      // NO_FETCH: the chunk counts as scanned when the target has the line, not before.
      if (line != a.store().lines().end()) b.store().AppendLine(line->second);
      b.Run();
      if (line != a.store().lines().end()) {
        LineModel::Content committed = model.now();
        EXPECT_EQ(model.Compare(b, committed), "") << "turn " << turn;
      }
    }
    a.Run();
    model.Verify(a);
    removals += model.removals();
  }
  EXPECT_GT(removals, 50u);
}

}  // namespace
}  // namespace storpool::chunkstore
