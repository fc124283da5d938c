// A quiet run, and the seeds that once found something (regressions.txt).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/sim/child_run.h"

namespace storpool::sim {
namespace {

TEST(SimTest, NothingGoesWrongWithoutFaults) {
  const RunOptions options{
      .seed = 1, .faults = false, .load_time = Duration::Seconds(5), .seams = {}};
  const ChildReport report = RunInChild(options);
  EXPECT_TRUE(report.ok) << report.details << report.error;
  EXPECT_GT(report.counts.operations, 1000u);
  EXPECT_EQ(report.counts.epochs_opened, 1u);
  EXPECT_EQ(report.counts.entries_voided, 0u);
}

TEST(SimTest, SeedsThatFoundSomethingPass) {
  std::ifstream file("tests/sim/regressions.txt");
  ASSERT_TRUE(file.is_open());
  int seeds = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    RunOptions options{.seams = {}};
    ASSERT_TRUE(std::istringstream(line) >> options.seed) << line;
    const ChildReport report = RunInChild(options);
    EXPECT_TRUE(report.ok) << report.details << report.error
                           << "\nreplay it with: " << ReplayCommand(options);
    ++seeds;
  }
  EXPECT_GT(seeds, 0);
}

}  // namespace
}  // namespace storpool::sim
