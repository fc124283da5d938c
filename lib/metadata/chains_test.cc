// Chains over the life of a cluster: named, opened, lost, back, replaced, restarted.
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class ChainsTest : public testing::Test {
 protected:
  std::set<uint32_t> Epochs() {
    std::set<uint32_t> epochs;
    for (const auto& [raw, c] : cluster.state().chains()) {
      epochs.insert(c.config().named().epoch());
    }
    return epochs;
  }
  size_t WithRole(uint32_t disk, ChainRole role) {
    size_t n = 0;
    for (const auto& [raw, c] : cluster.state().chains()) {
      for (const ChainMember& m : c.config().named().members()) {
        n += m.disk() == disk && m.role() == role;
      }
    }
    return n;
  }
  FakeCluster cluster;
};

TEST_F(ChainsTest, ATemplatesChainsAreNamedAndOpened) {
  cluster.Standard();
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});
  const NamedConfig& config = cluster.state().chains().begin()->second.config();
  EXPECT_TRUE(config.has_last_opened());
  EXPECT_EQ(config.named().opened_at(), Version(Epoch(0), 7).raw());
}

TEST_F(ChainsTest, ALostNodeLeavesAllItsChainsInOneCommand) {
  cluster.Standard();
  cluster.node(2).promotes = false;
  cluster.node(2).Kill(/*refused=*/true);
  const uint64_t before = cluster.medium.last_index;
  cluster.Run(Duration::Millis(400));
  EXPECT_EQ(WithRole(20, CHAIN_ROLE_AWAY), 64u);
  EXPECT_EQ(cluster.Open(), 64u);
  EXPECT_EQ(Epochs(), std::set<uint32_t>{2});
  EXPECT_FALSE(cluster.state().FindNode(2)->up());
  EXPECT_EQ(cluster.state().FindDisk(20)->disk().state(), Disk::DOWN);
  // One command for all names, and at most a few for the openings.
  Command first;
  ASSERT_TRUE(first.ParseFromString(cluster.medium.entries[before + 1]));
  EXPECT_EQ(first.change_members().names_size(), 64);
  EXPECT_LE(cluster.medium.last_index, before + 4);
  const ChainConfig& config = cluster.state().chains().begin()->second.config().named();
  EXPECT_EQ(config.members(2).excluded_at(), config.opened_at());
}

TEST_F(ChainsTest, AReturningNodeSyncsAndServesAgain) {
  cluster.Standard();
  cluster.node(2).promotes = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(1));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(WithRole(20, CHAIN_ROLE_SYNCING), 64u);
  EXPECT_EQ(cluster.Open(), 64u);
  cluster.node(2).promotes = true;
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
}

TEST_F(ChainsTest, AFastRestartIsNamedAgainWithAllMembers) {
  cluster.Standard();
  cluster.node(1).Kill(false);
  cluster.node(1).Start();
  cluster.Run(Duration::Millis(300));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(Epochs(), std::set<uint32_t>{2});
}

TEST_F(ChainsTest, ABrokenLinkOfTheSameProcessChangesNothing) {
  cluster.Standard();
  cluster.node(1).Cut();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});
}

TEST_F(ChainsTest, SilenceEjectsAfterTheEjectionTime) {
  cluster.Standard();
  cluster.node(3).mute = true;
  cluster.Run(Duration::Millis(2500));
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});
  ToMetadata suspect;
  suspect.mutable_suspect()->set_node(3);
  cluster.node(1).Say(suspect);
  cluster.Run(Duration::Millis(1500));
  EXPECT_EQ(WithRole(30, CHAIN_ROLE_AWAY), 64u);
}

TEST_F(ChainsTest, TheLastServingMemberIsNeverNamedOut) {
  cluster.Standard();
  for (uint32_t id : {1, 2, 3}) {
    cluster.node(id).Kill(true);
    cluster.Run(Duration::Millis(500));
  }
  for (const auto& [raw, c] : cluster.state().chains()) {
    const ChainConfig& opened = c.config().last_opened();
    ASSERT_EQ(opened.members(0).disk(), 30u);
    ASSERT_EQ(c.config().named().members(0).disk(), 30u);
  }
  // Others are back first: they wait for it (5.5e).
  cluster.node(1).Start();
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(20));
  for (const auto& [raw, c] : cluster.state().chains()) {
    EXPECT_EQ(c.config().last_opened().members(0).disk(), 30u);
  }
  cluster.node(3).Start();
  cluster.Run(Duration::Seconds(8));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
}

TEST_F(ChainsTest, EverythingRestartedAtOnceIsNamedWithAll) {
  cluster.Standard();
  for (uint32_t id : {1, 2, 3}) cluster.node(id).Kill(false);
  cluster.StopLeader();
  cluster.StartLeader();
  cluster.node(2).Start();
  cluster.Run(Duration::Millis(600));
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});  // it waits for the others (4.17)
  cluster.node(1).Start();
  cluster.node(3).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(Epochs(), std::set<uint32_t>{2});
}

TEST_F(ChainsTest, AnUnopenedNameIsNamedAgainWithBackOff) {
  cluster.Standard();
  for (uint32_t id : {1, 3}) cluster.node(id).opens = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(10));
  const uint32_t epoch = *Epochs().rbegin();
  EXPECT_GE(epoch, 3u);  // at 0, 2, 6 s
  EXPECT_LE(epoch, 6u);
  for (uint32_t id : {1, 3}) cluster.node(id).opens = true;
  cluster.Run(Duration::Seconds(15));
  EXPECT_EQ(cluster.Open(), 64u);
}

TEST_F(ChainsTest, AForgottenDiskIsReplacedStepByStep) {
  cluster.Standard(4, 3);
  const size_t chains_of_2 = cluster.state().ChainsOfDisk(20).size();
  ASSERT_GT(chains_of_2, 0u);
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(2));
  Command forget;
  forget.mutable_forget_disk()->set_disk(20);
  ASSERT_TRUE(cluster.Do(forget).ok());
  cluster.Run(Duration::Seconds(10));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_TRUE(cluster.state().ChainsOfDisk(20).empty());
  // It returns as a new disk, and is told to drop what it has of its former chains.
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(cluster.state().formers().empty());
  EXPECT_EQ(cluster.node(2).former_chains.size(), chains_of_2);
}

// What it has was not waited for while it was forgotten: layers may be merged without it (5.5g).
TEST_F(ChainsTest, ADiskForgottenAfterItsChainsLeftDropsWhatItHas) {
  cluster.options.rebuild_delay = Duration::Seconds(1);
  cluster.Standard(4, 3);
  const size_t chains_of_2 = cluster.state().ChainsOfDisk(20).size();
  ASSERT_GT(chains_of_2, 0u);
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(15));
  ASSERT_TRUE(cluster.state().ChainsOfDisk(20).empty());
  Command forget;
  forget.mutable_forget_disk()->set_disk(20);
  ASSERT_TRUE(cluster.Do(forget).ok());
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.node(2).former_chains.size(), chains_of_2);
  EXPECT_TRUE(cluster.state().formers().empty());
}

// What a disk is to drop it is told by an opened config; of a chain that never was there is none.
TEST_F(ChainsTest, AFormerMemberOfAChainThatNeverOpenedDropsItWhenThatOpens) {
  cluster.StartLeader();
  cluster.Init();
  Command group, create, forget;
  group.mutable_update_group()->set_name("default");
  for (uint32_t id : {1, 2, 3}) {
    cluster.AddNode(id).opens = false;
    group.mutable_update_group()->add_add_disks(id * 10);
  }
  cluster.Run(Duration::Millis(500));
  ASSERT_TRUE(cluster.Do(group).ok());
  create.mutable_create_template()->set_name("t");
  create.mutable_create_template()->set_replication(2);
  ASSERT_TRUE(cluster.Do(create).ok());
  cluster.Run(Duration::Millis(500));
  const size_t chains_of_2 = cluster.state().ChainsOfDisk(20).size();
  ASSERT_GT(chains_of_2, 0u);
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(5));
  forget.mutable_forget_disk()->set_disk(20);
  ASSERT_TRUE(cluster.Do(forget).ok());
  cluster.Run(Duration::Seconds(20));
  ASSERT_TRUE(cluster.state().ChainsOfDisk(20).empty());
  ASSERT_EQ(cluster.Open(), 0u);
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().formers().size(), chains_of_2);
  EXPECT_TRUE(cluster.node(2).former_chains.empty());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = true;
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.Open(), 64u);
  EXPECT_EQ(cluster.node(2).former_chains.size(), chains_of_2);
  EXPECT_TRUE(cluster.state().formers().empty());
}

TEST_F(ChainsTest, AForgottenMemberOfADownChainReturnsAsANewDisk) {
  cluster.Standard(2, 2);
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(2));
  ASSERT_EQ(WithRole(20, CHAIN_ROLE_AWAY), 64u);
  cluster.node(1).Kill(true);
  cluster.Run(Duration::Seconds(1));
  Command forget;
  forget.mutable_forget_disk()->set_disk(20);
  ASSERT_TRUE(cluster.Do(forget).ok());
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(cluster.node(2).former_chains.empty());  // only an opened config without it says so
  cluster.node(1).Start();
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.node(2).former_chains.size(), 64u);
  EXPECT_TRUE(cluster.state().formers().empty());
}

TEST_F(ChainsTest, AnAbsentDiskIsReplacedAfterTheRebuildDelay) {
  cluster.options.rebuild_delay = Duration::Seconds(30);
  cluster.Standard(4, 2);
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(20));
  EXPECT_FALSE(cluster.state().ChainsOfDisk(20).empty());
  cluster.Run(Duration::Seconds(20));
  EXPECT_TRUE(cluster.state().ChainsOfDisk(20).empty());
  EXPECT_EQ(cluster.FullyServing(2), 64u);
}

TEST_F(ChainsTest, AFailedDiskLeavesAndItsNodeStays) {
  cluster.Standard();
  ToMetadata failed;
  failed.mutable_disk_failed()->set_disk(30);
  failed.mutable_disk_failed()->set_reason("read error");
  cluster.node(3).Say(failed);
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindDisk(30)->disk().state(), Disk::EJECTED);
  EXPECT_EQ(WithRole(30, CHAIN_ROLE_AWAY), 64u);
  EXPECT_TRUE(cluster.state().FindNode(3)->up());
  EXPECT_EQ(cluster.leader().live().alarms().size(), 1u);
}

TEST_F(ChainsTest, ADiskThatFailsWhileItIsOutIsNotTakenBackInThatLife) {
  cluster.Standard();
  const auto eject = [&](bool bring_back) {
    Command command;
    command.mutable_eject_disk()->set_disk(30);
    command.mutable_eject_disk()->set_bring_back(bring_back);
    return cluster.Do(command).status();
  };
  ASSERT_TRUE(eject(false).ok());
  ToMetadata failed;
  failed.mutable_disk_failed()->set_disk(30);
  failed.mutable_disk_failed()->set_reason("read error");
  cluster.node(3).Say(failed);
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(ErrorName(eject(true)), "busy");
  EXPECT_EQ(cluster.state().FindDisk(30)->disk().state(), Disk::EJECTED);
  cluster.node(3).Kill(true);
  cluster.Run(Duration::Seconds(1));
  cluster.node(3).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(eject(true).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.state().FindDisk(30)->disk().state(), Disk::UP);
  // Another disk in its place has not failed, whichever life it is in.
  ASSERT_TRUE(eject(false).ok());
  cluster.node(3).Say(failed);
  cluster.Run(Duration::Seconds(1));
  const uint64_t life = cluster.state().FindDisk(30)->failed_incarnation();
  cluster.node(3).Kill(true);
  cluster.Run(Duration::Seconds(1));
  cluster.node(3).disks[0].set_store(0xd15c9999);
  cluster.node(3).disks[0].set_incarnation(life - 1);  // the next one begins
  cluster.node(3).Start();
  cluster.Run(Duration::Seconds(1));
  ASSERT_EQ(cluster.state().FindDisk(30)->disk().incarnation(), life);
  EXPECT_TRUE(eject(true).ok());
}

// What is decided by what was known is applied to what is.
TEST_F(ChainsTest, ADiskMayBeForgottenWhileItsFailureIsDecided) {
  cluster.Standard();
  Command eject, forget;
  eject.mutable_eject_disk()->set_disk(30);
  ASSERT_TRUE(cluster.Do(eject).ok());
  cluster.Run(Duration::Seconds(1));
  ToMetadata failed;
  failed.mutable_disk_failed()->set_disk(30);
  failed.mutable_disk_failed()->set_reason("read error");
  cluster.node(3).Say(failed);
  forget.mutable_forget_disk()->set_disk(30);
  const uint64_t before = cluster.medium.last_index;
  ASSERT_TRUE(cluster.Do(forget).ok());
  Command second;
  ASSERT_TRUE(second.ParseFromString(cluster.medium.entries[before + 2]));
  ASSERT_EQ(second.change_members().disks_out_size(), 1);
  EXPECT_EQ(cluster.state().FindDisk(30), nullptr);
}

TEST_F(ChainsTest, ADiskThatNobodyKnowsIsPassedOver) {
  cluster.Standard();
  Command command;
  for (uint32_t disk : {77, 30}) {
    ChangeMembers::DiskOut& out = *command.mutable_change_members()->add_disks_out();
    out.set_disk(disk);
    out.set_state(Disk::EJECTED);
    out.set_reason("read error");
  }
  ASSERT_TRUE(cluster.Do(command).ok());
  EXPECT_EQ(cluster.state().FindDisk(77), nullptr);
  const DiskRecord& known = *cluster.state().FindDisk(30);
  EXPECT_EQ(known.disk().state(), Disk::EJECTED);
  EXPECT_EQ(known.failed_incarnation(), known.disk().incarnation());
}

TEST_F(ChainsTest, ALevelFailureNamesWithoutThoseItBlames) {
  cluster.Standard();
  cluster.node(2).promotes = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(1));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = false;
  cluster.node(2).Promote();
  cluster.Run(Duration::Millis(200));
  ASSERT_EQ(WithRole(20, CHAIN_ROLE_SERVING), 64u);
  for (const auto& [raw, c] : cluster.state().chains()) {
    ToMetadata failed;
    failed.mutable_level_failed()->set_chain(static_cast<uint32_t>(raw));
    failed.mutable_level_failed()->set_epoch(c.config().named().epoch());
    failed.mutable_level_failed()->add_without_disks(20);
    failed.mutable_level_failed()->set_reason("cannot fetch");
    cluster.node(1).Say(failed);
  }
  cluster.reactor.RunUntilIdle();
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = true;
  cluster.Run(Duration::Millis(500));
  EXPECT_EQ(WithRole(20, CHAIN_ROLE_SYNCING), 64u);
  EXPECT_EQ(cluster.Open(), 64u);
}

TEST_F(ChainsTest, ADamagedDiskIsAResyncTarget) {
  cluster.Standard();
  cluster.node(1).promotes = false;
  cluster.node(1).Kill(false);
  cluster.node(1).disks[0].set_damaged(true);
  cluster.node(1).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(WithRole(10, CHAIN_ROLE_SYNCING), 64u);
  cluster.node(1).promotes = true;
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
}

TEST_F(ChainsTest, MassSilenceWaits) {
  cluster.Standard();
  for (uint32_t id : {1, 2, 3}) cluster.node(id).mute = true;
  for (uint32_t id : {1, 2, 3}) cluster.node(id).Cut();
  cluster.Run(Duration::Seconds(8));
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});
  for (uint32_t id : {1, 2, 3}) cluster.node(id).mute = false;
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(Epochs(), std::set<uint32_t>{1});
  EXPECT_EQ(cluster.FullyServing(3), 64u);
}

TEST_F(ChainsTest, WhatIsLeftOfAResyncIsKnownUntilItsEpochEnds) {
  cluster.Standard();
  cluster.node(2).promotes = false;
  cluster.node(2).Kill(/*refused=*/true);
  cluster.Run(Duration::Millis(400));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  ASSERT_EQ(WithRole(20, CHAIN_ROLE_SYNCING), 64u);
  const auto& [chain, record] = *cluster.state().chains().begin();
  const ChainConfig config = record.config().named();
  ToMetadata message;
  ResyncLeft& left = *message.mutable_member_bases()->add_resyncs();
  left.set_chain(static_cast<uint32_t>(chain));
  left.set_epoch(config.epoch());
  left.set_disk(20);
  left.set_left_bytes(12345);
  const metadata::LiveView& live = cluster.leader().live();
  cluster.node(1).Say(message);
  ASSERT_NE(live.resync(left.chain(), 20), nullptr);
  EXPECT_EQ(live.resync(left.chain(), 20)->left_bytes(), 12345u);
  cluster.node(2).promotes = true;
  cluster.node(2).Promote();
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(live.resync(left.chain(), 20), nullptr);
  cluster.node(1).Say(message);  // late
  EXPECT_EQ(live.resync(left.chain(), 20), nullptr);
}

TEST_F(ChainsTest, TheHorizonIsTheLowestBaseOfAllMembers) {
  cluster.Standard();
  const uint32_t chain = static_cast<uint32_t>(cluster.state().chains().begin()->first);
  const auto report = [&](uint32_t node, uint32_t sequence) {
    ToMetadata message;
    MemberBase& base = *message.mutable_member_bases()->add_bases();
    base.set_chain(chain);
    base.set_epoch(1);
    base.set_disk(node * 10);
    base.set_lowest_base(Version(Epoch(1), sequence).raw());
    cluster.node(node).Say(message);
  };
  report(1, 5);
  report(2, 9);
  cluster.Run(Duration::Millis(200));
  EXPECT_TRUE(cluster.node(1).horizons.empty());  // node 3 has not said anything
  report(3, 7);
  cluster.Run(Duration::Millis(200));
  EXPECT_EQ(cluster.node(2).horizons[chain].version(), Version(Epoch(1), 5).raw());
  EXPECT_EQ(cluster.node(2).horizons[chain].epoch(), 1u);
}

// Versions of an epoch are counted: before they end its head asks for another one.
TEST_F(ChainsTest, AnEpochThatIsNearItsEndIsFollowedByAnother) {
  cluster.Standard();
  const auto& [raw, record] = *cluster.state().chains().begin();
  const uint32_t epoch = record.config().named().epoch();
  const uint32_t node =
      cluster.state().FindDisk(record.config().named().members(0).disk())->disk().node();
  ToMetadata message;
  message.mutable_level_failed()->set_chain(static_cast<uint32_t>(raw));
  message.mutable_level_failed()->set_epoch(epoch);
  cluster.node(node).Say(message);
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(record.config().named().epoch(), epoch + 1);
  EXPECT_TRUE(record.config().named().opened());
  cluster.node(node).Say(message);  // it is over already
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(record.config().named().epoch(), epoch + 1);
}

}  // namespace
}  // namespace storpool::metadata
