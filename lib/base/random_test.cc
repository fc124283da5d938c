#include "lib/base/random.h"

#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace storpool {
namespace {

// Seeds written down in bug reports must give the same runs for ever.
TEST(RandomTest, TheNumbersOfASeedNeverChange) {
  Random random(1);
  std::vector<uint64_t> numbers;
  for (int i = 0; i < 3; ++i) numbers.push_back(random.Next());
  EXPECT_EQ(numbers,
            (std::vector<uint64_t>{0xb3f2af6d0fc710c5u, 0x853b559647364ceau, 0x92f89756082a4514u}));
}

TEST(RandomTest, SameSeedSameNumbersOtherSeedOthers) {
  Random a(7), b(7), c(8);
  bool differ = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t number = a.Next();
    EXPECT_EQ(number, b.Next());
    differ |= number != c.Next();
  }
  EXPECT_TRUE(differ);
}

TEST(RandomTest, BelowIsUniformWithinItsBound) {
  Random random(3);
  std::array<int, 10> counts = {};
  for (int i = 0; i < 100'000; ++i) ++counts[random.Below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.Below(1), 0u);
}

TEST(RandomTest, OneInHasItsProbability) {
  Random random(4);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += random.OneIn(3, 10);
  EXPECT_NEAR(hits, 30'000, 800);
  EXPECT_FALSE(random.OneIn(0, 5));
  EXPECT_TRUE(random.OneIn(5, 5));
}

TEST(RandomTest, AForkDoesNotDependOnHowMuchTheOtherIsUsed) {
  Random a(5), b(5);
  Random fork_a = a.Fork(), fork_b = b.Fork();
  for (int i = 0; i < 10; ++i) a.Next();
  EXPECT_EQ(fork_a.Next(), fork_b.Next());
}

}  // namespace
}  // namespace storpool
