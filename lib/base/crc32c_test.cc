#include "lib/base/crc32c.h"

#include <set>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/random.h"

namespace storpool {
namespace {

// The definition, bit by bit: what the fast one is compared with.
uint32_t SlowCrc32c(const std::vector<uint8_t>& bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

uint32_t CrcOf(std::string_view text) { return Crc32c(text.data(), text.size()); }

TEST(Crc32cTest, KnownValues) {
  EXPECT_EQ(CrcOf(""), 0u);
  EXPECT_EQ(CrcOf("123456789"), 0xe3069283u);
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(kBlockBytes, 0)), kZeroBlockCrc);
}

TEST(Crc32cTest, AgreesWithTheDefinitionForAllSizesAndAlignments) {
  Random random(1);
  std::vector<uint8_t> bytes(700);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
  for (size_t size = 0; size <= 600; ++size) {
    const size_t start = size % 16;
    const std::vector<uint8_t> part(bytes.begin() + static_cast<ptrdiff_t>(start),
                                    bytes.begin() + static_cast<ptrdiff_t>(start + size));
    ASSERT_EQ(Crc32c(bytes.data() + start, size), SlowCrc32c(part)) << size;
  }
}

TEST(Crc32cTest, CallsCanBeChained) {
  const std::string_view text = "the quick brown fox";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const uint32_t first = Crc32c(text.data(), cut);
    EXPECT_EQ(Crc32c(text.data() + cut, text.size() - cut, first), CrcOf(text));
  }
}

TEST(ChecksumSeedTest, DependsOnEveryPartOfTheIdentity) {
  const Version version(Epoch(3), 17);
  std::set<uint32_t> seeds = {
      ChecksumSeed(LineageId(1), ChunkIndex(2), 3, version),
      ChecksumSeed(LineageId(2), ChunkIndex(2), 3, version),
      ChecksumSeed(LineageId(1), ChunkIndex(3), 3, version),
      ChecksumSeed(LineageId(1), ChunkIndex(2), 4, version),
      ChecksumSeed(LineageId(1), ChunkIndex(2), 3, Version(Epoch(3), 18)),
      ChecksumSeed(LineageId(1), ChunkIndex(2), 3, Version(Epoch(4), 17)),
  };
  EXPECT_EQ(seeds.size(), 6u);
}

TEST(ChecksumSeedTest, StaysAsItIsOnDisk) {
  // The seed is part of the disk format: lineage, chunk, block, version, little-endian.
  std::vector<uint8_t> identity = {1, 0, 0, 0, 0,  0, 0, 0, 2, 0, 0, 0,
                                   3, 0, 0, 0, 17, 0, 0, 0, 3, 0, 0, 0};
  EXPECT_EQ(ChecksumSeed(LineageId(1), ChunkIndex(2), 3, Version(Epoch(3), 17)),
            SlowCrc32c(identity));
}

}  // namespace
}  // namespace storpool
