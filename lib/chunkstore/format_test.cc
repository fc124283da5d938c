#include "lib/chunkstore/format.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/entry.h"
#include "lib/base/random.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::chunkstore {
namespace {

// Aligned memory with one batch of several records in it.
class FormatTest : public testing::Test {
 protected:
  FormatTest() : memory_(512), writer_({reinterpret_cast<uint8_t*>(memory_.data()), 4096}) {
    EntryRecord entry;
    entry.lineage = 0x1122334455667788;
    entry.version = Version(Epoch(3), 17).raw();
    entry.chain = 0x10007;
    entry.first_block = 8190;
    entry.block_count = 2;
    entry.entry_kind = static_cast<uint8_t>(EntryKind::kData);
    entry.arrival = static_cast<uint8_t>(Arrival::kPending);
    const uint32_t crcs[2] = {0xaaaa, 0xbbbb};
    uint8_t* at = writer_.Add(RecordKind::kEntry, sizeof entry + sizeof crcs);
    std::memcpy(at, &entry, sizeof entry);
    std::memcpy(at + sizeof entry, crcs, sizeof crcs);
    AdoptRecord adopt{.chain = 1, .epoch = 2, .text_bytes = 5};
    at = writer_.Add(RecordKind::kAdopt, sizeof adopt + 5);
    std::memcpy(at, &adopt, sizeof adopt);
    std::memcpy(at + sizeof adopt, "conf!", 5);
    header_.record_count = writer_.records();
    header_.descriptor_bytes = writer_.bytes();
    header_.payload_blocks = 2;
    header_.number = 9;
    std::memcpy(bytes().data(), &header_, sizeof header_);
    header_.crc = SealDescriptor(bytes().first(writer_.bytes()));
  }
  std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t*>(memory_.data()), 4096}; }

  std::vector<uint64_t> memory_;
  DescriptorWriter writer_;
  BatchHeader header_;
};

TEST_F(FormatTest, RoundTrip) {
  BatchHeader h;
  ASSERT_TRUE(ParseBatchHeader(bytes(), &h).ok());
  EXPECT_EQ(h.number, 9u);
  RecordReader reader(bytes(), h);
  Record record;
  ASSERT_TRUE(reader.Next(&record));
  EXPECT_EQ(record.entry.lineage, 0x1122334455667788u);
  ASSERT_EQ(record.checksums.size(), 2u);
  EXPECT_EQ(record.checksums[1], 0xbbbbu);
  EXPECT_EQ(record.payload_blocks, 2u);
  ASSERT_TRUE(reader.Next(&record));
  EXPECT_EQ(record.text, "conf!");
  EXPECT_FALSE(reader.Next(&record));
  EXPECT_TRUE(reader.status().ok());
}

TEST_F(FormatTest, EveryFlippedBitIsNoticed) {
  for (uint32_t bit = 0; bit < header_.descriptor_bytes * 8; ++bit) {
    bytes()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    BatchHeader h;
    EXPECT_FALSE(ParseBatchHeader(bytes(), &h).ok()) << bit;
    bytes()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

// With a right checksum over wrong content the records are still bounded.
TEST_F(FormatTest, MalformedRecordsAreErrors) {
  Random random(1);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint64_t> copy = memory_;
    std::span<uint8_t> b(reinterpret_cast<uint8_t*>(copy.data()), 4096);
    for (int i = 0; i < 3; ++i) {
      b[sizeof(BatchHeader) + random.Below(header_.descriptor_bytes - sizeof(BatchHeader))] =
          static_cast<uint8_t>(random.Next());
    }
    SealDescriptor(b.first(header_.descriptor_bytes));
    BatchHeader h;
    ASSERT_TRUE(ParseBatchHeader(b, &h).ok());
    RecordReader reader(b, h);
    Record record;
    while (reader.Next(&record)) {
      if (record.kind != RecordKind::kEntry) continue;
      EXPECT_LE(record.entry.first_block + record.entry.block_count, kBlocksPerChunk);
    }
    if (!reader.status().ok()) ++refused;
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(FormatTest, SuperblockRoundTripAndGeometry) {
  for (const uint64_t size : {uint64_t{49} << 20, uint64_t{2} << 30, (uint64_t{16} << 40) + 512}) {
    Superblock s;
    const env::DeviceInfo info{.size_bytes = size};
    ASSERT_TRUE(ChooseGeometry(info, &s).ok()) << size;
    s.store = 77;
    std::vector<uint8_t> block(kSuperblockBytes);
    EncodeSuperblock(s, block);
    Superblock back;
    ASSERT_TRUE(DecodeSuperblock(block, &back).ok());
    EXPECT_EQ(back.store, 77u);
    EXPECT_TRUE(CheckGeometry(back, info).ok());
    EXPECT_LE(SegmentOffset(back, back.segments), SuperblockOffset(size, 1));
    EXPECT_FALSE(CheckGeometry(back, {.size_bytes = size - 4096}).ok());
    block[30] ^= 1;
    EXPECT_TRUE(absl::IsDataLoss(DecodeSuperblock(block, &back)));
  }
}

TEST_F(FormatTest, IndexEntryHoldsTheExtremes) {
  const Version version(Epoch(kEpochMax), UINT32_MAX);
  const IndexEntry e = IndexEntry::Make(version, IndexEntry::kHole - 1, 0xdeadbeef);
  EXPECT_EQ(e.version(), version);
  EXPECT_EQ(e.location(), IndexEntry::kHole - 1);
  EXPECT_EQ(e.crc(), 0xdeadbeefu);
  EXPECT_FALSE(e.is_hole());
}

}  // namespace
}  // namespace storpool::chunkstore
