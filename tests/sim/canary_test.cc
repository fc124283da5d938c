// Each planted bug is found within the 200 seeds.
#include <gtest/gtest.h>

#include <regex>

#include "tests/sim/canaries.h"
#include "tests/sim/child_run.h"

namespace storpool::sim {
namespace {

constexpr uint64_t kSeeds = 200;

class CanaryTest : public testing::TestWithParam<Canary> {};

TEST_P(CanaryTest, IsFound) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const ChildReport report = RunInChild({.seed = seed, .seams = GetParam().seams});
    if (report.ok) continue;
    std::printf("%s is found by seed %llu: %s\n", GetParam().name.c_str(),
                static_cast<unsigned long long>(seed), report.error.c_str());
    const std::regex name("[ ,](" + GetParam().violated + ")[:,]");
    EXPECT_TRUE(std::regex_search(report.error, name)) << report.error;
    return;
  }
  FAIL() << GetParam().name << " survives " << kSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(All, CanaryTest, testing::ValuesIn(Canaries()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace storpool::sim
