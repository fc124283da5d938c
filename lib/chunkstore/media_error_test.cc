// What becomes of blocks that rot or cannot be read, and of a disk that fails (design 4.3, 4.12).
#include "lib/chunkstore/store_fixture.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::chunkstore {
namespace {

const ChainId kChain(TableId(1), 4);
const ChunkKey kKey{LineageId(2), ChunkIndex(0)};
const LayerId kLayer(1);
constexpr uint32_t kEntryBlocks = 16;

Version V(uint32_t sequence) { return Version(Epoch(1), sequence); }

class MediaErrorTest : public testing::Test {
 protected:
  MediaErrorTest() : disk_(uint64_t{64} << 20) {
    StoreLife life(&disk_, pool_);
    EXPECT_TRUE(life.Format({.disk = DiskId(5), .store = StoreId(9)}).ok());
    life_ = std::make_unique<StoreLife>(&disk_, pool_);
    EXPECT_TRUE(life_->Open().ok());
  }
  ChunkStore& store() { return life_->store(); }
  void Write(uint32_t block, uint32_t count) {
    ASSERT_TRUE(store().Reserve(uint64_t{count} * kBlockBytes));
    store().AppendEntry(
        kChain, MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {block, count}, V(++sequence_)));
    life_->Run();
    store().SetCommitted(kChain, V(sequence_));
  }
  TestRead Read(uint32_t block, uint32_t count) {
    return TestRead(*life_, kKey, {{kLayer}}, {block, count});
  }
  // Where the device has these bytes.
  uint64_t Find(const std::vector<uint8_t>& bytes) {
    std::vector<uint8_t> there(bytes.size());
    for (uint64_t at = 64 << 10; at + bytes.size() <= disk_.info().size_bytes; at += 512) {
      disk_.Read(at, there);
      if (there == bytes) return at;
    }
    ADD_FAILURE() << "these bytes are nowhere";
    return 0;
  }
  uint64_t FindBlock(uint32_t block, Version version) {
    std::vector<uint8_t> bytes(kBlockBytes);
    FillBlock(bytes.data(), kKey, block, version);
    return Find(bytes);
  }
  // Writes to all but the first entry until the cleaner has been everywhere several times.
  void Churn(uint32_t entries) {
    for (uint32_t i = 0; i < 3 * entries; ++i) {
      Write((1 + static_cast<uint32_t>(random_.Below(entries - 1))) * kEntryBlocks, kEntryBlocks);
    }
  }
  // Most of what there is room for.
  uint32_t Fill() {
    const uint64_t usable = store().usage().usable_bytes;
    const auto entries = static_cast<uint32_t>(usable / 100 * 85 / kBlockBytes / kEntryBlocks);
    EXPECT_LE(entries * kEntryBlocks, kBlocksPerChunk);
    for (uint32_t i = 0; i < entries; ++i) Write(i * kEntryBlocks, kEntryBlocks);
    return entries;
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  std::unique_ptr<StoreLife> life_;
  uint32_t sequence_ = 0;
  Random random_{1};
};

TEST_F(MediaErrorTest, TheCleanerLeavesARottenBlockAndGoesOn) {
  const uint32_t entries = Fill();
  disk_.FlipBit(FindBlock(3, V(1)) + 100, 2);
  Churn(entries);
  EXPECT_EQ(store().usage().unreadable_bytes, kBlockBytes);
  EXPECT_TRUE(life_->failure().ok());
  {
    const TestRead read = Read(0, kEntryBlocks);
    for (uint32_t i = 0; i < kEntryBlocks; ++i) {
      if (i == 3) continue;
      EXPECT_TRUE(read.Matches(i, V(1))) << i;
    }
    EXPECT_EQ(read[3].state, BlockResult::State::kDamaged);
  }
  // Healed: it counts no more, and its segment can be freed.
  store().AppendEntry(
      kChain, MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {3, 1}, V(1), Arrival::kCommitted));
  life_->Run();
  EXPECT_TRUE(Read(3, 1).Matches(0, V(1)));
  EXPECT_EQ(store().usage().unreadable_bytes, 0u);
  Churn(entries);
  EXPECT_TRUE(Read(3, 1).Matches(0, V(1)));
}

TEST_F(MediaErrorTest, ASegmentWithARottenDescriptorIsSetAsideAndStillRead) {
  const uint32_t entries = Fill();
  disk_.FlipBit(FindBlock(0, V(1)) - 512 + 90, 1);
  for (uint32_t i = 1; i < entries; ++i) Write(i * kEntryBlocks, kEntryBlocks);
  Churn(entries);
  EXPECT_EQ(store().usage().unreadable_bytes, kEntryBlocks * kBlockBytes);
  std::vector<uint8_t> block(kSuperblockBytes);
  disk_.Read(0, block);
  Superblock superblock;
  ASSERT_TRUE(DecodeSuperblock(block, &superblock).ok());
  const uint64_t segment = (FindBlock(0, V(1)) - kAreaBytes) / superblock.segment_bytes;
  uint64_t reads = 0;
  disk_.set_latency([&](const env::DeviceIo& io) {
    const uint64_t at = (io.offset_bytes - kAreaBytes) / superblock.segment_bytes;
    reads += io.op == env::DeviceIo::Op::kRead && at == segment;
    return Duration();
  });
  Churn(entries / 2);
  EXPECT_EQ(reads, 0u) << "it is tried for ever";
  EXPECT_TRUE(Read(0, kEntryBlocks).Matches(5, V(1)));
}

TEST_F(MediaErrorTest, AScanNamesTheDamagedBlockAndGivesTheOthers) {
  struct TestScan : ScanOp {
    void OnDone(const absl::Status& s) override { status = s; }
    absl::Status status = absl::UnavailableError("did not end");
  };
  Write(0, 8);
  disk_.FlipBit(FindBlock(5, V(1)) + 9, 1);
  TestScan scan;
  scan.chunk = kKey;
  store().Scan(&scan);
  life_->Run();
  ASSERT_TRUE(scan.status.ok()) << scan.status;
  EXPECT_TRUE(scan.at_end);
  ASSERT_EQ(scan.damaged.size(), 1u);
  EXPECT_EQ(scan.damaged[0].block, 5u);
  EXPECT_EQ(scan.damaged[0].layer, kLayer);
  EXPECT_EQ(scan.damaged[0].version, V(1));
  ASSERT_EQ(scan.entries.size(), 2u);
  EXPECT_EQ(scan.entries[0].place.blocks, (BlockRange{0, 5}));
  EXPECT_EQ(scan.entries[1].place.blocks, (BlockRange{6, 2}));
  for (const Entry& e : scan.entries) {
    ASSERT_EQ(e.payload.size(), size_t{e.place.blocks.count} * kBlockBytes);
    for (uint32_t i = 0; i < e.place.blocks.count; ++i) {
      EXPECT_EQ(Crc32c(e.payload.data() + size_t{i} * kBlockBytes, kBlockBytes), e.checksums[i]);
    }
  }
}

TEST_F(MediaErrorTest, AnUnreadableSectorIsADamagedBlockADiskThatIsGoneFails) {
  Write(0, 2);
  disk_.FailOperations(disk_.operations() + 1, 1, absl::DataLossError("EIO"));
  EXPECT_EQ(Read(0, 1)[0].state, BlockResult::State::kDamaged);
  EXPECT_TRUE(life_->failure().ok());
  EXPECT_TRUE(Read(0, 1).Matches(0, V(1)));
  disk_.FailOperations(disk_.operations() + 1, 1, absl::UnavailableError("ENODEV"));
  EXPECT_FALSE(Read(0, 1).status().ok());
  EXPECT_FALSE(life_->failure().ok());
}

// 4.3: after a write has failed nothing is believed any more, whatever the device says later.
TEST_F(MediaErrorTest, AfterAFailedWriteNothingIsDurable) {
  Write(0, 1);
  const uint64_t durable = life_->durable();
  disk_.set_latency([](const env::DeviceIo&) { return Duration::Seconds(1); });
  disk_.FailOperations(disk_.operations() + 1, 1, absl::DataLossError("EIO"));
  for (uint32_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(store().Reserve(kBlockBytes));
    store().AppendEntry(kChain,
                        MakeEntry(pool_, EntryKind::kData, kKey, kLayer, {i, 1}, V(100 + i)));
    life_->reactor().RunTurn();
  }
  const uint64_t writes = life_->device().counters().writes;
  life_->reactor().AdvanceBy(Duration::Seconds(10));
  EXPECT_FALSE(life_->failure().ok());
  EXPECT_EQ(life_->durable(), durable);
  EXPECT_EQ(life_->device().counters().writes, writes) << "a failed disk is written to";
}

TEST_F(MediaErrorTest, AFailedFlushAtOpenIsAnErrorOfOpen) {
  Write(0, 1);
  life_ = nullptr;
  env::MemoryDisk probe = disk_;
  uint64_t flush_at = 0;
  {
    StoreLife life(&probe, pool_);
    probe.set_latency([&](const env::DeviceIo& io) {
      if (io.op == env::DeviceIo::Op::kFlush) flush_at = probe.operations();
      return Duration();
    });
    ASSERT_TRUE(life.Open().ok());
  }
  ASSERT_GT(flush_at, 0u);
  disk_.FailOperations(flush_at, 1, absl::DataLossError("EIO"));
  StoreLife life(&disk_, pool_);
  EXPECT_TRUE(absl::IsDataLoss(life.Open()));
}

}  // namespace
}  // namespace storpool::chunkstore
