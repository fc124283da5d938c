// Two hundred seeds in groups of twenty. Of each group a quarter must have exercised each thing:
// hence at least 50 of all.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>

#include "tests/sim/child_run.h"

namespace storpool::sim {
namespace {

constexpr uint64_t kGroups = 10;
constexpr uint64_t kSeedsPerGroup = 20;

struct Thing {
  const char* name;
  std::function<bool(const RunCounts&)> exercised;
};

const Thing kThings[] = {
    {"epochs opened", [](const RunCounts& c) { return c.epochs_opened >= 3; }},
    {"entries voided", [](const RunCounts& c) { return c.entries_voided > 0; }},
    {"bytes resynced", [](const RunCounts& c) { return c.resync_bytes > 0; }},
    {"lease waits", [](const RunCounts& c) { return c.lease_waits > 0; }},
    {"power losses", [](const RunCounts& c) { return c.power_losses > 0; }},
    {"crashes of nodes", [](const RunCounts& c) { return c.crashes > 0; }},
    {"crashes of the client", [](const RunCounts& c) { return c.client_crashes > 0; }},
    {"crashes of metadata", [](const RunCounts& c) { return c.metadata_crashes > 0; }},
    {"partitions", [](const RunCounts& c) { return c.partitions > 0; }},
};

// Of each group a fifth of those that take snapshots at least.
const Thing kSnapshotThings[] = {
    {"snapshots made", [](const RunCounts& c) { return c.snapshots.made > 0; }},
    {"snapshots read again", [](const RunCounts& c) { return c.snapshots.repeated > 0; }},
    {"snapshots deleted", [](const RunCounts& c) { return c.snapshots.deleted > 0; }},
    {"snapshots deleted in resync",
     [](const RunCounts& c) { return c.snapshots.deleted_in_resync > 0; }},
};

// Of each group a quarter of those that make clones at least.
const Thing kCloneThings[] = {
    {"clones made", [](const RunCounts& c) { return c.clones.made > 0; }},
    {"clones promoted", [](const RunCounts& c) { return c.clones.promoted > 0; }},
    {"snapshots of clones", [](const RunCounts& c) { return c.clones.snapshots > 0; }},
    {"clones reverted or moved",
     [](const RunCounts& c) { return c.clones.reverted + c.clones.moved > 0; }},
    {"clones read whole", [](const RunCounts& c) { return c.clones.read_whole > 0; }},
    {"clones deleted or frozen",
     [](const RunCounts& c) { return c.clones.deleted + c.clones.frozen > 0; }},
};

class SeedsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(SeedsTest, NothingIsLostAndEverythingIsExercised) {
  std::map<std::string, uint64_t> exercised;
  uint64_t with_snapshots = 0;
  uint64_t with_clones = 0;
  for (uint64_t i = 0; i < kSeedsPerGroup; ++i) {
    const RunOptions options{.seed = GetParam() * kSeedsPerGroup + i + 1, .seams = {}};
    const ChildReport report = RunInChild(options);
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
                ToString(report.counts).c_str());
    EXPECT_TRUE(report.ok) << report.details << report.error
                           << "\nreplay it with: " << ReplayCommand(options);
    EXPECT_GE(report.counts.operations, 2000u) << "seed " << options.seed;
    for (const Thing& thing : kThings) exercised[thing.name] += thing.exercised(report.counts);
    with_snapshots += TakesSnapshots(options.seed);
    with_clones += MakesClones(options.seed);
    for (const Thing& thing : kCloneThings) exercised[thing.name] += thing.exercised(report.counts);
    for (const Thing& thing : kSnapshotThings) {
      exercised[thing.name] += thing.exercised(report.counts);
    }
  }
  for (const Thing& thing : kThings) {
    EXPECT_GE(exercised[thing.name], kSeedsPerGroup / 4) << thing.name;
  }
  EXPECT_GE(with_snapshots, kSeedsPerGroup / 5);
  for (const Thing& thing : kSnapshotThings) {
    EXPECT_GE(exercised[thing.name], with_snapshots / 5) << thing.name;
  }
  EXPECT_GE(with_clones, kSeedsPerGroup / 10);
  for (const Thing& thing : kCloneThings) {
    EXPECT_GE(exercised[thing.name], (with_clones + 3) / 4) << thing.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Groups, SeedsTest, testing::Range<uint64_t>(0, kGroups));

}  // namespace
}  // namespace storpool::sim
