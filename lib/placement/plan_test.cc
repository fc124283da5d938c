// Plans: the rules hold, nothing moves that need not, what has begun goes on.
#include "lib/placement/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lib/base/random.h"
#include "lib/placement/fill.h"

namespace storpool::placement {
namespace {

constexpr uint64_t kGiB = 1ull << 30;

Disk Make(uint16_t id, uint16_t node, uint64_t gib = 100) {
  return {DiskId(id), NodeId(node), "", gib * kGiB};
}

Group Named(const std::string& name, const std::vector<int>& ids) {
  Group group{name, {}};
  for (int id : ids) group.disks.push_back(DiskId(static_cast<uint16_t>(id)));
  return group;
}

Policy Same(uint32_t replication, const std::vector<int>& ids) {
  return {replication, Named("all", ids), Named("all", ids), Named("all", ids)};
}

class PlanTest : public testing::Test {
 protected:
  // One disk on each of so many nodes, with ids 1, 2, ...
  void Nodes(int count) {
    for (int i = 1; i <= count; ++i) disks.push_back(Make(i, i));
  }
  Disk& Of(int id) {
    return *std::ranges::find(disks, DiskId(static_cast<uint16_t>(id)), &Disk::id);
  }
  // A table of that policy, in which everybody serves.
  void Settle(const Policy& policy, uint32_t chains = 64) {
    const auto rows = FillTable(disks, policy, chains, {});
    ASSERT_TRUE(rows.ok()) << rows.status();
    table.clear();
    for (const Row& row : *rows) table.push_back({row, row, {}, {}});
  }
  Plan Next(const Policy& policy) { return PlanTable(disks, policy, table, {}); }
  // Copies that the plan sends to disks that have nothing of the chain.
  size_t Moved(const Plan& plan) const {
    size_t moved = 0;
    for (size_t i = 0; i < table.size(); ++i) {
      for (DiskId d : plan.rows[i]) {
        const auto has = [&](const std::vector<DiskId>& v) {
          return std::ranges::find(v, d) != v.end();
        };
        moved += !has(table[i].serving) && !has(table[i].partial);
      }
    }
    return moved;
  }
  std::map<int, int> Chains(const Plan& plan) const {
    std::map<int, int> count;
    for (const Row& row : plan.rows) {
      for (DiskId d : row) ++count[d.value()];
    }
    return count;
  }
  std::map<int, int> Tails(const Plan& plan) const {
    std::map<int, int> count;
    for (const Row& row : plan.rows) ++count[row.back().value()];
    return count;
  }
  void ExpectRules(const Plan& plan, const Policy& policy) {
    for (const Row& row : plan.rows) {
      ASSERT_EQ(row.size(), policy.replication);
      std::set<std::string> domains;
      for (size_t p = 0; p < row.size(); ++p) {
        const Group& group = GroupOf(policy, PartAt(p, row.size()));
        EXPECT_NE(std::ranges::find(group.disks, row[p]), group.disks.end());
        EXPECT_TRUE(domains.insert(DomainOf(Of(row[p].value()))).second);
      }
    }
  }
  static int Uneven(const std::map<int, int>& count) {
    int low = INT32_MAX, high = 0;
    for (const auto& [id, n] : count) low = std::min(low, n), high = std::max(high, n);
    return high - low;
  }

  std::vector<Disk> disks;
  std::vector<Chain> table;
};

TEST_F(PlanTest, ATableThatIsRightStaysAsItIs) {
  for (uint32_t replication : {1, 2, 3}) {
    disks.clear();
    Nodes(5);
    Settle(Same(replication, {1, 2, 3, 4, 5}));
    const Plan plan = Next(Same(replication, {1, 2, 3, 4, 5}));
    EXPECT_TRUE(plan.missing.ok());
    for (size_t i = 0; i < table.size(); ++i) EXPECT_EQ(plan.rows[i], table[i].wanted);
  }
}

TEST_F(PlanTest, GrowthAddsOneCopyOfEachChainAndMovesNone) {
  Nodes(5);
  const std::vector<int> all = {1, 2, 3, 4, 5};
  Settle(Same(2, all));
  const Plan plan = Next(Same(3, all));
  ExpectRules(plan, Same(3, all));
  EXPECT_EQ(Moved(plan), 64u);
  EXPECT_LE(Uneven(Chains(plan)), 2);
  EXPECT_LE(Uneven(Tails(plan)), 2);
  for (size_t i = 0; i < table.size(); ++i) {
    for (DiskId d : table[i].serving) {
      EXPECT_NE(std::ranges::find(plan.rows[i], d), plan.rows[i].end());
    }
  }
}

TEST_F(PlanTest, ShrinkingMovesNothingAndLeavesTheFullestDisks) {
  Nodes(5);
  const std::vector<int> all = {1, 2, 3, 4, 5};
  Settle(Same(3, all));
  const Plan plan = Next(Same(2, all));
  ExpectRules(plan, Same(2, all));
  EXPECT_EQ(Moved(plan), 0u);
  EXPECT_LE(Uneven(Chains(plan)), 2);
}

TEST_F(PlanTest, AChangedGroupMovesWhatItMust) {
  Nodes(4);
  Settle(Same(3, {1, 2, 3}));
  const Policy next = Same(3, {1, 2, 4});
  const Plan plan = Next(next);
  ExpectRules(plan, next);
  EXPECT_EQ(Moved(plan), 64u);  // one of three copies
  EXPECT_EQ(Chains(plan)[3], 0);
}

TEST_F(PlanTest, TailsThatMoveToOtherDisksLeaveHeadAndMiddle) {
  Nodes(3);                                                       // hdd
  for (int i = 1; i <= 3; ++i) disks.push_back(Make(10 + i, i));  // ssd
  Settle(Same(3, {1, 2, 3}));
  Policy hybrid = Same(3, {1, 2, 3});
  hybrid.tail = Named("ssd", {11, 12, 13});
  const Plan plan = Next(hybrid);
  ExpectRules(plan, hybrid);
  EXPECT_EQ(Moved(plan), 64u);
  EXPECT_LE(Uneven(Tails(plan)), 2);
  // And back again.
  for (size_t i = 0; i < table.size(); ++i) table[i] = {plan.rows[i], plan.rows[i], {}, {}};
  const Plan back = Next(Same(3, {1, 2, 3}));
  ExpectRules(back, Same(3, {1, 2, 3}));
  EXPECT_EQ(Moved(back), 64u);
}

TEST_F(PlanTest, OtherGroupsThatTheDisksAreInToMoveNothing) {
  Nodes(3);
  Settle(Same(3, {1, 2, 3}));
  // Only disk 1 may be head, only 3 tail: another order is enough.
  Policy next = Same(3, {1, 2, 3});
  next.head = Named("h", {1});
  next.tail = Named("t", {3});
  const Plan plan = Next(next);
  EXPECT_EQ(Moved(plan), 0u);
  for (const Row& row : plan.rows) EXPECT_EQ(row, (Row{DiskId(1), DiskId(2), DiskId(3)}));
}

TEST_F(PlanTest, ANewDiskIsFilledByOthersAndNothingElseMoves) {
  Nodes(4);
  const std::vector<int> all = {1, 2, 3, 4};
  Settle(Same(3, {1, 2, 3}));
  const Plan plan = Next(Same(3, all));
  ExpectRules(plan, Same(3, all));
  EXPECT_EQ(Moved(plan), static_cast<size_t>(Chains(plan)[4]));
  EXPECT_GE(Chains(plan)[4], 40);  // its share is 48
  EXPECT_LE(Chains(plan)[4], 48);
  EXPECT_LE(Uneven(Tails(plan)), 3);
}

TEST_F(PlanTest, ASoftEjectedDiskLosesItsChainsAndItsReturnTakesTheWaitingBack) {
  Nodes(4);
  const Policy policy = Same(2, {1, 2, 3, 4});
  Settle(policy);
  Of(2).stays = false;
  const Plan plan = Next(policy);
  EXPECT_EQ(Chains(plan)[2], 0);
  EXPECT_GE(Moved(plan), 32u);
  EXPECT_LE(Moved(plan), 40u);  // and what the others need to be even again
  EXPECT_LE(Uneven(Tails(plan)), 28);
  // One of the moves has begun when it is cancelled: it goes on, the others never were.
  std::optional<size_t> begun;
  for (size_t i = 0; i < table.size(); ++i) {
    table[i].wanted = plan.rows[i];
    for (DiskId d : plan.rows[i]) {
      const bool comes = std::ranges::find(table[i].serving, d) == table[i].serving.end();
      if (!begun && comes) begun = i, table[i].partial = {d};
    }
  }
  ASSERT_TRUE(begun);
  Of(2).stays = true;
  const Plan cancelled = Next(policy);
  EXPECT_EQ(Moved(cancelled), 0u);
  EXPECT_EQ(cancelled.rows[*begun], plan.rows[*begun]);
}

TEST_F(PlanTest, AMoveThatHasBegunIsDroppedOnlyWhenItsTargetIsRefused) {
  Nodes(5);
  const Policy policy = Same(3, {1, 2, 3, 4, 5});
  table = {{{DiskId(1), DiskId(2), DiskId(4)}, {DiskId(1), DiskId(2), DiskId(3)}, {DiskId(4)}, {}}};
  EXPECT_EQ(Next(policy).rows[0], table[0].wanted);
  const Policy without = Same(3, {1, 2, 3, 5});
  EXPECT_EQ(Next(without).rows[0], table[0].serving);
}

TEST_F(PlanTest, WithoutRoomItStaysAndSaysSo) {
  Nodes(4);
  Settle(Same(3, {1, 2, 3}));
  Of(4).room_chains = 10;
  const Plan plan = Next(Same(3, {1, 2, 4}));
  EXPECT_EQ(Moved(plan), 10u);
  EXPECT_EQ(plan.stuck, 54u);
  EXPECT_NE(plan.missing.message().find("without room: disks 4"), absl::string_view::npos)
      << plan.missing;
  for (const Row& row : plan.rows) EXPECT_EQ(row.size(), 3u);
}

TEST_F(PlanTest, WithoutEnoughNodesWhatCanBeReplacedIs) {
  Nodes(4);
  table = {{{DiskId(1), DiskId(8), DiskId(9)}, {DiskId(1)}, {}, {}}};  // 8 and 9 are forgotten
  const Policy policy = Same(3, {1, 2});
  const Plan plan = Next(policy);
  EXPECT_EQ(plan.stuck, 1u);
  const Row& row = plan.rows[0];
  EXPECT_NE(std::ranges::find(row, DiskId(2)), row.end());
  EXPECT_NE(std::ranges::find(row, DiskId(1)), row.end());
  // Growth without another node changes nothing.
  table = {{{DiskId(1), DiskId(2)}, {DiskId(1), DiskId(2)}, {}, {}}};
  EXPECT_EQ(Next(policy).rows[0], table[0].wanted);
}

TEST_F(PlanTest, ADiskThatHasNotDroppedTheChainIsNotAskedAgain) {
  Nodes(5);
  Settle(Same(3, {1, 2, 3}));
  for (Chain& c : table) c.barred = {DiskId(4)};
  const Plan plan = Next(Same(3, {1, 2, 4, 5}));
  EXPECT_EQ(Chains(plan)[4], 0);
  EXPECT_EQ(Chains(plan)[5], 64);
}

// Whatever is changed, and planned anew after each move: the rules hold, no more is moved than the
// first plan said, and in the end all is still.
TEST_F(PlanTest, RandomChangesSettle) {
  Random random(11);
  for (int round = 0; round < 25; ++round) {
    disks.clear();
    const int nodes = 4 + static_cast<int>(random.Below(6));
    for (int i = 0; i < nodes * 2; ++i) {
      disks.push_back(Make(i, i / 2, 100 + 100 * random.Below(3)));
    }
    const auto some = [&] {
      std::vector<int> ids;
      while (ids.size() < 8) {
        ids.clear();
        for (int i = 0; i < nodes * 2; ++i) {
          if (random.Below(4) != 0) ids.push_back(i);
        }
        if (nodes * 2 <= 8) break;
      }
      return ids;
    };
    const auto policy = [&] {
      Policy p = Same(1 + static_cast<uint32_t>(random.Below(3)), some());
      if (random.Below(2) == 0) p.tail = Named("tail", some());
      return p;
    };
    const Policy first = policy();
    if (!FillTable(disks, first, 64, {}).ok()) continue;
    Settle(first);
    const Policy second = policy();
    const Plan plan = Next(second);
    if (!plan.missing.ok()) continue;
    const size_t needed = Moved(plan);
    size_t moved = 0;
    for (int step = 0; step < 400; ++step) {
      const Plan now = Next(second);
      ExpectRules(now, second);
      for (size_t i = 0; i < table.size(); ++i) table[i].wanted = now.rows[i];
      // One chain moves.
      const auto next =
          std::ranges::find_if(table, [](const Chain& c) { return c.serving != c.wanted; });
      if (next == table.end()) break;
      for (DiskId d : next->wanted) {
        moved += std::ranges::find(next->serving, d) == next->serving.end();
      }
      next->serving = next->wanted;
      ASSERT_LT(step, 390) << "round " << round;
    }
    EXPECT_LE(moved, needed + needed / 10) << "round " << round;
  }
}

}  // namespace
}  // namespace storpool::placement
