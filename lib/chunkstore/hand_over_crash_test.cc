// Power is cut at every device operation of workloads in which layers are made, merged, freed and
// forgotten: what was reported durable is there, and every block reads in every layer as if the
// layers had been merged at once (design 4.8).
#include "lib/chunkstore/line_model.h"

namespace storpool::chunkstore {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{52} << 20;
constexpr uint64_t kCheckpointLogBytes = 64 << 10;

env::MemoryDisk Formatted(BufferPool& pool) {
  env::MemoryDisk disk(kDiskBytes);
  StoreLife life(&disk, pool);
  EXPECT_TRUE(life.Format({.disk = DiskId(1), .store = StoreId(7)}).ok());
  return disk;
}

void Work(StoreLife& life, LineModel& model) {
  for (int turn = 0; turn < 16 && life.failure().ok(); ++turn) {
    const uint64_t steps = 1 + model.random().Below(4);
    for (uint64_t i = 0; i < steps; ++i) model.Step(life);
    life.reactor().RunTurn();
    if (model.random().OneIn(1, 3)) life.Run();
    if (model.random().OneIn(1, 6)) life.Idle();
  }
  life.Run();
}

struct Outcome {
  uint64_t operations = 0;
  bool cut = false;
  uint64_t removals = 0;
  uint64_t forgotten = 0;
};

Outcome RunOnce(const env::MemoryDisk& start, uint64_t seed, uint64_t cut_at) {
  SCOPED_TRACE("seed " + std::to_string(seed) + ", power cut at " + std::to_string(cut_at));
  BufferPool pool;
  env::MemoryDisk disk = start;
  LineModel model(seed);
  Random cuts(seed * 1000003 + cut_at);
  Outcome outcome;
  uint64_t reported = 0;
  {
    StoreLife life(&disk, pool, kCheckpointLogBytes);
    if (cut_at != 0) disk.CutPowerAt(disk.operations() + cut_at);
    const uint64_t before = disk.operations();
    if (life.Open().ok()) Work(life, model);
    outcome.operations = disk.operations() - before;
    outcome.cut = disk.power_lost();
    reported = life.durable();
  }
  disk.PowerCut(cuts);
  for (int again = 0; again < 3; ++again) {
    StoreLife life(&disk, pool, kCheckpointLogBytes);
    const absl::Status opened = life.Open();
    EXPECT_TRUE(opened.ok()) << opened;
    if (!life.open()) break;
    EXPECT_FALSE(life.store().damaged());
    model.Adopted(life, reported);
    if (testing::Test::HasFatalFailure()) break;
    Work(life, model);
    reported = life.durable();
    if (again == 2) model.Verify(life);
    if (again == 1) {
      EXPECT_TRUE(life.Close().ok());
      reported = 0;
    }
  }
  outcome.removals = model.removals();
  outcome.forgotten = model.forgotten();
  return outcome;
}

TEST(HandOverCrashTest, AtEveryOperation) {
  BufferPool pool;
  const env::MemoryDisk disk = Formatted(pool);
  uint64_t cuts = 0, removals = 0, forgotten = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome whole = RunOnce(disk, seed, 0);
    ASSERT_GT(whole.operations, 20u);
    for (uint64_t at = 1; at <= whole.operations && !HasFailure(); ++at) {
      const Outcome outcome = RunOnce(disk, seed, at);
      cuts += outcome.cut;
      removals += outcome.removals;
      forgotten += outcome.forgotten;
    }
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(cuts, 100u);
  EXPECT_GT(removals, 500u);
  EXPECT_GT(forgotten, 50u);
  RecordProperty("cuts", static_cast<int>(cuts));
}

// The more histories, the fewer cuts.
TEST(HandOverCrashTest, ManyHistories) {
  BufferPool pool;
  const env::MemoryDisk disk = Formatted(pool);
  for (uint64_t seed = 100; seed < 200 && !HasFailure(); ++seed) {
    const uint64_t operations = RunOnce(disk, seed, 0).operations;
    RunOnce(disk, seed, 1 + seed * 7 % operations);
  }
}

}  // namespace
}  // namespace storpool::chunkstore
