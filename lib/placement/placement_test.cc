#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "lib/base/random.h"
#include "lib/placement/fill.h"
#include "lib/placement/locate.h"

namespace storpool::placement {
namespace {

constexpr uint64_t kGiB = 1ull << 30;

Disk Make(uint16_t id, uint16_t node, uint64_t gib = 10, std::string fault_set = "") {
  return {DiskId(id), NodeId(node), std::move(fault_set), gib * kGiB};
}

Group All(const std::vector<Disk>& disks, std::string name = "all") {
  Group group{std::move(name), {}};
  for (const Disk& d : disks) group.disks.push_back(d.id);
  return group;
}

Policy Same(const std::vector<Disk>& disks, uint32_t replication) {
  return {replication, All(disks), All(disks), All(disks)};
}

const Disk& Of(const std::vector<Disk>& disks, DiskId id) {
  return *std::find_if(disks.begin(), disks.end(), [&](const Disk& d) { return d.id == id; });
}

std::string Domain(const Disk& d) {
  return d.fault_set.empty() ? "n" + std::to_string(d.node.value()) : d.fault_set;
}

void ExpectApart(const std::vector<Disk>& disks, const Row& row) {
  std::set<std::string> domains;
  for (DiskId id : row) EXPECT_TRUE(domains.insert(Domain(Of(disks, id))).second);
}

// The format: these numbers never change (design 5).
TEST(LocateTest, GoldenValues) {
  EXPECT_EQ(HashLineage(LineageId(0)), 0xe220a8397b1dcdafull);
  EXPECT_EQ(HashLineage(LineageId(1)), 0x910a2dec89025cc1ull);
  EXPECT_EQ(HashLineage(LineageId(2)), 0x975835de1c9756ceull);
  EXPECT_EQ(Locate(LineageId(1), ChunkIndex(0), 64), 1);
  EXPECT_EQ(Locate(LineageId(1), ChunkIndex(62), 64), 63);
  EXPECT_EQ(Locate(LineageId(1), ChunkIndex(63), 64), 0);
  EXPECT_EQ(Locate(LineageId(2), ChunkIndex(5), 64), 19);
}

TEST(LocateTest, NeighbouringChunksLieOnDifferentChains) {
  for (uint64_t lineage = 1; lineage < 100; ++lineage) {
    std::set<uint16_t> chains;
    for (uint32_t c = 0; c < 64; ++c) {
      const uint16_t chain = Locate(LineageId(lineage), ChunkIndex(c), 64);
      EXPECT_LT(chain, 64);
      chains.insert(chain);
    }
    EXPECT_EQ(chains.size(), 64u);
  }
}

TEST(FillTest, AllSmallClustersAreApartAndEven) {
  for (uint16_t nodes = 1; nodes <= 5; ++nodes) {
    for (uint16_t each = 1; each <= 3; ++each) {
      std::vector<Disk> disks;
      for (uint16_t n = 0; n < nodes; ++n) {
        for (uint16_t d = 0; d < each; ++d) disks.push_back(Make(n * 10 + d, n));
      }
      for (uint32_t r = 1; r <= 3; ++r) {
        const auto table = FillTable(disks, Same(disks, r), 64, {});
        ASSERT_EQ(table.ok(), r <= nodes) << nodes << " nodes, replication " << r;
        if (!table.ok()) continue;
        std::map<DiskId, int> chains, tails;
        for (const Disk& d : disks) chains[d.id] = tails[d.id] = 0;
        for (const Row& row : *table) {
          ASSERT_EQ(row.size(), r);
          ExpectApart(disks, row);
          for (DiskId id : row) ++chains[id];
          ++tails[row.back()];
        }
        const auto spread = [](const std::map<DiskId, int>& m) {
          int low = INT32_MAX, high = 0;
          for (const auto& [id, n] : m) low = std::min(low, n), high = std::max(high, n);
          return high - low;
        };
        EXPECT_LE(spread(chains), 2) << nodes << " nodes of " << each << ", replication " << r;
        EXPECT_LE(spread(tails), 1) << nodes << " nodes of " << each << ", replication " << r;
      }
    }
  }
}

TEST(FillTest, LargeRandomClustersAreApartAndFollowCapacity) {
  Random random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<Disk> disks;
    uint16_t id = 0;
    const uint16_t nodes = 6 + random.Below(20);
    for (uint16_t n = 0; n < nodes; ++n) {
      const std::string set = n % 3 == 0 ? "rack" + std::to_string(n % 2) : "";
      for (int d = 0; d < 4; ++d) disks.push_back(Make(id++, n, 100 + random.Below(100), set));
    }
    const auto table = FillTable(disks, Same(disks, 3), 1024, {});
    ASSERT_TRUE(table.ok()) << table.status();
    uint64_t total = 0;
    for (const Disk& d : disks) total += d.size_bytes;
    std::map<DiskId, uint64_t> chains;
    for (const Row& row : *table) {
      ExpectApart(disks, row);
      for (DiskId d : row) ++chains[d];
    }
    for (const Disk& d : disks) {
      if (!d.fault_set.empty()) continue;  // racks bound what they can hold
      const double share = 3.0 * 1024 * static_cast<double>(d.size_bytes) / total;
      EXPECT_GT(chains[d.id], share * 0.7);
      EXPECT_LT(chains[d.id], share * 1.6);
    }
  }
}

TEST(FillTest, HeadAllAndTailComeFromTheirGroups) {
  std::vector<Disk> disks;
  for (uint16_t n = 0; n < 4; ++n) {
    disks.push_back(Make(10 + n, n));  // hdd
    disks.push_back(Make(20 + n, n));  // ssd
  }
  Policy policy{3, {"hdd", {}}, {"hdd", {}}, {"ssd", {}}};
  for (const Disk& d : disks) {
    Group& tails = policy.tail;
    if (d.id.value() >= 20) {
      tails.disks.push_back(d.id);
    } else {
      policy.head.disks.push_back(d.id);
      policy.all.disks.push_back(d.id);
    }
  }
  const auto table = FillTable(disks, policy, 64, {});
  ASSERT_TRUE(table.ok()) << table.status();
  for (const Row& row : *table) {
    EXPECT_LT(row[0].value(), 20);
    EXPECT_LT(row[1].value(), 20);
    EXPECT_GE(row[2].value(), 20);
    ExpectApart(disks, row);
  }
}

TEST(FillTest, FindsTheOnlyWayWhenGroupsOverlap) {
  // The tail's group has one disk on node 1; a head taken from node 1 first would block it.
  std::vector<Disk> disks = {Make(1, 1), Make(2, 1, 1000), Make(3, 2)};
  const Policy policy{2, {"h", {DiskId(2), DiskId(3)}}, {"h", {}}, {"t", {DiskId(1)}}};
  const auto table = FillTable(disks, policy, 4, {});
  ASSERT_TRUE(table.ok()) << table.status();
  for (const Row& row : *table) EXPECT_EQ(row, (Row{DiskId(3), DiskId(1)}));
}

TEST(FillTest, SaysWhatIsMissing) {
  const std::vector<Disk> disks = {Make(1, 1), Make(2, 2), Make(3, 2)};
  const auto table = FillTable(disks, Same(disks, 3), 64, {});
  EXPECT_EQ(table.status().code(), absl::StatusCode::kResourceExhausted);
  const std::string text(table.status().message());
  EXPECT_NE(text.find("replication 3 needs disks on 3 different nodes"), std::string::npos);
  EXPECT_NE(text.find("placement group all has disks on node 1, node 2"), std::string::npos);
}

TEST(FillTest, WhatOtherTablesHaveThereDecidesWhereThisOneDoesNot) {
  const std::vector<Disk> disks = {Make(1, 1), Make(2, 2), Make(3, 3)};
  const auto table = FillTable(disks, Same(disks, 1), 64, {{DiskId(1), {64, 64}}});
  ASSERT_TRUE(table.ok());
  std::map<DiskId, int> chains;
  for (const Row& row : *table) ++chains[row[0]];
  EXPECT_EQ(chains[DiskId(1)], 21);  // 22 on one of the others
}

}  // namespace
}  // namespace storpool::placement
