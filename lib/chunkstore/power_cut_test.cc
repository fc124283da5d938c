// Power is cut at every device operation of small workloads: any subset of the 512-byte sectors
// that were not flushed is lost, and what was reported durable must be there (design 4, 5.3).
#include "gtest/gtest-spi.h"
#include "lib/chunkstore/store_model.h"

namespace storpool::chunkstore {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{52} << 20;

env::MemoryDisk Formatted(BufferPool& pool) {
  env::MemoryDisk disk(kDiskBytes);
  StoreLife life(&disk, pool);
  EXPECT_TRUE(life.Format({.disk = DiskId(1), .store = StoreId(7)}).ok());
  return disk;
}

struct Outcome {
  uint64_t operations = 0;
  bool cut = false;
};

struct Plan {
  uint64_t seed = 0;
  uint64_t cut_at = 0;         // device operation of the workload, 0: never
  uint64_t second_cut_at = 0;  // of the recovery after it
  bool ignore_durable = false;
  uint64_t checkpoint_log_bytes = 64 << 10;
};

void Work(StoreLife& life, StoreModel& model) {
  for (int turn = 0; turn < 12 && life.failure().ok(); ++turn) {
    const uint64_t steps = 1 + model.random().Below(4);
    for (uint64_t i = 0; i < steps; ++i) model.Step(life);
    life.reactor().RunTurn();
    if (model.random().OneIn(1, 3)) life.Run();
    if (model.random().OneIn(1, 6)) life.Idle();
  }
  life.Run();
}

Outcome RunPlan(const env::MemoryDisk& start, const Plan& plan) {
  SCOPED_TRACE("seed " + std::to_string(plan.seed) + ", power cut at " +
               std::to_string(plan.cut_at) + ", again at " + std::to_string(plan.second_cut_at));
  BufferPool pool;
  env::MemoryDisk disk = start;
  StoreModel model(plan.seed);
  Random cuts(plan.seed * 1000003 + plan.cut_at);
  Outcome outcome;
  uint64_t reported = 0;
  {
    StoreLife life(&disk, pool, plan.checkpoint_log_bytes, plan.ignore_durable);
    if (plan.cut_at != 0) disk.CutPowerAt(disk.operations() + plan.cut_at);
    const uint64_t before = disk.operations();
    if (life.Open().ok()) Work(life, model);
    outcome.operations = disk.operations() - before;
    outcome.cut = disk.power_lost();
    reported = life.durable();
  }
  disk.PowerCut(cuts);
  for (int again = 0; again < 2; ++again) {
    if (again == 0 && plan.second_cut_at != 0) {
      {
        StoreLife life(&disk, pool, plan.checkpoint_log_bytes, plan.ignore_durable);
        disk.CutPowerAt(disk.operations() + plan.second_cut_at);
        (void)life.Open();
      }
      disk.PowerCut(cuts);
    }
    StoreLife life(&disk, pool, plan.checkpoint_log_bytes, plan.ignore_durable);
    const absl::Status opened = life.Open();
    EXPECT_TRUE(opened.ok()) << opened << " cut at " << plan.cut_at << " seed " << plan.seed;
    if (!life.open()) break;
    EXPECT_FALSE(life.store().damaged()) << "cut at " << plan.cut_at << " seed " << plan.seed;
    model.Adopted(life, reported);
    if (testing::Test::HasFatalFailure()) break;
    // It goes on working, and the next recovery agrees.
    Work(life, model);
    reported = life.durable();
    if (again == 1) model.Verify(life, model.now());
  }
  return outcome;
}

TEST(PowerCutTest, AtEveryOperation) {
  BufferPool pool;
  const env::MemoryDisk disk = Formatted(pool);
  uint64_t cuts = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const uint64_t operations = RunPlan(disk, {.seed = seed}).operations;
    ASSERT_GT(operations, 40u);
    for (uint64_t at = 1; at <= operations && !testing::Test::HasFailure(); ++at) {
      cuts += RunPlan(disk, {.seed = seed, .cut_at = at}).cut;
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(cuts, 200u);
  RecordProperty("cuts", static_cast<int>(cuts));
}

// 5.3a: what a killed process had under way may reach the drive's cache and no further. Once a
// recovery has accepted it, power loss must not take it any more.
TEST(PowerCutTest, AfterAKillKeepsWhatRecoveryAccepted) {
  BufferPool pool;
  const env::MemoryDisk start = Formatted(pool);
  uint64_t accepted = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    env::MemoryDisk disk = start;
    {
      StoreLife life(&disk, pool);
      ASSERT_TRUE(life.Open().ok());
      life.store().AppendNote("key", "value");
      life.reactor().RunTurn();  // the write is under way when the process is killed
    }
    disk.LandAbandoned();
    bool was_there = false;
    {
      StoreLife life(&disk, pool);
      ASSERT_TRUE(life.Open().ok());
      was_there = life.store().Note("key") == "value";
    }
    accepted += was_there;
    Random random(seed);
    disk.PowerCut(random);
    StoreLife life(&disk, pool);
    ASSERT_TRUE(life.Open().ok());
    EXPECT_FALSE(life.store().damaged()) << "seed " << seed;
    EXPECT_TRUE(!was_there || life.store().Note("key") == "value") << "seed " << seed;
  }
  EXPECT_GT(accepted, 0u);
}

TEST(PowerCutTest, AgainDuringRecovery) {
  BufferPool pool;
  const env::MemoryDisk disk = Formatted(pool);
  for (uint64_t seed = 11; seed <= 14; ++seed) {
    const uint64_t operations = RunPlan(disk, {.seed = seed}).operations;
    for (uint64_t i = 0; i < 40 && !testing::Test::HasFailure(); ++i) {
      RunPlan(disk,
              {.seed = seed, .cut_at = operations - i * operations / 50, .second_cut_at = 1 + i});
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

// A canary: a device that forgets to flush must be found out.
TEST(PowerCutTest, FindsADeviceThatIgnoresDurable) {
  BufferPool pool;
  const env::MemoryDisk disk = Formatted(pool);
  testing::TestPartResultArray found;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &found);
    for (uint64_t at = 60; at < 90 && found.size() == 0; ++at) {
      RunPlan(disk, {.seed = 3, .cut_at = at, .ignore_durable = true});
    }
  }
  EXPECT_GT(found.size(), 0);
}

}  // namespace
}  // namespace storpool::chunkstore
