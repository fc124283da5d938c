// The same seed does the same, to the last message and device write.
#include <gtest/gtest.h>

#include <set>

#include "tests/sim/child_run.h"

namespace storpool::sim {
namespace {

RunOptions Short(uint64_t seed) {
  return {.seed = seed, .load_time = Duration::Seconds(15), .seams = {}};
}

class DeterminismTest : public testing::TestWithParam<uint64_t> {};

// Once here and once in another process, whose memory lies elsewhere.
TEST_P(DeterminismTest, ASeedGivesOneTrace) {
  const RunReport here = sim::Run(Short(GetParam()));
  const ChildReport there = RunInChild(Short(GetParam()));
  EXPECT_TRUE(here.status.ok()) << here.status;
  EXPECT_EQ(here.counts.trace_hash, there.counts.trace_hash);
  EXPECT_NE(here.counts.trace_hash, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeterminismTest, testing::Range<uint64_t>(1, 21));

TEST(DeterminismTest, TwoSeedsGiveTwoTraces) {
  EXPECT_NE(sim::Run(Short(1)).counts.trace_hash, sim::Run(Short(2)).counts.trace_hash);
}

}  // namespace
}  // namespace storpool::sim
