#include "lib/client/splitter.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/random.h"

namespace storpool::client {
namespace {

std::vector<Part> Split(uint64_t offset, uint64_t size, uint32_t blocks_max = kRequestBlocksMax) {
  std::vector<Part> parts;
  for (Splitter splitter(offset, size, blocks_max); !splitter.done();) {
    parts.push_back(splitter.Next());
  }
  return parts;
}

TEST(SplitterTest, ASmallRequestIsOnePart) {
  const std::vector<Part> parts = Split(kChunkBytes + 512, 1024);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0], (Part{ChunkIndex(1), 1, 2, 0}));
  EXPECT_EQ(parts[0].blocks(), (BlockRange{0, 1}));
}

TEST(SplitterTest, SplitsAtChunkBorders) {
  const std::vector<Part> parts = Split(kChunkBytes - 4096, 8192);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0], (Part{ChunkIndex(0), 65528, 8, 0}));
  EXPECT_EQ(parts[1], (Part{ChunkIndex(1), 0, 8, 4096}));
}

TEST(SplitterTest, AnUnalignedMebibyteTouchesNoMoreThan256BlocksAPart) {
  const std::vector<Part> parts = Split(512, 1 << 20);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].blocks(), (BlockRange{0, 256}));
  EXPECT_EQ(parts[1], (Part{ChunkIndex(0), 2048, 1, (1 << 20) - 512}));
}

TEST(SplitterTest, AHoleMayCoverAWholeChunk) {
  EXPECT_EQ(Split(0, kChunkBytes, kBlocksPerChunk).size(), 1u);
  EXPECT_EQ(Split(512, kChunkBytes, kBlocksPerChunk).size(), 2u);
}

TEST(SplitterTest, PartsAreExactlyTheRange) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t offset = random.Below(4 * kChunkBytes / 512) * 512;
    const uint64_t size = (1 + random.Below(5 << 11)) * 512;
    uint64_t at = offset;
    for (const Part& part : Split(offset, size)) {
      EXPECT_EQ(uint64_t{part.chunk.value()} * kChunkBytes + part.first_sector * 512, at);
      EXPECT_EQ(part.at_bytes, at - offset);
      EXPECT_GT(part.sectors, 0u);
      EXPECT_LE(part.blocks().count, kRequestBlocksMax);
      EXPECT_LE(part.blocks().end(), kBlocksPerChunk);
      at += part.size_bytes();
    }
    EXPECT_EQ(at, offset + size);
  }
}

}  // namespace
}  // namespace storpool::client
