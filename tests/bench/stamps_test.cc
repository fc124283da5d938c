#include "tests/bench/stamps.h"

#include <gtest/gtest.h>

namespace storpool::bench {
namespace {

constexpr StampPlaces kPlaces{.devices = 3, .chunks = 2};

// What lies where once the stamps up to `last` have been written.
std::vector<uint64_t> After(uint64_t last) {
  std::vector<uint64_t> found(kPlaces.count());
  for (uint64_t stamp = 1; stamp <= last; ++stamp) {
    found[kPlaces.device(stamp) * kPlaces.chunks + kPlaces.chunk(stamp)] = stamp;
  }
  return found;
}

TEST(StampsTest, EveryPrefixIsOne) {
  for (uint64_t last = 0; last < 50; ++last) {
    const auto checked = CheckPrefix(kPlaces, After(last));
    ASSERT_TRUE(checked.ok()) << checked.status();
    EXPECT_EQ(*checked, last);
  }
}

TEST(StampsTest, ALostStampIsFound) {
  for (uint64_t last = 2; last < 50; ++last) {
    // All but the newest: each in turn holds what was there before it.
    std::vector<uint64_t> found = After(last);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i] == last || found[i] == 0) continue;
      std::vector<uint64_t> lost = found;
      lost[i] = lost[i] > kPlaces.count() ? lost[i] - kPlaces.count() : 0;
      EXPECT_TRUE(absl::IsDataLoss(CheckPrefix(kPlaces, lost).status())) << last << " " << i;
    }
  }
}

TEST(StampsTest, AStampOfLaterIsFound) {
  std::vector<uint64_t> found = After(20);
  found[kPlaces.device(22) * kPlaces.chunks + kPlaces.chunk(22)] = 22;  // 21 is not there
  EXPECT_TRUE(absl::IsDataLoss(CheckPrefix(kPlaces, found).status()));
}

TEST(StampsTest, ATornBlockIsFound) {
  std::vector<uint8_t> block(kBlockBytes);
  FillStamp(7, block);
  EXPECT_EQ(ReadStamp(block).value(), 7u);
  block[kBlockBytes - 1] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(ReadStamp(block).status()));
}

}  // namespace
}  // namespace storpool::bench
