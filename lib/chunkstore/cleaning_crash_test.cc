// The store dies at every device operation of a workload that keeps the cleaner at work on a nearly
// full disk: by power cut or by kill, and once more while it recovers. Everything acknowledged must
// be there, the store must open and go on (design 4.6, 4.9, 4.10).
#include <deque>
#include <set>

#include "lib/chunkstore/store_fixture.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::chunkstore {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{64} << 20;
const ChainId kChain(TableId(1), 9);
const LayerId kLayer(1);

// What the store was told, block by block, and what of it may still be lost.
class Ledger {
 public:
  Ledger(uint32_t blocks, uint64_t seed) : written_(blocks), content_(blocks), random_(seed) {}

  void Fill(StoreLife& life) {
    for (uint32_t block = 0; block < content_.size(); block += 64) {
      Append(life, block, 64, EntryKind::kData, Arrival::kPending);
      life.Run();
      Commit(life, 0);
    }
  }
  void Step(StoreLife& life) {
    const uint64_t dice = random_.Below(100);
    uint32_t count = 1 + static_cast<uint32_t>(random_.Below(dice < 25 ? 4 : 48));
    if (dice < 4) count = kRequestBlocksMax;
    const auto at = static_cast<uint32_t>(random_.Below(written_ - count));
    const auto kind = dice >= 92 ? EntryKind::kHole : EntryKind::kData;
    const auto arrival = dice >= 80 && dice < 92 ? Arrival::kCommitted : Arrival::kPending;
    // A scan brings only what is newer than all that is pending there.
    if (arrival == Arrival::kCommitted) {
      for (const Op& op : open_) {
        if (at < op.first + op.count && op.first < at + count) return;
      }
    }
    Append(life, at, count, kind, arrival);
  }
  // W follows what is durable, all but the newest `keep`.
  void Commit(StoreLife& life, size_t keep) {
    Version committed;
    while (open_.size() > keep && open_.front().position <= life.durable()) {
      if (open_.front().arrival == Arrival::kPending) committed = open_.front().version;
      Take(open_.front());
      open_.pop_front();
    }
    if (committed != Version()) life.store().SetCommitted(kChain, committed);
  }
  // A new life has begun. Acknowledged is what was durable; of the rest a prefix may be there.
  void Survived(StoreLife& life, uint64_t durable) {
    const ChainRecord record = life.store().TakeChains()[kChain];
    std::set<Version> pending;
    for (const Entry& e : record.pending) pending.insert(e.version);
    bool lost = false;
    for (const Op& op : open_) {
      bool there = op.version <= record.committed || pending.contains(op.version);
      if (op.arrival == Arrival::kCommitted) there = VersionOf(life, op.first) >= op.version;
      EXPECT_TRUE(there || op.position > durable) << ToString(op.version) << " was acknowledged";
      EXPECT_FALSE(there && lost) << ToString(op.version) << " is there, one before it is not";
      lost = lost || !there;
      if (there) Take(op);
    }
    open_.clear();
    if (!pending.empty()) life.store().SetCommitted(kChain, *pending.rbegin());
    life.Run();
  }
  void Verify(StoreLife& life) const {
    for (uint32_t block = 0; block < content_.size(); block += 256) {
      const auto count = std::min<uint32_t>(256, static_cast<uint32_t>(content_.size()) - block);
      const TestRead read(life, KeyOf(block), {{kLayer}}, {block % kBlocksPerChunk, count});
      ASSERT_TRUE(read.status().ok()) << read.status();
      for (uint32_t i = 0; i < count; ++i) {
        const Block& want = content_[block + i];
        using State = BlockResult::State;
        ASSERT_EQ(read[i].state, want.hole ? State::kHole : State::kData) << "block " << block + i;
        ASSERT_EQ(read[i].version, want.version) << "block " << block + i;
        ASSERT_TRUE(want.hole || read.Matches(i, want.version)) << "block " << block + i;
      }
    }
  }
  size_t open() const { return open_.size(); }
  // Steps write to the first so many blocks from now on.
  void set_written(uint32_t blocks) { written_ = blocks; }
  uint64_t denied() const { return denied_; }

 private:
  struct Block {
    Version version;
    bool hole = false;
  };
  struct Op {
    uint64_t position = 0;
    uint32_t first = 0;
    uint32_t count = 0;
    Version version;
    bool hole = false;
    Arrival arrival = Arrival::kPending;
  };
  static ChunkKey KeyOf(uint32_t block) {
    return {LineageId(1), ChunkIndex(block / kBlocksPerChunk)};
  }
  static Version VersionOf(StoreLife& life, uint32_t block) {
    const TestRead read(life, KeyOf(block), {{kLayer}}, {block % kBlocksPerChunk, 1});
    return read[0].version;
  }
  void Append(StoreLife& life, uint32_t at, uint32_t count, EntryKind kind, Arrival arrival) {
    const auto size = static_cast<uint32_t>(content_.size());
    count = std::min({count, size - at, kBlocksPerChunk - at % kBlocksPerChunk});
    if (kind == EntryKind::kData && !life.store().Reserve(uint64_t{count} * kBlockBytes)) {
      ++denied_;
      return;
    }
    const Version version(Epoch(1), ++sequence_);
    const uint64_t position = life.store().AppendEntry(
        kChain, MakeEntry(life.pool(), kind, KeyOf(at), kLayer, {at % kBlocksPerChunk, count},
                          version, arrival));
    open_.push_back({position, at, count, version, kind == EntryKind::kHole, arrival});
  }
  void Take(const Op& op) {
    for (uint32_t b = op.first; b < op.first + op.count; ++b) {
      if (op.version > content_[b].version) content_[b] = {op.version, op.hole};
    }
  }

  uint32_t written_;
  std::vector<Block> content_;
  std::deque<Op> open_;
  Random random_;
  uint32_t sequence_ = 0;
  uint64_t denied_ = 0;
};

class CleaningCrashTest : public testing::Test {
 protected:
  CleaningCrashTest() : disk_({.size_bytes = kDiskBytes, .can_discard = true}) {
    StoreLife life(&disk_, pool_);
    EXPECT_TRUE(life.Format({.disk = DiskId(1), .store = StoreId(7)}).ok());
  }
  void WorkAndDie(StoreLife& life, Ledger& ledger, uint64_t deaths) {
    disk_.set_latency([&](const env::DeviceIo&) {
      if (!HasFailure() && deaths_ < deaths)
        DieHere(disk_, ledger, life.durable(), disk_.operations());
      return Duration();
    });
    for (int turn = 0; deaths_ < deaths && !HasFailure(); ++turn) {
      for (int i = 0; i < 3; ++i) ledger.Step(life);
      life.reactor().RunTurn();
      if (turn % 3 == 0) life.Run();
      ledger.Commit(life, 6);
    }
    disk_.set_latency(nullptr);
    RecordProperty("deaths", static_cast<int>(deaths_));
    RecordProperty("added", static_cast<int>(added_));
  }
  // What stands on the disk when an operation has begun, and none has ended since.
  void DieHere(const env::MemoryDisk& now, const Ledger& told, uint64_t durable, uint64_t number) {
    SCOPED_TRACE("died at operation " + std::to_string(number));
    ++deaths_;
    std::vector<uint8_t> block(kSuperblockBytes);
    Superblock superblock;
    now.Read(SuperblockOffset(kDiskBytes, 1), block);
    if (DecodeSuperblock(block, &superblock).ok()) added_ += superblock.root.state_batch > 0;
    BufferPool pool;
    Random random(number);
    env::MemoryDisk disk = now;
    disk.set_latency(nullptr);
    if (number % 3 == 0) disk.LandAbandoned();  // killed; the drive goes on
    if (number % 3 != 0) disk.PowerCut(random);
    if (number % 2 == 0) {
      {
        StoreLife life(&disk, pool, checkpoint_log_bytes_);
        disk.CutPowerAt(disk.operations() + 1 + random.Below(60));
        (void)life.Open();
        died_in_recovery_ += disk.power_lost();
      }
      disk.PowerCut(random);
    }
    Ledger ledger = told;
    {
      StoreLife life(&disk, pool, checkpoint_log_bytes_);
      const absl::Status opened = life.Open();
      ASSERT_TRUE(opened.ok()) << opened;
      EXPECT_FALSE(life.store().damaged());
      ledger.Survived(life, durable);
      ledger.Verify(life);
      for (int i = 0; i < 12 && !HasFailure(); ++i) {
        ledger.Step(life);
        life.Run();
        ledger.Commit(life, 1);
      }
      ledger.Commit(life, 0);
      EXPECT_EQ(ledger.open(), 0u) << "it stands still";
      if (number % 4 == 0) ledger.Verify(life);
      durable = life.durable();
    }
    disk.PowerCut(random);
    StoreLife life(&disk, pool, checkpoint_log_bytes_);
    ASSERT_TRUE(life.Open().ok());
    ledger.Survived(life, durable);
    if (number % 4 == 1) ledger.Verify(life);
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  uint64_t checkpoint_log_bytes_ = 1 << 30;
  uint64_t deaths_ = 0;
  uint64_t died_in_recovery_ = 0;
  uint64_t added_ = 0;  // deaths with an index that several checkpoints have written
};

TEST_F(CleaningCrashTest, AtEveryDeviceOperation) {
  StoreLife life(&disk_, pool_);
  ASSERT_TRUE(life.Open().ok());
  const uint64_t usable = life.store().usage().usable_bytes;
  Ledger ledger(static_cast<uint32_t>(usable / kBlockBytes / 100 * 96), 1);
  ledger.Fill(life);
  for (int i = 0; i < 600; ++i) {  // until survivors lie everywhere
    ledger.Step(life);
    life.Run();
    ledger.Commit(life, 4);
  }
  const uint64_t reads = life.device().counters().reads;
  WorkAndDie(life, ledger, 330);
  EXPECT_GT(died_in_recovery_, deaths_ / 4);
  EXPECT_GT(life.device().counters().reads, reads) << "nothing was cleaned";
  EXPECT_GT(life.device().counters().discards, 0u);
}

// Writes that change little of the index: checkpoints add to it, and write it anew now and then.
TEST_F(CleaningCrashTest, WhileCheckpointsAddToTheIndex) {
  checkpoint_log_bytes_ = 64 << 10;
  StoreLife life(&disk_, pool_, checkpoint_log_bytes_);
  ASSERT_TRUE(life.Open().ok());
  Ledger ledger(5120, 2);
  ledger.Fill(life);
  ledger.set_written(400);
  WorkAndDie(life, ledger, 200);
  EXPECT_GT(added_, deaths_ / 4);
  EXPECT_LT(added_, deaths_);
}

}  // namespace
}  // namespace storpool::chunkstore
