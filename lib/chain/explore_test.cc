// Random walks: the invariants of design 5.10 hold on every one of them, and each planted bug is
// found by them. Bugs are planted from outside, in what a member does or says.
#include <gtest/gtest.h>

#include <string>

#include "lib/chain/explorer.h"
#include "lib/chain/state.h"

namespace storpool::chain {
namespace {

TEST(Explore, InvariantsHold) {
  Explored sum;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    ExplorerOptions options;
    options.seed = seed;
    options.disks = seed % 3 == 0 ? 2 : 3;
    const Explored one = Explorer(options).Run();
    ASSERT_TRUE(one.violations.empty()) << "seed " << seed << ": " << one.violations.front();
    sum.writes += one.writes;
    sum.reads += one.reads;
    sum.opened += one.opened;
    sum.voided += one.voided;
    sum.crashes += one.crashes;
    sum.promotions += one.promotions;
    sum.restarts += one.restarts;
    sum.damaged += one.damaged;
    sum.empty += one.empty;
  }
  // A walk on which nothing happens proves nothing.
  std::printf(
      "writes %zu, reads %zu, epochs %zu, voided %zu, crashes %zu, promotions %zu, "
      "client restarts %zu, damaged blocks %zu, empty trims %zu\n",
      sum.writes, sum.reads, sum.opened, sum.voided, sum.crashes, sum.promotions, sum.restarts,
      sum.damaged, sum.empty);
  EXPECT_GT(sum.writes, 5000u);
  EXPECT_GT(sum.reads, 500u);
  EXPECT_GT(sum.opened, 500u);
  EXPECT_GT(sum.voided, 50u);
  EXPECT_GT(sum.promotions, 50u);
  EXPECT_GT(sum.damaged, 500u);
  EXPECT_GT(sum.empty, 200u);
}

// Every read sees the newest committed write in the newest layer, whatever is merged meanwhile and
// whoever has handed over; at rest all stores are equal (4.8).
TEST(Explore, InvariantsHoldOverLayers) {
  Explored sum;
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    ExplorerOptions options;
    options.seed = seed;
    options.disks = seed % 3 == 0 ? 2 : 3;
    options.layers = true;
    const Explored one = Explorer(options).Run();
    ASSERT_TRUE(one.violations.empty()) << "seed " << seed << ": " << one.violations.front();
    sum.reads += one.reads;
    sum.snapshots += one.snapshots;
    sum.merges += one.merges;
    sum.hand_overs += one.hand_overs;
  }
  std::printf("reads %zu, snapshots %zu, merges %zu, hand-overs %zu\n", sum.reads, sum.snapshots,
              sum.merges, sum.hand_overs);
  EXPECT_GT(sum.reads, 200u);
  EXPECT_GT(sum.snapshots, 1000u);
  EXPECT_GT(sum.merges, 1000u);
  EXPECT_GT(sum.hand_overs, 1000u);
}

// How many seeds it took to find it; 0: not found.
int SeedsToFind(const Tamper& tamper, bool reuse_sessions = false) {
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    ExplorerOptions options;
    options.seed = seed;
    options.reuse_sessions = reuse_sessions;
    options.tamper = tamper;
    const Explored one = Explorer(options).Run();
    if (!one.violations.empty()) {
      std::printf("seed %d: %s\n", static_cast<int>(seed), one.violations.front().c_str());
      return static_cast<int>(seed);
    }
  }
  return 0;
}

template <class M>
M* Sent(Effect& effect) {
  auto* send = std::get_if<Send>(&effect);
  return send == nullptr ? nullptr : std::get_if<M>(&send->message);
}

TEST(PlantedBug, CommitWithoutOneReport) {
  // A member says that it has durable what it has only received.
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              if (auto* m = Sent<wire::Forward>(effect)) m->common.durable = m->entry.version;
              return true;
            }),
            0);
}

TEST(PlantedBug, LevelIsMaximum) {
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              if (auto* m = Sent<wire::Adopted>(effect)) {
                m->common.durable = Version(Epoch(m->common.epoch.value() - 1), UINT32_MAX);
              }
              return true;
            }),
            0);
}

TEST(PlantedBug, NoVoid) {
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              auto* persist = std::get_if<Persist>(&effect);
              if (persist != nullptr && std::holds_alternative<AppendVoid>(persist->record)) {
                persist->record = AppendEndSession{Session{}};
              }
              return true;
            }),
            0);
}

TEST(PlantedBug, CommittedLeads) {
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              if (auto* w = std::get_if<SetCommitted>(&effect)) {
                w->committed = Version::FromRaw(w->committed.raw() + 2);
              }
              return true;
            }),
            0);
}

TEST(PlantedBug, WrongBase) {
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              if (auto* m = Sent<wire::SyncOpen>(effect)) m->base = m->common.opened_at;
              return true;
            }),
            0);
}

TEST(PlantedBug, StreamBeginsLate) {
  // What was pending at the source when the stream began is not sent (R4).
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              if (auto* m = Sent<wire::SyncBegin>(effect))
                m->stream_base = Version(m->common.epoch, UINT32_MAX / 2);
              return true;
            }),
            0);
}

TEST(PlantedBug, TailIsNotTold) {
  // A mirror adopts an epoch without the tail, but its promises do not say so (R1).
  EXPECT_GT(SeedsToFind([](DiskId, Effect& effect) {
              return !std::holds_alternative<NameAgainst>(effect);
            }),
            0);
}

TEST(PlantedBug, SessionUsedAgain) { EXPECT_GT(SeedsToFind(nullptr, /*reuse_sessions=*/true), 0); }

}  // namespace
}  // namespace storpool::chain
