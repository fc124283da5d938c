// Damage against torn tails, stale batches, late writes (design 4.2, S4, hazards 7.3, 7.4).
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/store_fixture.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::chunkstore {
namespace {

const ChainId kChain(TableId(1), 7);
const ChunkKey kKey{LineageId(11), ChunkIndex(3)};
const LayerId kLayer(1);

Version V(uint32_t sequence) { return Version(Epoch(1), sequence); }

class DamageTest : public testing::Test {
 protected:
  DamageTest() : disk_(uint64_t{64} << 20) {
    StoreLife life(&disk_, pool_);
    EXPECT_TRUE(life.Format({.disk = DiskId(5), .store = StoreId(99)}).ok());
    Open();
  }
  void Open() {
    life_ = std::make_unique<StoreLife>(&disk_, pool_);
    const absl::Status status = life_->Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  // With bytes that the device cannot read: (offset, bytes).
  void OpenUnreadable(const std::vector<std::pair<uint64_t, uint64_t>>& ranges) {
    Crash();
    life_ = std::make_unique<StoreLife>(&disk_, pool_);
    for (const auto& [offset, bytes] : ranges) life_->device().MakeUnreadable(offset, bytes);
    const absl::Status status = life_->Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  Superblock Super() {
    std::vector<uint8_t> block(kSuperblockBytes);
    disk_.Read(0, block);
    Superblock super;
    EXPECT_TRUE(DecodeSuperblock(block, &super).ok());
    return super;
  }
  uint64_t HeaderOf(uint64_t batch) {
    const Superblock super = Super();
    return SegmentOffset(super, static_cast<uint32_t>((batch - kAreaBytes) / super.segment_bytes));
  }
  void Crash() {
    life_ = nullptr;
    Random random(1);
    disk_.PowerCut(random);
  }
  void Write(uint32_t sequence) {
    ASSERT_TRUE(life_->store().Reserve(kBlockBytes));
    life_->store().AppendEntry(
        kChain, MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {sequence, 1}, V(sequence)));
    life_->Run();
  }
  size_t Pending() { return life_->store().TakeChains()[kChain].pending.size(); }
  // Device offset of the descriptor of the log batch that holds this entry.
  uint64_t FindBatch(uint32_t sequence) {
    std::vector<uint8_t> bytes(4096);
    for (uint64_t at = kAreaBytes; at + 8192 < disk_.info().size_bytes; at += 512) {
      disk_.Read(at, bytes);
      BatchHeader h;
      if (!ParseBatchHeader(bytes, &h).ok()) continue;
      RecordReader reader(bytes, h);
      Record record;
      while (reader.Next(&record)) {
        if (record.kind == RecordKind::kEntry && record.entry.version == V(sequence).raw()) {
          return at;
        }
      }
    }
    ADD_FAILURE() << "no batch holds " << sequence;
    return 0;
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  std::unique_ptr<StoreLife> life_;
};

TEST_F(DamageTest, RotOfAWitnessedBatchIsDamage) {
  for (uint32_t i = 1; i <= 5; ++i) Write(i);
  Crash();
  disk_.FlipBit(FindBatch(2) + 20, 3);
  Open();
  EXPECT_TRUE(life_->store().damaged());
  EXPECT_EQ(Pending(), 1u);  // what stands before it is taken
  Crash();
  Open();
  EXPECT_TRUE(life_->store().damaged()) << "it is forgotten after one restart";
}

// Of a chain, until it has been discarded: what is filled anew must not be thrown away at each
// start (5.5g), and three mirrors that were damaged one after the other still have it.
TEST_F(DamageTest, ADiscardedChainIsNotDamagedAnyMore) {
  const ChainId other(TableId(1), 8);
  life_->store().AppendAdopt(other, Epoch(1), "config");
  for (uint32_t i = 1; i <= 5; ++i) Write(i);
  Crash();
  disk_.FlipBit(FindBatch(3) + 20, 3);
  Open();
  std::map<ChainId, ChainRecord> chains = life_->store().TakeChains();
  EXPECT_TRUE(chains.at(kChain).damaged);
  EXPECT_TRUE(chains.at(other).damaged);
  life_->store().AppendDiscardChain(kChain);
  life_->store().AppendAdopt(kChain, Epoch(7), "config");
  life_->Run();
  Crash();
  Open();
  chains = life_->store().TakeChains();
  EXPECT_FALSE(chains.at(kChain).damaged);
  EXPECT_EQ(chains.at(kChain).epoch, Epoch(7));
  EXPECT_TRUE(chains.at(other).damaged);
  EXPECT_TRUE(life_->store().damaged());
  life_->store().AppendDiscardChain(other);
  life_->Run();
  EXPECT_FALSE(life_->store().damaged());
  Crash();
  Open();
  EXPECT_FALSE(life_->store().damaged());
  // Another loss is of all chains again.
  Write(6);
  Write(7);
  Crash();
  disk_.FlipBit(FindBatch(6) + 20, 3);
  Open();
  EXPECT_TRUE(life_->store().damaged());
  EXPECT_TRUE(life_->store().TakeChains().at(kChain).damaged);
}

// Power fails at any moment of the recovery that finds it.
TEST_F(DamageTest, ADamageIsKnownToTheNextLifeWhateverIsCutOff) {
  for (uint32_t i = 1; i <= 5; ++i) Write(i);
  Crash();
  disk_.FlipBit(FindBatch(2) + 20, 3);
  life_ = nullptr;
  const env::MemoryDisk before = disk_;
  bool cut = true;
  uint64_t at = 0;
  while (cut) {
    SCOPED_TRACE(++at);
    disk_ = before;
    disk_.CutPowerAt(disk_.operations() + at);
    {
      StoreLife life(&disk_, pool_);
      (void)life.Open();
    }
    cut = disk_.power_lost();
    Random random(at);
    disk_.PowerCut(random);
    Open();
    EXPECT_TRUE(life_->store().damaged());
    EXPECT_TRUE(life_->store().TakeChains().at(kChain).damaged);
    life_ = nullptr;
  }
  EXPECT_GT(at, 10u);
}

TEST_F(DamageTest, RotOfTheNewestBatchIsDamageOnceItHasItsWitness) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  Crash();
  disk_.FlipBit(FindBatch(3) + 20, 3);
  Open();
  EXPECT_TRUE(life_->store().damaged());
}

// All that was written since the checkpoint may lie in one segment: its header is not worth it.
TEST_F(DamageTest, RotOfASegmentHeaderIsDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  const uint64_t header = HeaderOf(FindBatch(1));
  Crash();
  disk_.FlipBit(header, 3);
  Open();
  EXPECT_TRUE(life_->store().damaged());
}

TEST_F(DamageTest, TornTailIsNoDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  Crash();
  disk_.FlipBit(FindBatch(3) + 20, 3);
  Open();
  EXPECT_FALSE(life_->store().damaged());
  EXPECT_EQ(Pending(), 2u);
}

TEST_F(DamageTest, TornPayloadOfTheTailIsNoDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  Crash();
  disk_.FlipBit(FindBatch(3) + 512 + 1000, 3);
  Open();
  EXPECT_FALSE(life_->store().damaged());
  EXPECT_EQ(Pending(), 2u);
}

// Two under way, the first torn, the second whole: neither comes back, not even after new batches
// were written (S4, mutation TORN_PLACE).
TEST_F(DamageTest, WhatStandsBehindATornBatchStaysGone) {
  for (uint32_t i = 1; i <= 2; ++i) Write(i);
  ASSERT_TRUE(life_->store().Reserve(2 * kBlockBytes));
  disk_.set_latency([](const env::DeviceIo&) { return Duration::Seconds(1); });
  for (uint32_t i = 3; i <= 4; ++i) {
    life_->store().AppendEntry(kChain,
                               MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {i, 1}, V(i)));
    life_->reactor().RunTurn();
  }
  EXPECT_EQ(life_->durable(), 2u);
  life_ = nullptr;
  disk_.set_latency(nullptr);
  disk_.LandAbandoned();
  const uint64_t third = FindBatch(3);
  disk_.FlipBit(third + 20, 1);
  Open();
  EXPECT_FALSE(life_->store().damaged()) << "a torn tail is taken for damage";
  EXPECT_EQ(Pending(), 2u);
  disk_.FlipBit(third + 20, 1);  // the torn batch lands after all
  Write(5);
  Crash();
  Open();
  EXPECT_FALSE(life_->store().damaged());
  const ChainRecord record = life_->store().TakeChains()[kChain];
  ASSERT_EQ(record.pending.size(), 3u);
  EXPECT_EQ(record.pending[2].version, V(5));
}

TEST_F(DamageTest, ABatchInTheWrongPlaceIsNotAccepted) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  Crash();
  const uint64_t second = FindBatch(2);
  const uint64_t third = FindBatch(3);
  std::vector<uint8_t> bytes(512 + kBlockBytes);
  disk_.Read(second, bytes);
  disk_.Write(third, bytes);
  Open();
  EXPECT_EQ(Pending(), 2u);
}

TEST_F(DamageTest, EitherSuperblockIsEnough) {
  Write(1);
  for (int copy = 0; copy < 2; ++copy) {
    Crash();
    disk_.FlipBit(SuperblockOffset(disk_.info().size_bytes, copy) + 40, 1);
    Open();
    EXPECT_EQ(Pending(), 1u);
  }
}

// Bytes that cannot be read are bytes that are not valid, no more: the rules for damage decide.
TEST_F(DamageTest, EitherSuperblockMayBeUnreadable) {
  Write(1);
  const uint64_t size = disk_.info().size_bytes;
  for (int copy = 0; copy < 2; ++copy) {
    OpenUnreadable({{SuperblockOffset(size, copy), 512}});
    EXPECT_EQ(Pending(), 1u);
    EXPECT_FALSE(life_->store().damaged());
  }
  life_ = std::make_unique<StoreLife>(&disk_, pool_);
  life_->device().MakeUnreadable(0, 512);
  life_->device().MakeUnreadable(SuperblockOffset(size, 1), 512);
  EXPECT_TRUE(absl::IsDataLoss(life_->Open()));
}

TEST_F(DamageTest, AnUnreadableHeaderOfAFreeSegmentIsNoDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  const Superblock super = Super();
  OpenUnreadable({{SegmentOffset(super, super.segments - 1), 4096}});
  EXPECT_FALSE(life_->store().damaged());
  EXPECT_EQ(Pending(), 3u);
}

TEST_F(DamageTest, AnUnreadableHeaderOfASegmentInUseIsDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  OpenUnreadable({{HeaderOf(FindBatch(1)), 512}});
  EXPECT_TRUE(life_->store().damaged());
}

// Nor is it taken for free when what the first batch would say of it is lost, too.
TEST_F(DamageTest, AnUnreadableBeginOfASegmentInUseIsDamage) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  OpenUnreadable({{HeaderOf(FindBatch(1)), 2048}});
  EXPECT_TRUE(life_->store().damaged());
}

TEST_F(DamageTest, AnUnreadableSectorIsNotInTheWayOfOthers) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  const uint64_t last = FindBatch(3);
  OpenUnreadable({{FindBatch(1) + 512 + 1024, 512}, {last + (256 << 10), 512}});
  EXPECT_FALSE(life_->store().damaged());
  EXPECT_EQ(Pending(), 3u);
}

TEST_F(DamageTest, AnUnreadableBatchIsDamageIfAWitnessSaysSo) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  life_->Idle();
  OpenUnreadable({{FindBatch(2), 512}});
  EXPECT_TRUE(life_->store().damaged());
  EXPECT_EQ(Pending(), 1u);
}

TEST_F(DamageTest, AnUnreadablePayloadOfTheTailIsATornTail) {
  for (uint32_t i = 1; i <= 3; ++i) Write(i);
  OpenUnreadable({{FindBatch(3) + 512 + 1024, 512}});
  EXPECT_FALSE(life_->store().damaged());
  EXPECT_EQ(Pending(), 2u);
}

TEST_F(DamageTest, ADamagedIndexSaysWhatToDo) {
  Write(1);
  ASSERT_TRUE(life_->Close().ok());
  life_ = nullptr;
  for (uint64_t at = kAreaBytes; at < disk_.info().size_bytes - kAreaBytes; at += 512) {
    std::vector<uint8_t> bytes(512);
    disk_.Read(at, bytes);
    BatchHeader h;
    if (LooksLikeBatch(bytes, &h) && h.stream == static_cast<uint8_t>(StreamId::kIndex)) {
      disk_.FlipBit(at + 90, 1);
    }
  }
  life_ = std::make_unique<StoreLife>(&disk_, pool_);
  const absl::Status status = life_->Open();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("forget the disk"), std::string::npos) << status;
}

TEST_F(DamageTest, WhatIsNotOursIsRefused) {
  life_ = nullptr;
  StoreLife life(&disk_, pool_);
  EXPECT_TRUE(absl::IsAlreadyExists(life.Format({.disk = DiskId(6), .store = StoreId(1)})));
  env::MemoryDisk blank(uint64_t{64} << 20);
  StoreLife empty(&blank, pool_);
  EXPECT_TRUE(absl::IsNotFound(empty.Open()));
  env::MemoryDisk small(uint64_t{8} << 20);
  StoreLife tiny(&small, pool_);
  EXPECT_TRUE(absl::IsInvalidArgument(tiny.Format({.disk = DiskId(6), .store = StoreId(1)})));
  env::MemoryDisk other(uint64_t{64} << 20);
  StoreLife foreign(&other, pool_);
  EXPECT_TRUE(foreign.Format({.cluster = {1}, .disk = DiskId(6), .store = StoreId(1)}).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(foreign.Open()));
}

}  // namespace
}  // namespace storpool::chunkstore
