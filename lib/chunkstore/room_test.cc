// Space: overwritten for ever at 70 % full, with crashes; full, then trimmed (design 4.9 to 4.11).
#include <map>

#include "lib/chunkstore/format.h"
#include "lib/chunkstore/store_fixture.h"

namespace storpool::chunkstore {
namespace {

const ChainId kChain(TableId(1), 1);
const LayerId kLayer(1);
constexpr uint64_t kDiskBytes = uint64_t{96} << 20;

// Writes single blocks and small runs over a working set; knows what each block must hold.
class Writer {
 public:
  explicit Writer(uint32_t blocks) : blocks_(blocks) {}

  ChunkKey KeyOf(uint32_t block) const {
    return {LineageId(1), ChunkIndex(block / kBlocksPerChunk)};
  }
  bool Write(StoreLife& life, uint32_t block, uint32_t count) {
    count = std::min({count, blocks_ - block, kBlocksPerChunk - block % kBlocksPerChunk});
    if (!life.store().Reserve(uint64_t{count} * kBlockBytes)) return false;
    const Version version(Epoch(1), ++sequence_);
    const uint64_t position = life.store().AppendEntry(
        kChain, MakeEntry(life.pool(), EntryKind::kData, KeyOf(block), kLayer,
                          {block % kBlocksPerChunk, count}, version));
    open_.push_back({position, block, count, version, false});
    bytes_ += uint64_t{count} * kBlockBytes;
    return true;
  }
  void Trim(StoreLife& life, uint32_t block, uint32_t count) {
    const Version version(Epoch(1), ++sequence_);
    const uint64_t position = life.store().AppendEntry(
        kChain, MakeEntry(life.pool(), EntryKind::kHole, KeyOf(block), kLayer,
                          {block % kBlocksPerChunk, count}, version));
    open_.push_back({position, block, count, version, true});
  }
  // Commits what is durable.
  void Commit(StoreLife& life) {
    life.Run();
    size_t n = 0;
    while (n < open_.size() && open_[n].position <= life.durable()) Take(open_[n++]);
    if (n > 0) life.store().SetCommitted(kChain, open_[n - 1].version);
    open_.erase(open_.begin(), open_.begin() + static_cast<ptrdiff_t>(n));
  }
  // After a crash: everything durable is there; what was under way goes either way.
  void Recovered(StoreLife& life) {
    const ChainRecord record = life.store().TakeChains()[kChain];
    for (const Entry& e : record.pending) {
      Take({0, e.place.chunk.value() * kBlocksPerChunk + e.place.blocks.first, e.place.blocks.count,
            e.version, e.kind == EntryKind::kHole});
      last_ = std::max(last_, e.version);
    }
    open_.clear();
    life.store().SetCommitted(kChain, std::max(last_, Version(Epoch(1), 1)));
    life.Run();
  }
  void Verify(StoreLife& life) {
    for (uint32_t block = 0; block < blocks_; block += 256) {
      const uint32_t count = std::min(256u, blocks_ - block);
      const TestRead read(life, KeyOf(block), {{kLayer}}, {block % kBlocksPerChunk, count});
      ASSERT_TRUE(read.status().ok());
      for (uint32_t i = 0; i < count; ++i) {
        const auto it = content_.find(block + i);
        if (it == content_.end()) {
          ASSERT_EQ(read[i].state, BlockResult::State::kAbsent) << block + i;
        } else if (it->second.second) {
          ASSERT_EQ(read[i].state, BlockResult::State::kHole) << block + i;
        } else {
          ASSERT_EQ(read[i].state, BlockResult::State::kData) << block + i;
          ASSERT_EQ(read[i].version, it->second.first) << block + i;
          ASSERT_TRUE(read.Matches(i, it->second.first)) << block + i;
        }
      }
    }
  }
  uint64_t bytes() const { return bytes_; }
  size_t open() const { return open_.size(); }

 private:
  struct Op {
    uint64_t position;
    uint32_t block;
    uint32_t count;
    Version version;
    bool hole;
  };
  void Take(const Op& op) {
    for (uint32_t b = op.block; b < op.block + op.count; ++b) content_[b] = {op.version, op.hole};
    last_ = std::max(last_, op.version);
  }
  uint32_t blocks_;
  uint32_t sequence_ = 0;
  uint64_t bytes_ = 0;
  Version last_;
  std::vector<Op> open_;
  std::map<uint32_t, std::pair<Version, bool>> content_;
};

class RoomTest : public testing::Test {
 protected:
  RoomTest() : disk_(kDiskBytes) {
    StoreLife life(&disk_, pool_);
    EXPECT_TRUE(life.Format({.disk = DiskId(1), .store = StoreId(3)}).ok());
  }
  void Open() {
    life_ = std::make_unique<StoreLife>(&disk_, pool_, 8 << 20);
    const absl::Status status = life_->Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  void Crash(Random& random) {
    life_ = nullptr;
    disk_.PowerCut(random);
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  std::unique_ptr<StoreLife> life_;
};

TEST_F(RoomTest, ThreeTimesOverwrittenAtSeventyPercentWithFiveCrashes) {
  Random random(1);
  Open();
  const uint64_t usable = life_->store().usage().usable_bytes;
  ASSERT_GT(usable, kDiskBytes / 2);
  const auto blocks = static_cast<uint32_t>(usable / 10 * 7 / kBlockBytes);
  Writer writer(blocks);
  for (uint32_t b = 0; b < blocks; b += 64) {
    ASSERT_TRUE(writer.Write(*life_, b, 64));
    writer.Commit(*life_);
  }
  uint64_t crash_at = usable / 2;
  int crashes = 0;
  while (writer.bytes() < 3 * kDiskBytes + usable) {
    for (int i = 0; i < 8; ++i) {
      const auto at = static_cast<uint32_t>(random.Below(blocks));
      ASSERT_TRUE(writer.Write(*life_, at, 1 + static_cast<uint32_t>(random.Below(8))))
          << "no room after " << writer.bytes();
    }
    if (crashes < 5 && writer.bytes() > crash_at) {
      crash_at += usable / 2;
      ++crashes;
      for (int i = 0; i < 2; ++i) life_->reactor().RunTurn();
      Crash(random);
      Open();
      writer.Recovered(*life_);
      writer.Verify(*life_);
      ASSERT_FALSE(HasFatalFailure()) << "crash " << crashes;
    }
    writer.Commit(*life_);
    ASSERT_EQ(writer.open(), 0u) << "stands still after " << writer.bytes();
  }
  EXPECT_EQ(crashes, 5);
  writer.Verify(*life_);
  ASSERT_TRUE(life_->Close().ok());
  Open();
  writer.Recovered(*life_);
  writer.Verify(*life_);
  EXPECT_FALSE(life_->store().damaged());
}

TEST_F(RoomTest, AFullStoreSaysSoAndRecoversAfterTrims) {
  Random random(2);
  Open();
  const StoreUsage empty = life_->store().usage();
  const auto blocks = static_cast<uint32_t>(empty.usable_bytes / kBlockBytes) + 1000;
  Writer writer(blocks);
  uint32_t filled = 0;
  while (filled < blocks && writer.Write(*life_, filled, 16)) {
    filled += 16;
    writer.Commit(*life_);
  }
  EXPECT_GE(uint64_t{filled} * kBlockBytes, empty.usable_bytes / 100 * 99);
  EXPECT_LT(filled, blocks);
  EXPECT_EQ(life_->rooms(), 0u);
  writer.Verify(*life_);
  // Full, it opens, and still takes trims.
  Crash(random);
  Open();
  writer.Recovered(*life_);
  EXPECT_FALSE(life_->store().Reserve(1 << 20));
  for (uint32_t b = 0; b < filled / 2; b += 16) writer.Trim(*life_, b, 16);
  writer.Commit(*life_);
  EXPECT_EQ(writer.open(), 0u);
  EXPECT_GT(life_->rooms(), 0u);
  for (uint32_t b = 0; b < filled / 2; b += 16) {
    ASSERT_TRUE(writer.Write(*life_, b, 16)) << b;
    writer.Commit(*life_);
    ASSERT_EQ(writer.open(), 0u) << "stands still at " << b;
  }
  writer.Verify(*life_);
}

// A trimmed run is one entry, whatever it stands for: trims of what was never written cost no room.
TEST_F(RoomTest, TrimmedRunsAreOneEntryEach) {
  Open();
  ChunkStore& store = life_->store();
  const uint64_t usable = store.usage().usable_bytes;
  constexpr uint32_t kChunks = 60;
  uint32_t sequence = 0;
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    store.AppendEntry(kChain,
                      MakeEntry(pool_, EntryKind::kHole, {LineageId(1), ChunkIndex(chunk)}, kLayer,
                                {0, kBlocksPerChunk}, Version(Epoch(1), ++sequence)));
  }
  life_->Run();
  store.SetCommitted(kChain, Version(Epoch(1), sequence));
  life_->Run();
  EXPECT_EQ(store.usage().entries, kChunks * kRunsPerChunk);
  EXPECT_EQ(store.usage().usable_bytes, usable);
  // A block of data in it takes the run apart, and a trim puts it together.
  const ChunkKey key{LineageId(1), ChunkIndex(0)};
  ASSERT_TRUE(store.Reserve(kBlockBytes));
  store.AppendEntry(kChain, MakeEntry(pool_, EntryKind::kData, key, kLayer, {7, 1},
                                      Version(Epoch(1), ++sequence)));
  life_->Run();
  store.SetCommitted(kChain, Version(Epoch(1), sequence));
  EXPECT_EQ(store.usage().entries, kChunks * kRunsPerChunk - 1 + kRunBlocks);
  store.AppendEntry(kChain, MakeEntry(pool_, EntryKind::kHole, key, kLayer, {0, kRunBlocks},
                                      Version(Epoch(1), ++sequence)));
  life_->Run();
  store.SetCommitted(kChain, Version(Epoch(1), sequence));
  EXPECT_EQ(store.usage().entries, kChunks * kRunsPerChunk);
  ASSERT_TRUE(life_->Close().ok());
  Open();
  EXPECT_EQ(life_->store().usage().entries, kChunks * kRunsPerChunk);
}

// A scanned entry takes what was reserved for it, at once; a heal takes nothing.
TEST_F(RoomTest, ScannedEntriesTakeRoomAndHealsDoNot) {
  Open();
  ChunkStore& store = life_->store();
  const ChunkKey key{LineageId(1), ChunkIndex(0)};
  const Entry entry = MakeEntry(pool_, EntryKind::kData, key, kLayer, {0, 16}, Version(Epoch(1), 1),
                                Arrival::kCommitted);
  const uint64_t bytes = entry.payload.size();
  ASSERT_TRUE(store.Reserve(4 * bytes));
  store.AppendEntry(kChain, entry);
  EXPECT_EQ(store.usage().reserved_bytes, 3 * bytes);
  EXPECT_EQ(store.usage().stored_bytes, bytes) << "it counts from the call on";
  life_->Run();
  EXPECT_EQ(store.usage().stored_bytes, bytes);
  store.AppendHeal(kChain, entry);
  life_->Run();
  EXPECT_EQ(store.usage().reserved_bytes, 3 * bytes);
  EXPECT_EQ(store.usage().stored_bytes, bytes);
}

// More than there is room for, as no owner of a store does: the log stands still, and costs
// nothing, until something is freed.
class OverfullTest : public RoomTest {
 protected:
  void SetUp() override {
    Open();
    const auto half =
        static_cast<uint32_t>(life_->store().usage().usable_bytes / 2 / kBlockBytes / 64 * 64);
    while (position_ <= life_->durable()) {  // Run would never return from a loop
      for (uint32_t block = 0; block < half; block += 64) {
        const ChunkKey key{LineageId(1), ChunkIndex(block / kBlocksPerChunk)};
        position_ = life_->store().AppendEntry(
            kChain, MakeEntry(pool_, EntryKind::kData, key, kLayer, {block % kBlocksPerChunk, 64},
                              Version(Epoch(1), ++sequence_)));
        life_->Run();
      }
    }
  }
  uint64_t position_ = 0;
  uint32_t sequence_ = 0;
};

TEST_F(OverfullTest, GoesOnWhenSomethingIsFreed) {
  const uint64_t turns = life_->reactor().turns();
  life_->Idle();
  EXPECT_LT(life_->reactor().turns() - turns, 100u);
  EXPECT_LT(life_->durable(), position_);
  life_->store().SetCommitted(kChain, Version(Epoch(1), static_cast<uint32_t>(life_->durable())));
  life_->Run();
  EXPECT_EQ(life_->durable(), position_);
  EXPECT_TRUE(life_->Close().ok());
}

TEST_F(OverfullTest, ClosesWithAnError) {
  const absl::Status status = life_->Close();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
}

// Overwritten at 100 % of what is usable: slow, but never stuck (design 4.9).
TEST_F(RoomTest, OverwrittenWhileFull) {
  Random random(3);
  Open();
  const uint64_t usable = life_->store().usage().usable_bytes;
  const auto blocks = static_cast<uint32_t>(usable / kBlockBytes) - 64;
  Writer writer(blocks);
  for (uint32_t b = 0; b < blocks; b += 16) {
    ASSERT_TRUE(writer.Write(*life_, b, 16));
    writer.Commit(*life_);
  }
  for (int i = 0; i < 1500; ++i) {
    ASSERT_TRUE(writer.Write(*life_, static_cast<uint32_t>(random.Below(blocks)), 8)) << i;
    writer.Commit(*life_);
    ASSERT_EQ(writer.open(), 0u) << "stands still at " << i;
  }
  writer.Verify(*life_);
}

}  // namespace
}  // namespace storpool::chunkstore
