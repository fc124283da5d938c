#include <gtest/gtest.h>

#include <string>

#include "lib/model/chain_config.h"
#include "lib/model/line.h"
#include "lib/model/line_view.h"
#include "lib/model/names.h"

namespace storpool::model {
namespace {

Member Serving(uint16_t disk) { return {DiskId(disk), StoreId(disk), Role::kServing, Version()}; }

ChainConfig ThreeMembers() {
  ChainConfig config;
  config.chain = ChainId(TableId(1), 5);
  config.epoch = Epoch(2);
  config.members = {Serving(1), Serving(2), Serving(3)};
  return config;
}

TEST(ChainConfigTest, KnowsHeadTailAndSuccessors) {
  ChainConfig config = ThreeMembers();
  config.members[2].role = Role::kSyncing;
  ASSERT_TRUE(config.Validate().ok());
  EXPECT_EQ(config.head().disk, DiskId(1));
  EXPECT_EQ(config.tail().disk, DiskId(2));
  EXPECT_EQ(config.Successor(DiskId(1))->disk, DiskId(2));
  EXPECT_EQ(config.Successor(DiskId(2)), nullptr);
  EXPECT_EQ(config.Successor(DiskId(3)), nullptr);
}

TEST(ChainConfigTest, RefusesWhatNoChainMayBe) {
  ChainConfig twice = ThreeMembers();
  twice.members[1].disk = DiskId(1);
  EXPECT_FALSE(twice.Validate().ok());
  ChainConfig nobody = ThreeMembers();
  for (Member& m : nobody.members) m.role = Role::kAway;
  EXPECT_FALSE(nobody.Validate().ok());
  ChainConfig disorder = ThreeMembers();
  disorder.members[0].role = Role::kSyncing;
  EXPECT_FALSE(disorder.Validate().ok());
  ChainConfig epoch = ThreeMembers();
  epoch.epoch = Epoch(kEpochMax + 1);
  EXPECT_FALSE(epoch.Validate().ok());
}

TEST(LineTest, TakesOverWhatHasChangedSince) {
  Line line;
  line.lineage = LineageId(7);
  line.version = LineVersion(40);
  for (uint32_t i = 1; i <= 40; ++i) {
    line.layers.push_back({LayerId(2 * i), 100, 100, i < 40, LineVersion(i)});
  }
  line.MakeView();
  Line newer = line;
  newer.version = LineVersion(41);
  newer.layers.erase(newer.layers.begin() + 3);
  newer.layers[3].changed = LineVersion(41);
  newer.removed = {{LayerId(8), LayerId(10), 100, LineVersion(41)}};
  newer.MakeView();
  const Line delta = newer.Since(LineVersion(40));
  EXPECT_TRUE(delta.Validate().ok()) << delta.Validate();
  EXPECT_EQ(delta.layers.size(), 1u);
  EXPECT_TRUE(line.CanTake(delta));
  Line taken = line;
  taken.Take(delta);
  EXPECT_EQ(taken, newer);
  EXPECT_EQ(taken.view->version(), LineVersion(41));
  EXPECT_FALSE(line.CanTake(Line(newer).Since(LineVersion(41))));

  const Line last = newer.Newest(5);
  EXPECT_EQ(last.since, LineVersion(36));
  EXPECT_EQ(last.layers.size(), 5u);
  EXPECT_TRUE(newer.Newest(1000).whole());
  EXPECT_EQ(newer.Since(LineVersion()), newer);
}

TEST(LineTest, WhatIsRemovedIsNotThereAndGoesToANewerLayer) {
  Line line;
  line.lineage = LineageId(7);
  line.version = LineVersion(3);
  line.layers = {{LayerId(4), 10, 10, false, {}}};
  line.removed = {{LayerId(2), LayerId(3), 10, {}}, {LayerId(3), LayerId(4), 10, {}}};
  EXPECT_TRUE(line.Validate().ok());
  line.removed[1].into = LayerId(5);
  EXPECT_FALSE(line.Validate().ok());
  line.removed[1].into = LayerId(2);
  EXPECT_FALSE(line.Validate().ok());
  line.removed[1] = {LayerId(4), LayerId(), 0, {}};
  EXPECT_FALSE(line.Validate().ok());
}

TEST(LineTest, LayersGrowAndCutsFit) {
  Line line;
  line.lineage = LineageId(7);
  line.version = LineVersion(1);
  EXPECT_FALSE(line.Validate().ok());  // no layer
  line.layers = {{LayerId(1), 1 << 20, 1 << 20, true, {}},
                 {LayerId(2), 1 << 20, 1 << 19, false, {}}};
  EXPECT_TRUE(line.Validate().ok());
  line.layers[1].cut_bytes = 2 << 20;
  EXPECT_FALSE(line.Validate().ok());
  line.layers[1] = {LayerId(1), 1 << 20, 1 << 20, false, {}};
  EXPECT_FALSE(line.Validate().ok());
}

TEST(NamesTest, FollowStorPoolsRules) {
  EXPECT_TRUE(ValidateVolumeName("vm-1.disk:0_a").ok());
  EXPECT_TRUE(ValidateVolumeName("#hidden").ok());
  EXPECT_TRUE(ValidateVolumeName(std::string(199, 'a')).ok());
  EXPECT_FALSE(ValidateVolumeName(std::string(200, 'a')).ok());
  EXPECT_FALSE(ValidateVolumeName("#" + std::string(199, 'a')).ok());
  for (const char* bad : {"", "#", "a b", "a/b", "list", "status", "vol@1", "~a.b.c"}) {
    EXPECT_FALSE(ValidateVolumeName(bad).ok()) << bad;
  }
  EXPECT_TRUE(ValidateGroupName("hdd_2-b").ok());
  EXPECT_FALSE(ValidateGroupName("hdd.2").ok());
  EXPECT_FALSE(ValidateGroupName(std::string(128, 'a')).ok());
  EXPECT_FALSE(ValidateTemplateName("list").ok());
  EXPECT_TRUE(ValidateClusterName("d.n").ok());
  for (const char* bad : {"", "d", "d.", ".n", "D.n", "d.n.x"}) {
    EXPECT_FALSE(ValidateClusterName(bad).ok()) << bad;
  }
}

TEST(NamesTest, SizesAreWholeSectors) {
  EXPECT_TRUE(ValidateVolumeSize(512).ok());
  EXPECT_TRUE(ValidateVolumeSize(kVolumeBytesMax).ok());
  for (uint64_t bad : {uint64_t{0}, uint64_t{511}, uint64_t{513}, kVolumeBytesMax + 512}) {
    EXPECT_FALSE(ValidateVolumeSize(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace storpool::model
