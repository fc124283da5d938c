#include "lib/chunkstore/chunk_store.h"

#include <set>

#include "lib/base/random.h"
#include "lib/chunkstore/store_fixture.h"

namespace storpool::chunkstore {
namespace {

using State = BlockResult::State;

const ChainId kChain(TableId(1), 7);
const ChunkKey kKey{LineageId(11), ChunkIndex(3)};
const LayerId kLayer(1);

Version V(uint32_t epoch, uint32_t sequence) { return Version(Epoch(epoch), sequence); }

class ChunkStoreTest : public testing::Test {
 protected:
  ChunkStoreTest() : disk_(uint64_t{64} << 20) {
    StoreLife life(&disk_, pool_);
    EXPECT_TRUE(life.Format({.disk = DiskId(5), .store = StoreId(99)}).ok());
    Restart();
  }
  void Restart() {
    life_ = nullptr;
    life_ = std::make_unique<StoreLife>(&disk_, pool_);
    const absl::Status status = life_->Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  ChunkStore& store() { return life_->store(); }
  void Write(Version version, BlockRange range, LayerId layer = kLayer,
             Arrival arrival = Arrival::kPending) {
    ASSERT_TRUE(store().Reserve(range.count * kBlockBytes));
    const uint64_t p = store().AppendEntry(
        kChain, MakeEntry(pool_, EntryKind::kData, kKey, layer, range, version, arrival));
    life_->Run();
    EXPECT_EQ(life_->durable(), p);
  }
  void Trim(Version version, BlockRange range, LayerId layer = kLayer) {
    store().AppendEntry(kChain, MakeEntry(pool_, EntryKind::kHole, kKey, layer, range, version));
    life_->Run();
  }
  TestRead Read(BlockRange range, bool pending = false) {
    return TestRead(*life_, kKey, {{kLayer}}, range, pending);
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  std::unique_ptr<StoreLife> life_;
};

TEST_F(ChunkStoreTest, PendingIsReadByHeadsOnlyUntilCommitted) {
  Write(V(1, 1), {10, 2});
  EXPECT_EQ(Read({10, 1})[0].state, State::kAbsent);
  const TestRead head = Read({10, 2}, true);
  EXPECT_EQ(head[1].state, State::kData);
  EXPECT_TRUE(head.Matches(1, V(1, 1)));
  store().SetCommitted(kChain, V(1, 1));
  const TestRead read = Read({9, 4});
  EXPECT_EQ(read[0].state, State::kAbsent);
  EXPECT_EQ(read[1].version, V(1, 1));
  EXPECT_TRUE(read.Matches(1, V(1, 1)));
  EXPECT_TRUE(read.Matches(2, V(1, 1)));
  EXPECT_EQ(read[3].state, State::kAbsent);
}

TEST_F(ChunkStoreTest, UnwrittenPayloadIsReadFromMemory) {
  ASSERT_TRUE(store().Reserve(kBlockBytes));
  store().AppendEntry(kChain, MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {4, 1}, V(1, 1)));
  const uint64_t reads = life_->device().counters().reads;
  const TestRead read = Read({4, 1}, true);
  EXPECT_TRUE(read.Matches(0, V(1, 1)));
  EXPECT_EQ(life_->device().counters().reads, reads);
}

TEST_F(ChunkStoreTest, AnExtentIsOfAllLayersAndOfPendingOnesToo) {
  const BlockRange all = {0, kBlocksPerChunk};
  EXPECT_EQ(store().Extent(kKey, all), BlockRange());
  Write(V(1, 1), {10, 2}, LayerId(1));
  store().SetCommitted(kChain, V(1, 1));
  Write(V(1, 2), {1000, 2}, LayerId(2));
  Trim(V(1, 3), {64, 1});
  EXPECT_EQ(store().Extent(kKey, all), (BlockRange{10, 992}));
  EXPECT_EQ(store().Extent(kKey, {11, 989}), (BlockRange{11, 54}));
  EXPECT_EQ(store().Extent(kKey, {12, 989}), (BlockRange{64, 937}));
  EXPECT_EQ(store().Extent(kKey, {65, 935}), BlockRange());
  EXPECT_EQ(store().Extent({kKey.lineage, ChunkIndex(7)}, all), BlockRange());
  EXPECT_EQ(store().Extent({LineageId(77), kKey.chunk}, all), BlockRange());
  store().AppendVoid(kChain, V(1, 1), Epoch(2));
  life_->Run();
  EXPECT_EQ(store().Extent(kKey, all), (BlockRange{10, 2}));
}

TEST_F(ChunkStoreTest, AnExtentEndsAtAnyBlock) {
  Random random(1);
  std::set<uint32_t> has;
  for (uint32_t sequence = 1; sequence <= 12; ++sequence) {
    const auto any = [&](uint32_t limit) { return static_cast<uint32_t>(random.Below(limit)); };
    const uint32_t first = any(kBlocksPerChunk);
    const BlockRange range = {first, std::min(1 + any(700), kBlocksPerChunk - first)};
    Trim(V(1, sequence), range);
    if (sequence % 2 == 0) store().SetCommitted(kChain, V(1, sequence));
    for (uint32_t block = range.first; block < range.end(); ++block) has.insert(block);
    for (int i = 0; i < 200; ++i) {
      const uint32_t from = any(kBlocksPerChunk);
      const BlockRange asked = {from, 1 + any(kBlocksPerChunk - from)};
      const auto low = has.lower_bound(asked.first);
      BlockRange want;
      if (low != has.end() && *low < asked.end()) {
        want = {*low, *std::prev(has.lower_bound(asked.end())) - *low + 1};
      }
      ASSERT_EQ(store().Extent(kKey, asked), want) << asked.first << "+" << asked.count;
    }
  }
}

TEST_F(ChunkStoreTest, PendingStaysPendingOverARestart) {
  Write(V(1, 1), {0, 4});
  Write(V(1, 2), {2, 4});
  store().SetCommitted(kChain, V(1, 1));
  life_->Idle();  // W is written
  Restart();
  auto chains = store().TakeChains();
  ASSERT_TRUE(chains.contains(kChain));
  EXPECT_EQ(chains[kChain].committed, V(1, 1));
  ASSERT_EQ(chains[kChain].pending.size(), 1u);
  EXPECT_EQ(chains[kChain].pending[0].version, V(1, 2));
  EXPECT_EQ(Read({5, 1})[0].state, State::kAbsent);
  std::vector<Entry> entries;
  store().PendingAbove(kChain, V(1, 1), [&](absl::StatusOr<std::vector<Entry>> e) {
    ASSERT_TRUE(e.ok());
    entries = std::move(*e);
  });
  life_->Run();
  ASSERT_EQ(entries.size(), 1u);
  std::vector<uint8_t> want(kBlockBytes);
  FillBlock(want.data(), kKey, 3, V(1, 2));
  EXPECT_EQ(std::memcmp(entries[0].payload.data() + kBlockBytes, want.data(), kBlockBytes), 0);
  entries.clear();
  store().SetCommitted(kChain, V(1, 2));
  EXPECT_TRUE(Read({5, 1}).Matches(0, V(1, 2)));
}

// A stream that lacked what is committed meanwhile would have a hole (5.6).
TEST_F(ChunkStoreTest, PendingIsWhatWasPendingAtTheCall) {
  Write(V(1, 1), {0, 4});
  Write(V(1, 2), {2, 4});
  std::vector<Entry> entries;
  store().PendingAbove(kChain, Version(), [&](absl::StatusOr<std::vector<Entry>> e) {
    ASSERT_TRUE(e.ok());
    entries = std::move(*e);
  });
  EXPECT_TRUE(entries.empty()) << "called back from within the call";
  store().SetCommitted(kChain, V(1, 2));
  life_->Run();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].version, V(1, 1));
  std::vector<uint8_t> want(kBlockBytes);
  FillBlock(want.data(), kKey, 2, V(1, 1));
  EXPECT_EQ(std::memcmp(entries[0].payload.data() + 2 * kBlockBytes, want.data(), kBlockBytes), 0);
}

TEST_F(ChunkStoreTest, ADurableWLagsAndIsNotTakenBack) {
  Write(V(1, 1), {0, 1});
  store().SetCommitted(kChain, V(1, 1));
  EXPECT_EQ(store().DurableCommitted(kChain), Version());  // said, not written yet
  life_->Idle();
  EXPECT_EQ(store().DurableCommitted(kChain), V(1, 1));
  Write(V(1, 2), {1, 1});
  store().SetCommitted(kChain, V(1, 2));
  EXPECT_EQ(store().DurableCommitted(kChain), V(1, 1));
  Restart();
  EXPECT_EQ(store().TakeChains()[kChain].committed, V(1, 1));
  EXPECT_EQ(store().DurableCommitted(kChain), V(1, 1));
  store().SetCommitted(kChain, V(1, 2));
  life_->Idle();
  EXPECT_EQ(store().DurableCommitted(kChain), V(1, 2));
  const std::vector<ChunkSize> chunks = store().ChunksAbove(kChain, V(1, 1));
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].chunk, kKey);
  EXPECT_EQ(chunks[0].data_bytes, 2 * kBlockBytes);
  store().AppendDiscardChain(kChain);
  life_->Run();
  EXPECT_EQ(store().DurableCommitted(kChain), Version());
}

TEST_F(ChunkStoreTest, VoidDropsPendingBeforeItOnly) {
  Write(V(1, 1), {0, 1});
  Write(V(1, 2), {1, 1});
  store().AppendVoid(kChain, V(1, 1), Epoch(2));
  Write(V(1, 2), {1, 1});  // received again
  store().AppendVoid(kChain, V(1, 2), Epoch(2));
  life_->Run();
  Restart();
  auto chains = store().TakeChains();
  ASSERT_EQ(chains[kChain].pending.size(), 2u);
  store().AppendVoid(kChain, V(1, 1), Epoch(2));
  life_->Run();
  Restart();
  EXPECT_EQ(store().TakeChains()[kChain].pending.size(), 1u);
}

TEST_F(ChunkStoreTest, VoidLeavesCommittedOnArrival) {
  Write(V(1, 5), {0, 1}, kLayer, Arrival::kCommitted);
  store().AppendVoid(kChain, V(1, 1), Epoch(2));
  life_->Run();
  Restart();
  EXPECT_TRUE(Read({0, 1}).Matches(0, V(1, 5)));
}

TEST_F(ChunkStoreTest, LayersHolesAndCuts) {
  Write(V(1, 1), {0, 8}, LayerId(1));
  Trim(V(1, 2), {2, 2}, LayerId(2));
  Write(V(1, 3), {4, 1}, LayerId(2));
  store().SetCommitted(kChain, V(1, 3));
  life_->Idle();
  Restart();
  const TestRead read(*life_, kKey, {{LayerId(2), 7}, {LayerId(1)}}, {0, 9});
  EXPECT_TRUE(read.Matches(0, V(1, 1)));
  EXPECT_EQ(read[2].state, State::kHole);
  EXPECT_EQ(read[2].version, V(1, 2));
  EXPECT_TRUE(read.Matches(4, V(1, 3)));
  EXPECT_EQ(read[7].state, State::kHole);  // beyond the cut
  EXPECT_EQ(read[8].state, State::kHole);
  const TestRead older(*life_, kKey, {{LayerId(1)}}, {2, 7});
  EXPECT_TRUE(older.Matches(0, V(1, 1)));
  EXPECT_EQ(older[6].state, State::kAbsent);
}

TEST_F(ChunkStoreTest, ChainRecordsSurvive) {
  store().AppendAdopt(kChain, Epoch(4), "config four");
  store().AppendBase(kChain, V(3, 1));
  store().AppendChunkBase(kChain, kKey, V(3, 9));
  store().AppendCompleteUpTo(kChain, V(3, 7));
  store().AppendMinGeneration(kChain, VolumeId(1), ClientId(2), Generation(3));
  const Session session{VolumeId(1), ClientId(2), Generation(3)};
  RequestWindow window;
  window.RaiseMark(10);
  window.Commit(12);
  store().AppendWindow(kChain, session, window);
  store().AppendNote("map", std::string(200000, 'm'));
  life_->Run();
  for (int round = 0; round < 3; ++round) {  // from the log, then from a checkpoint
    if (round == 2) {
      ASSERT_TRUE(life_->Close().ok());
    }
    Restart();
    const ChainRecord r = store().TakeChains()[kChain];
    EXPECT_EQ(r.epoch, Epoch(4));
    EXPECT_EQ(r.config, "config four");
    EXPECT_EQ(r.base, V(3, 1));
    EXPECT_EQ(r.chunk_bases.at(kKey), V(3, 9));
    EXPECT_EQ(r.complete_up_to, V(3, 7));
    EXPECT_EQ(r.min_generation.at({VolumeId(1), ClientId(2)}), Generation(3));
    EXPECT_EQ(r.windows.at(session), window);
    EXPECT_EQ(store().Note("map"), std::string(200000, 'm'));
  }
  store().AppendDiscardChain(kChain);
  life_->Run();
  Restart();
  EXPECT_FALSE(store().TakeChains().contains(kChain));
}

TEST_F(ChunkStoreTest, WindowsFollowCommits) {
  Entry entry = MakeEntry(pool_, EntryKind::kHole, kKey, kLayer, {0, 1}, V(1, 1));
  entry.session = {VolumeId(1), ClientId(1), Generation(1)};
  entry.number = 5;
  entry.answered_below = 3;
  const Session session = entry.session;
  store().AppendEntry(kChain, std::move(entry));
  life_->Run();
  store().SetCommitted(kChain, V(1, 1));
  life_->Idle();
  Restart();
  const ChainRecord r = store().TakeChains()[kChain];
  EXPECT_EQ(r.windows.at(session).mark(), 3u);
  EXPECT_EQ(r.windows.at(session).Find(5), RequestWindow::State::kCommitted);
}

TEST_F(ChunkStoreTest, CheckpointHoldsEverything) {
  Write(V(1, 1), {0, 256});
  Trim(V(1, 2), {256, 256});
  Write(V(1, 3), {300, 3});
  store().SetCommitted(kChain, V(1, 3));
  Write(V(1, 4), {7, 3});
  ASSERT_TRUE(life_->Close().ok());
  Restart();
  const TestRead read = Read({0, 512});
  EXPECT_TRUE(read.Matches(7, V(1, 1)));
  EXPECT_EQ(read[299].state, State::kHole);
  EXPECT_TRUE(read.Matches(301, V(1, 3)));
  EXPECT_EQ(store().TakeChains()[kChain].pending.size(), 1u);
  EXPECT_TRUE(Read({8, 1}, true).Matches(0, V(1, 4)));
}

TEST_F(ChunkStoreTest, WrongBytesAreDamagedNotReturned) {
  Write(V(1, 1), {0, 2});
  store().SetCommitted(kChain, V(1, 1));
  std::vector<uint8_t> want(kBlockBytes);
  FillBlock(want.data(), kKey, 1, V(1, 1));
  std::vector<uint8_t> bytes(kBlockBytes);
  bool found = false;
  for (uint64_t at = 0; at + kBlockBytes <= disk_.info().size_bytes && !found; at += 512) {
    disk_.Read(at, bytes);
    if (bytes != want) continue;
    found = true;
    FillBlock(bytes.data(), kKey, 1, V(1, 0));  // a stale block, whole
    disk_.Write(at, bytes);
  }
  ASSERT_TRUE(found);
  const TestRead read = Read({0, 2});
  EXPECT_TRUE(read.Matches(0, V(1, 1)));
  EXPECT_EQ(read[1].state, State::kDamaged);
}

TEST_F(ChunkStoreTest, OneDeviceWriteForABatch) {
  ASSERT_TRUE(store().Reserve(8 * kBlockBytes));
  const uint64_t writes = life_->device().counters().writes;
  for (uint32_t i = 0; i < 8; ++i) {
    store().AppendEntry(kChain,
                        MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {i, 1}, V(1, i + 1)));
  }
  life_->Run();
  EXPECT_EQ(life_->durable(), 8u);
  EXPECT_EQ(life_->device().counters().writes, writes + 1);
}

TEST_F(ChunkStoreTest, DropLineageFreesItsBlocks) {
  Write(V(1, 1), {0, 64});
  store().SetCommitted(kChain, V(1, 1));
  EXPECT_EQ(store().usage().stored_bytes, 64u * kBlockBytes);
  store().AppendDropLineage(kKey.lineage);
  life_->Run();
  EXPECT_EQ(store().usage().stored_bytes, 0u);
  EXPECT_EQ(Read({0, 1})[0].state, State::kAbsent);
  Restart();
  EXPECT_EQ(Read({0, 1})[0].state, State::kAbsent);
}

TEST_F(ChunkStoreTest, ADeviceErrorFailsTheDisk) {
  disk_.FailOperations(disk_.operations() + 1, 1, absl::DataLossError("EIO"));
  ASSERT_TRUE(store().Reserve(kBlockBytes));
  store().AppendEntry(kChain, MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {0, 1}, V(1, 1)));
  life_->Run();
  EXPECT_FALSE(life_->failure().ok());
  EXPECT_EQ(life_->durable(), 0u);
  EXPECT_FALSE(Read({0, 1}).status().ok());
  EXPECT_FALSE(store().Reserve(kBlockBytes));
}

}  // namespace
}  // namespace storpool::chunkstore
