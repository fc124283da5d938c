#include "lib/base/buffer.h"

#include <algorithm>
#include <array>
#include <string>

#include "gtest/gtest.h"
#include "lib/base/limits.h"

namespace storpool {
namespace {

TEST(BufferTest, IsAlignedAndOfTheAskedSize) {
  BufferPool pool;
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{4097}, size_t{3} << 20}) {
    const Buffer buffer = pool.Allocate(size);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kBlockBytes, 0u);
  }
}

TEST(BufferTest, MemoryGoesBackWithTheLastReference) {
  BufferPool pool;
  Buffer whole = pool.Allocate(8192);
  Buffer part = whole.Slice(4096, 100);
  Buffer copy = part;
  EXPECT_EQ(part.data(), whole.data() + 4096);
  EXPECT_EQ(pool.blocks_in_use(), 1u);
  whole = Buffer();
  part = std::move(copy);
  EXPECT_EQ(pool.blocks_in_use(), 1u);
  EXPECT_TRUE(copy.empty());  // NOLINT: moved from is empty
  part = Buffer();
  EXPECT_EQ(pool.blocks_in_use(), 0u);
}

TEST(BufferTest, SelfAssignmentKeepsIt) {
  BufferPool pool;
  Buffer buffer = pool.Copy(std::array<uint8_t, 3>{1, 2, 3});
  const Buffer& same = buffer;
  buffer = same;
  EXPECT_EQ(buffer.data()[2], 3);
  EXPECT_EQ(pool.blocks_in_use(), 1u);
}

TEST(BufferTest, SteadyStateTakesNothingFromTheSystem) {
  BufferPool pool;
  for (int round = 0; round < 100; ++round) {
    const Buffer a = pool.Allocate(4096);
    const Buffer b = pool.Allocate(100'000);
    const Buffer c = pool.Allocate(kRequestBytesMax + kBlockBytes);
  }
  EXPECT_EQ(pool.blocks_allocated(), 3u);
}

TEST(BufferTest, CopiesAndZeroes) {
  BufferPool pool;
  const std::string text = "hello";
  { const Buffer dirty = pool.Copy(std::array<uint8_t, 4>{9, 9, 9, 9}); }
  const Buffer zeroes = pool.AllocateZeroed(4096);
  EXPECT_TRUE(std::all_of(zeroes.span().begin(), zeroes.span().end(),
                          [](uint8_t byte) { return byte == 0; }));
  const Buffer copy = pool.Copy({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  EXPECT_EQ(std::string(copy.data(), copy.data() + copy.size()), text);
  EXPECT_EQ(pool.Copy({}).size(), 0u);
}

TEST(BufferDeathTest, SliceBeyondTheEndStops) {
  BufferPool pool;
  const Buffer buffer = pool.Allocate(100);
  EXPECT_DEATH(buffer.Slice(50, 51), "check failed");
  EXPECT_DEATH(buffer.Slice(1, SIZE_MAX), "check failed");
}

TEST(BufferDeathTest, APoolOutlivesItsBuffers) {
  EXPECT_DEATH(
      {
        Buffer buffer;
        BufferPool pool;
        buffer = pool.Allocate(1);
      },
      "check failed");
}

}  // namespace
}  // namespace storpool
