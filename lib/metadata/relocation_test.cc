// Moves of chains: growth, other groups, soft eject, bounds, on and off; nothing is dropped before
// what replaces it has opened.
#include "lib/metadata/relocation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class RelocationTest : public testing::Test {
 protected:
  absl::Status Do(const Command& command) { return cluster.Do(command).status(); }
  absl::Status Update(std::function<void(TemplateUpdateRequest&)> change) {
    Command command;
    TemplateUpdateRequest& update = *command.mutable_update_template()->mutable_update();
    update.set_name("t");
    change(update);
    return Do(command);
  }
  absl::Status Propagate(std::function<void(TemplateUpdateRequest&)> change) {
    return Update([&](TemplateUpdateRequest& update) {
      update.set_propagate(true);
      change(update);
    });
  }
  absl::Status Group(const std::string& name, std::vector<uint32_t> add,
                     std::vector<uint32_t> remove = {}) {
    Command command;
    command.mutable_update_group()->set_name(name);
    for (uint32_t disk : add) command.mutable_update_group()->add_add_disks(disk);
    for (uint32_t disk : remove) command.mutable_update_group()->add_remove_disks(disk);
    return Do(command);
  }
  absl::Status SoftEject(uint32_t disk, Disk::SoftEject how) {
    Command command;
    command.mutable_update_disk()->set_disk(disk);
    command.mutable_update_disk()->set_soft_eject(how);
    return Do(command);
  }
  absl::Status Relocator(bool on) {
    Command command;
    command.mutable_set_relocator()->set_on(on);
    return Do(command);
  }
  static uint32_t ToMove(const State& state, uint32_t table) {
    const std::vector<uint32_t> chains = state.ChainsOfTable(table);
    return static_cast<uint32_t>(std::ranges::count_if(
        chains, [&](uint32_t raw) { return IsToMove(*state.FindChain(raw)); }));
  }
  uint32_t ToMove() {
    uint32_t count = 0;
    for (const auto& [id, table] : cluster.state().tables()) {
      count += ToMove(cluster.state(), table.id());
    }
    return count;
  }
  size_t Serving(uint32_t disk) {
    size_t count = 0;
    for (const auto& [raw, chain] : cluster.state().chains()) {
      for (const ChainMember& m : chain.config().named().members()) {
        count += m.disk() == disk && m.role() == CHAIN_ROLE_SERVING;
      }
    }
    return count;
  }
  // The fewest mirrors that any opened config has.
  size_t Fewest() {
    size_t fewest = 9;
    for (const auto& [raw, chain] : cluster.state().chains()) {
      const auto& members = chain.config().last_opened().members();
      const size_t n =
          static_cast<size_t>(std::ranges::count(members, CHAIN_ROLE_SERVING, &ChainMember::role));
      fewest = std::min(fewest, n);
    }
    return fewest;
  }
  // Runs, and looks at every step.
  void RunWatching(Duration time, size_t fewest) {
    for (Duration step = Duration::Millis(100); time > Duration(); time = time - step) {
      cluster.Run(step);
      ASSERT_GE(Fewest(), fewest);
      std::map<uint32_t, uint32_t> moving;
      for (const auto& [raw, chain] : cluster.state().chains()) {
        for (const ChainMember& m : chain.config().named().members()) {
          const auto& arriving = chain.arriving();
          if (std::ranges::find(arriving, m.disk()) != arriving.end()) ++moving[m.disk()];
        }
      }
      for (const auto& [disk, count] : moving) ASSERT_LE(count, kChainMovesPerDisk);
    }
  }
  FakeCluster cluster;
};

TEST_F(RelocationTest, ASettledClusterHasNothingToMove) {
  cluster.Standard(4, 2);
  EXPECT_EQ(ToMove(), 0u);
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.state().chains().begin()->second.config().named().epoch(), 1u);
}

TEST_F(RelocationTest, GrowthAddsAMirrorToEachChain) {
  cluster.Standard(3, 2);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Propagate([](auto& u) { u.set_replication(3); }).ok());
  RunWatching(Duration::Seconds(20), 2);
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(ToMove(), 0u);
  EXPECT_EQ(cluster.state().tables().size(), 1u);
  EXPECT_EQ(cluster.state().tables().begin()->second.replication(), 3u);
}

TEST_F(RelocationTest, ShrinkingLetsOneOfEachChainGo) {
  cluster.Standard(4, 3);
  ASSERT_TRUE(Propagate([](auto& u) { u.set_replication(2); }).ok());
  RunWatching(Duration::Seconds(20), 2);
  EXPECT_EQ(cluster.FullyServing(2), 64u);
  EXPECT_EQ(ToMove(), 0u);
  EXPECT_TRUE(cluster.state().formers().empty());  // and they have dropped it
}

TEST_F(RelocationTest, AnotherGroupReplacesWholeRowsWithoutLosingAMirror) {
  for (uint32_t replication : {1, 2, 3}) {
    FakeCluster fresh;
    fresh.Standard(3, replication);
    for (uint32_t id = 4; id <= 6; ++id) fresh.AddNode(id);
    fresh.Run(Duration::Millis(500));
    Command group;
    group.mutable_update_group()->set_name("new");
    for (uint32_t disk : {40, 50, 60}) group.mutable_update_group()->add_add_disks(disk);
    ASSERT_TRUE(fresh.Do(group).ok());
    Command command;
    TemplateUpdateRequest& update = *command.mutable_update_template()->mutable_update();
    update.set_name("t");
    update.set_propagate(true);
    update.set_place_all("new");
    update.set_place_head("new");
    update.set_place_tail("new");
    ASSERT_TRUE(fresh.Do(command).ok());
    for (int i = 0; i < 600; ++i) {
      fresh.Run(Duration::Millis(100));
      for (const auto& [raw, chain] : fresh.state().chains()) {
        const auto& members = chain.config().last_opened().members();
        ASSERT_GE(std::ranges::count(members, CHAIN_ROLE_SERVING, &ChainMember::role), replication);
      }
    }
    EXPECT_EQ(fresh.FullyServing(replication), 64u);
    for (uint32_t disk : {10, 20, 30}) EXPECT_TRUE(fresh.state().ChainsOfDisk(disk).empty());
    EXPECT_EQ(ToMove(fresh.state(), 1), 0u);
  }
}

TEST_F(RelocationTest, WithoutPropagateOnlyNewVolumesLieElsewhere) {
  cluster.Standard(3, 2);
  ASSERT_TRUE(cluster.CreateVolume("old").ok());
  ASSERT_TRUE(Update([](auto& u) { u.set_replication(3); }).ok());
  cluster.Run(Duration::Seconds(5));
  ASSERT_TRUE(cluster.CreateVolume("new").ok());
  const auto table = [&](const std::string& name) {
    const uint64_t lineage = cluster.state().FindVolume(name)->lineage();
    return *cluster.state().FindTable(cluster.state().FindLine(lineage)->table());
  };
  EXPECT_EQ(table("old").replication(), 2u);
  EXPECT_EQ(table("new").replication(), 3u);
  EXPECT_EQ(ToMove(), 0u);
  // Back: the first table is there still.
  ASSERT_TRUE(Update([](auto& u) { u.set_replication(2); }).ok());
  EXPECT_EQ(cluster.state().FindTemplate("t")->table(), table("old").id());
  // With propagate both follow.
  ASSERT_TRUE(Propagate([](auto& u) { u.set_replication(3); }).ok());
  EXPECT_EQ(table("old").replication(), 3u);
  cluster.Run(Duration::Seconds(20));
  EXPECT_EQ(cluster.FullyServing(3), 128u);
}

TEST_F(RelocationTest, AChangeThatCannotBeKeptChangesNothing) {
  cluster.Standard(2, 2);
  const std::string before = cluster.state().FindTemplate("t")->SerializeAsString();
  const auto error = [&](std::function<void(TemplateUpdateRequest&)> change) {
    return std::string(ErrorName(Propagate(change)));
  };
  EXPECT_EQ(error([](auto& u) { u.set_replication(3); }), "insufficientResources");
  EXPECT_EQ(error([](auto& u) { u.set_replication(0); }), "invalidParam");
  EXPECT_EQ(error([](auto& u) { u.set_place_tail("none"); }), "objectDoesNotExist");
  EXPECT_EQ(error([](auto& u) { u.set_parent("none"); }), "objectDoesNotExist");
  EXPECT_EQ(error([](auto& u) { u.set_size_bytes(513); }), "invalidParam");
  EXPECT_EQ(cluster.state().FindTemplate("t")->SerializeAsString(), before);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  EXPECT_EQ(error([](auto& u) { u.set_parent("v"); }), "invalidParam");
}

TEST_F(RelocationTest, LimitsArePropagatedAtOnce) {
  cluster.Standard(2, 2);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Update([](auto& u) { u.mutable_limits()->set_iops(500); }).ok());
  EXPECT_EQ(cluster.state().FindVolume("v")->limits().iops(), 0u);
  ASSERT_TRUE(Propagate([](auto&) {}).ok());
  EXPECT_EQ(cluster.state().FindVolume("v")->limits().iops(), 500u);
}

TEST_F(RelocationTest, ANewDiskOfTheGroupGetsItsShare) {
  cluster.Standard(3, 2);
  cluster.AddNode(4);
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Group("default", {40}).ok());
  RunWatching(Duration::Seconds(30), 2);
  EXPECT_EQ(ToMove(), 0u);
  EXPECT_GE(Serving(40), 26u);  // of 128 copies on four disks
  EXPECT_EQ(cluster.FullyServing(2), 64u);
}

TEST_F(RelocationTest, ADiskThatLeavesTheGroupIsEmptied) {
  cluster.Standard(4, 3);
  ASSERT_TRUE(Group("default", {}, {20}).ok());
  RunWatching(Duration::Seconds(30), 3);
  EXPECT_TRUE(cluster.state().ChainsOfDisk(20).empty());
  EXPECT_EQ(cluster.FullyServing(3), 64u);
}

TEST_F(RelocationTest, ASoftEjectEmptiesTheDiskAndItsEndMovesNothingFurther) {
  cluster.Standard(4, 2);
  for (uint32_t id = 1; id <= 4; ++id) cluster.node(id).promotes = false;
  ASSERT_TRUE(SoftEject(20, Disk::SOFT_EJECT_ON).ok());
  cluster.Run(Duration::Seconds(1));
  const uint32_t all = ToMove();
  EXPECT_GE(all, 20u);
  // Cancelled: only what has begun goes on.
  ASSERT_TRUE(SoftEject(20, Disk::SOFT_EJECT_OFF).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_LE(ToMove(), 4 * kChainMovesPerDisk);
  for (uint32_t id = 1; id <= 4; ++id) cluster.node(id).promotes = true;
  cluster.Run(Duration::Seconds(10));
  EXPECT_EQ(ToMove(), 0u);
  EXPECT_GE(Serving(20), 26u);
  ASSERT_TRUE(SoftEject(20, Disk::SOFT_EJECT_ON).ok());
  RunWatching(Duration::Seconds(30), 2);
  EXPECT_EQ(Serving(20), 0u);
  EXPECT_EQ(cluster.FullyServing(2), 64u);
}

TEST_F(RelocationTest, OffItMovesNothingButReplacesWhatIsLost) {
  cluster.options.rebuild_delay = Duration::Seconds(10);
  cluster.Standard(4, 2);
  ASSERT_TRUE(Relocator(false).ok());
  ASSERT_TRUE(SoftEject(20, Disk::SOFT_EJECT_ON).ok());
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(ToMove(), 0u);
  EXPECT_GE(Serving(20), 30u);
  cluster.node(4).Kill(true);
  cluster.Run(Duration::Seconds(40));
  EXPECT_EQ(Serving(40), 0u);
  EXPECT_EQ(cluster.FullyServing(2), 64u);
  ASSERT_TRUE(Relocator(true).ok());
  cluster.node(4).Start();
  cluster.Run(Duration::Seconds(40));
  EXPECT_EQ(Serving(20), 0u);
}

TEST_F(RelocationTest, WithoutRoomNothingMovesAndItIsSaidWhy) {
  cluster.Standard(3, 3);
  FakeNode& full = cluster.AddNode(4);
  full.stored_bytes = full.disks[0].size_bytes();
  for (uint32_t id = 1; id <= 3; ++id) cluster.node(id).stored_bytes = 1 << 30;
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Group("default", {40}, {30}).ok());
  cluster.Run(Duration::Seconds(3));
  EXPECT_EQ(Serving(40), 0u);
  EXPECT_NE(cluster.leader().live().relocation_blocked().find("without room: disks 40"),
            std::string::npos)
      << cluster.leader().live().relocation_blocked();
  full.stored_bytes = 0;
  RunWatching(Duration::Seconds(30), 3);
  EXPECT_EQ(Serving(30), 0u);
  EXPECT_EQ(cluster.leader().live().relocation_blocked(), "");
}

TEST_F(RelocationTest, ANodeThatDiesMeanwhileDelaysOnly) {
  cluster.Standard(5, 3);
  ASSERT_TRUE(SoftEject(20, Disk::SOFT_EJECT_ON).ok());
  for (int round = 0; round < 4; ++round) {
    const uint32_t victim = 1 + static_cast<uint32_t>(round * 2) % 5;
    cluster.Run(Duration::Millis(300));
    cluster.node(victim).Kill(round % 2 == 0);
    cluster.Run(Duration::Seconds(5));
    if (round == 1) {
      cluster.StopLeader();
      cluster.StartLeader();
    }
    cluster.node(victim).Start();
  }
  cluster.Run(Duration::Seconds(90));
  EXPECT_EQ(Serving(20), 0u);
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(ToMove(), 0u);
}

TEST_F(RelocationTest, AnEjectedDiskIsOutUntilItIsTakenBack) {
  cluster.Standard(3, 3);
  const auto eject = [&](uint32_t disk, bool bring_back) {
    Command command;
    command.mutable_eject_disk()->set_disk(disk);
    command.mutable_eject_disk()->set_bring_back(bring_back);
    const absl::Status status = Do(command);
    cluster.Run(Duration::Seconds(2));
    return status;
  };
  EXPECT_EQ(ErrorName(eject(99, false)), "objectDoesNotExist");
  ASSERT_TRUE(eject(20, false).ok());
  EXPECT_EQ(cluster.state().FindDisk(20)->disk().state(), Disk::EJECTED);
  EXPECT_EQ(Serving(20), 0u);
  cluster.node(2).Kill(true);
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.state().FindDisk(20)->disk().state(), Disk::EJECTED);  // another life, too
  ASSERT_TRUE(eject(30, false).ok());
  const absl::Status last = eject(10, false);
  EXPECT_EQ(ErrorName(last), "busy");
  EXPECT_NE(last.message().find("the only copy of 64 chains"), absl::string_view::npos);
  ASSERT_TRUE(eject(20, true).ok());
  ASSERT_TRUE(eject(30, true).ok());
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_TRUE(eject(20, true).ok());  // it is there
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(1));
  const absl::Status down = eject(20, true);
  EXPECT_EQ(ErrorName(down), "busy");
  EXPECT_EQ(down.message(), "disk 20 is down, not ejected: start node 2");
}

TEST_F(RelocationTest, DescriptionsAreShortAndPlain) {
  cluster.Standard(2, 2);
  const auto describe = [&](const std::string& text) {
    Command command;
    command.mutable_update_disk()->set_disk(10);
    command.mutable_update_disk()->set_description(text);
    return Do(command);
  };
  ASSERT_TRUE(describe("left bay 3").ok());
  EXPECT_EQ(cluster.state().FindDisk(10)->disk().description(), "left bay 3");
  EXPECT_EQ(ErrorName(describe(std::string(31, 'x'))), "invalidParam");
  EXPECT_EQ(ErrorName(describe("a/b")), "invalidParam");
  EXPECT_TRUE(describe("").ok());
}

}  // namespace
}  // namespace storpool::metadata
