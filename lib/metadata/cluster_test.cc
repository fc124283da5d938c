// Bootstrap, what bad input gets, sections, restart, determinism, backup and restore.
#include <gtest/gtest.h>

#include "lib/metadata/backup.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class ClusterTest : public testing::Test {
 protected:
  std::string ErrorOf(const Command& command) { return std::string(ErrorName(Do(command))); }
  absl::Status Do(const Command& command) { return cluster.Do(command).status(); }
  static Command Template(const std::string& name, uint32_t replication,
                          const std::string& group = "") {
    Command command;
    command.mutable_create_template()->set_name(name);
    command.mutable_create_template()->set_replication(replication);
    command.mutable_create_template()->set_place_all(group);
    return command;
  }
  static Command Group(const std::string& name, std::vector<uint32_t> add) {
    Command command;
    command.mutable_update_group()->set_name(name);
    for (uint32_t disk : add) command.mutable_update_group()->add_add_disks(disk);
    return command;
  }
  FakeCluster cluster;
};

TEST_F(ClusterTest, NothingIsPossibleBeforeInitAndInitHappensOnce) {
  cluster.StartLeader();
  EXPECT_EQ(Do(Group("g", {})).code(), absl::StatusCode::kFailedPrecondition);
  cluster.AddNode(1);
  cluster.Run(Duration::Millis(100));
  EXPECT_NE(cluster.node(1).refusal.find("no cluster yet"), std::string::npos);
  cluster.Init();
  EXPECT_EQ(cluster.state().cluster().name(), "d.n");
  Command again;
  again.mutable_init()->set_uuid("0123456789abcdef");
  again.mutable_init()->set_name("d.n");
  again.mutable_init()->set_secret(std::string(32, 'x'));
  EXPECT_EQ(ErrorOf(again), "objectExists");
}

TEST_F(ClusterTest, AWrongSecretIsRefused) {
  cluster.StartLeader();
  cluster.Init();
  FakeNode& node = cluster.AddNode(1);
  node.Kill(false);
  node.secret = "guess";
  node.Start();
  cluster.Run(Duration::Millis(200));
  EXPECT_NE(node.refusal.find("secret"), std::string::npos);
  EXPECT_FALSE(node.registered);
  EXPECT_EQ(cluster.leader().live().node(1).up, false);
}

TEST_F(ClusterTest, ADiskIdInUseElsewhereIsRefused) {
  cluster.Standard();
  FakeNode& other = cluster.AddNode(5, {10});
  cluster.Run(Duration::Millis(200));
  EXPECT_NE(other.refusal.find("disk 10 is in use on node 1"), std::string::npos) << other.refusal;
}

TEST_F(ClusterTest, TemplatesNeedWhatTheyName) {
  cluster.Standard(2, 2);
  EXPECT_EQ(ErrorOf(Template("t", 2)), "objectExists");
  EXPECT_EQ(ErrorOf(Template("bad/name", 2)), "invalidParam");
  EXPECT_EQ(ErrorOf(Template("t4", 4)), "invalidParam");
  EXPECT_EQ(ErrorOf(Template("tg", 2, "none")), "objectDoesNotExist");
  const absl::Status large = Do(Template("t3", 3));
  EXPECT_EQ(ErrorName(large), "insufficientResources");
  EXPECT_NE(large.message().find("replication 3 needs disks on 3"), absl::string_view::npos);
  EXPECT_NE(large.message().find("default has disks on node 1, node 2"), absl::string_view::npos);
  EXPECT_EQ(cluster.state().chains().size(), 64u);  // nothing is left of it
}

TEST_F(ClusterTest, VolumesNeedGoodNamesAndSizes) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  EXPECT_EQ(ErrorName(cluster.CreateVolume("v").status()), "objectExists");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("w", "none").status()), "objectDoesNotExist");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("w", "t", 513).status()), "invalidParam");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("w", "t", 0).status()), "invalidParam");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("a b").status()), "invalidParam");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("list").status()), "invalidParam");
  const auto volume = cluster.state().FindVolume("v");
  ASSERT_TRUE(volume.ok());
  EXPECT_EQ(volume->global_id(), "d.n.1");
  EXPECT_EQ(cluster.state().FindVolume("~d.n.1")->id(), volume->id());
  EXPECT_EQ(ErrorName(cluster.state().FindVolume("~d.n.2").status()), "objectDoesNotExist");
}

TEST_F(ClusterTest, GroupsInUseAndDisksThatAreUpStay) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  EXPECT_EQ(ErrorOf(Group("g", {99})), "objectDoesNotExist");
  Command group;
  group.mutable_delete_group()->set_name("default");
  EXPECT_EQ(ErrorOf(group), "busy");
  Command up;
  up.mutable_forget_disk()->set_disk(10);
  EXPECT_EQ(ErrorOf(up), "busy");
}

TEST_F(ClusterTest, OnlyAGroupThatIsThereIsRenamed) {
  cluster.Standard();
  Command rename = Group("sdd", {});
  rename.mutable_update_group()->set_rename("nvme");
  EXPECT_EQ(ErrorOf(rename), "objectDoesNotExist");
  rename.mutable_update_group()->add_add_disks(10);
  EXPECT_EQ(ErrorOf(rename), "objectDoesNotExist");
  EXPECT_EQ(cluster.state().FindGroup("nvme"), nullptr);
  ASSERT_TRUE(Do(Group("sdd", {10})).ok());  // as StorPool's PlacementGroupUpdate makes one
  EXPECT_TRUE(Do(rename).ok());
  EXPECT_NE(cluster.state().FindGroup("nvme"), nullptr);
}

TEST_F(ClusterTest, SectionsComeWhenTheyChange) {
  cluster.Standard();
  FakeNode& node = cluster.node(1);
  node.Cut();
  for (const char* name : {"disks", "table/1"}) node.follows.emplace_back().set_section(name);
  cluster.Run(Duration::Millis(300));
  EXPECT_EQ(node.sections["disks"].disks().nodes_size(), 3);
  EXPECT_EQ(node.sections["disks"].disks().disks(0).address(), "host1:1");
  const Section table = node.sections["table/1"];
  EXPECT_TRUE(table.table().complete());
  EXPECT_EQ(table.table().configs_size(), 64);
  cluster.node(3).Kill(true);
  cluster.Run(Duration::Seconds(1));
  EXPECT_GT(node.sections["table/1"].version(), table.version());
  EXPECT_FALSE(node.sections["table/1"].table().complete());
  EXPECT_TRUE(node.sections["table/1"].table().configs(0).named().opened());
}

TEST_F(ClusterTest, ALineThatIsGoneIsSaidToBe) {
  cluster.Standard();
  const auto sections = SectionsAbove(cluster.state(), "line/77", 0);
  ASSERT_EQ(sections.size(), 1u);
  EXPECT_TRUE(sections[0].line().dropped());
  EXPECT_TRUE(SectionsAbove(cluster.state(), "line/77", UINT32_MAX).empty());
}

TEST_F(ClusterTest, ARestartLoadsWhatWasThere) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const std::string before = cluster.Dump();
  cluster.StopLeader();
  Random random(3);
  cluster.store.PowerCut(random);  // what was not synced comes back from the log
  cluster.StartLeader();
  EXPECT_EQ(cluster.Dump(), before);
  EXPECT_EQ(cluster.state().volumes().size(), 1u);
  cluster.Run(Duration::Seconds(4));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_EQ(cluster.state().chains().begin()->second.config().named().epoch(), 1u);
}

TEST_F(ClusterTest, TheSameCommandsGiveTheSameBytes) {
  cluster.Standard();
  cluster.AddClient(1);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(2));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(2));
  env::MemoryKeyValueStore again;
  State state(again);
  ASSERT_TRUE(state.Load().ok());
  for (const auto& [index, bytes] : cluster.medium.entries) {
    Command command;
    ASSERT_TRUE(command.ParseFromString(bytes));
    state.Apply(index, command);
  }
  std::string dump;
  ASSERT_TRUE(again
                  .Scan("",
                        [&](std::string_view key, std::string_view value) {
                          dump.append(key).append("=").append(value).append("\n");
                          return true;
                        })
                  .ok());
  EXPECT_EQ(dump, cluster.Dump());
}

TEST_F(ClusterTest, ABackupComesBackAboveEverythingSeen) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  cluster.AddClient(1);
  Command attach;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  cluster.Run(Duration::Millis(200));
  ASSERT_TRUE(Do(attach).ok());
  const std::string backup = cluster.TakeBackup();
  // Life goes on: another volume, more epochs.
  ASSERT_TRUE(cluster.CreateVolume("later").ok());
  const uint64_t later = cluster.state().FindVolume("later")->id();
  const uint64_t lost = cluster.state().FindVolume("later")->lineage();
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(1));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  const uint32_t epoch = cluster.state().chains().begin()->second.config().named().epoch();
  const uint64_t section = cluster.state().SectionVersion("table/1");

  cluster.client(1).Kill(false);
  cluster.RestoreFrom(backup);
  EXPECT_EQ(Restore(backup, cluster.store).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(cluster.state().cluster().restoring());
  cluster.node(1).Start();
  cluster.node(2).Start();
  cluster.client(1).Start();
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.state().cluster().restoring());  // node 3 has not said what it knows
  EXPECT_FALSE(cluster.client(1).Find("v")->granted());
  cluster.node(3).Start();
  cluster.Run(Duration::Seconds(3));
  EXPECT_FALSE(cluster.state().cluster().restoring());
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  EXPECT_GT(cluster.state().chains().begin()->second.config().named().epoch(), epoch);
  EXPECT_GT(cluster.state().SectionVersion("table/1"), section);
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  EXPECT_GT(cluster.client(1).Find("v")->generation(), 1u << 20);
  ASSERT_TRUE(cluster.CreateVolume("new").ok());
  EXPECT_GT(cluster.state().FindVolume("new")->id(), later);
  ASSERT_TRUE(cluster.Snapshot({"new"}).ok());  // of ids that some disk may have seen none is used
  EXPECT_GT(cluster.state().NewestLayer(cluster.state().FindVolume("new")->lineage()), 1u << 20);
  // Of what was made after the backup metadata says nothing: "gone" would destroy it on the disks.
  EXPECT_TRUE(cluster.state().IsLost(lost));
  EXPECT_TRUE(SectionsAbove(cluster.state(), LineSectionName(lost), 0).empty());
  EXPECT_FALSE(SectionsAbove(cluster.state(), LineSectionName(lost - 1), 0).empty());
  ToMetadata subscribe;
  subscribe.mutable_subscribe()->add_sections()->set_section(LineSectionName(lost));
  cluster.node(1).Say(subscribe);
  cluster.Run(Duration::Millis(50));
  EXPECT_NE(cluster.leader().live().alarms().back().text().find("has 1 lines"), std::string::npos);
}

TEST_F(ClusterTest, ALineThatIsGoneIsToldOnceAndFollowedNoMore) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const std::string line = LineSectionName(cluster.state().FindVolume("v")->lineage());
  Subscriptions followed;
  SectionVersion wanted;
  for (const std::string& name : {line, std::string("disks")}) {
    wanted.set_section(name);
    ASSERT_TRUE(followed.Add(wanted, 2));
  }
  EXPECT_EQ(followed.TakeNews(cluster.state(), {}).size(), 2u);
  wanted.set_section("table/1");
  EXPECT_FALSE(followed.Add(wanted, 2)) << "it follows as many as it may";
  for (uint32_t id : {1, 2, 3}) cluster.node(id).drops = false;
  Command remove;
  remove.mutable_delete_volume()->mutable_remove()->set_name("v");
  ASSERT_TRUE(Do(remove).ok());
  const std::vector<Section> news = followed.TakeNews(cluster.state(), {line});
  ASSERT_EQ(news.size(), 1u);
  EXPECT_TRUE(news[0].line().dropped());
  EXPECT_TRUE(followed.Add(wanted, 2));
  EXPECT_EQ(followed.size(), 2u);
}

TEST_F(ClusterTest, ASectionThatIsNotToldRaisesAnAlarm) {
  cluster.Standard();
  ToMetadata subscribe;
  subscribe.mutable_subscribe()->add_sections()->set_section("line/one");
  cluster.node(1).Say(subscribe);
  ASSERT_FALSE(cluster.leader().live().alarms().empty());
  EXPECT_NE(cluster.leader().live().alarms().back().text().find("line/one"), std::string::npos);
}

TEST_F(ClusterTest, ARestoredClusterDoesNotWaitForANodeThatIsForgotten) {
  cluster.Standard();
  const std::string backup = cluster.TakeBackup();
  cluster.RestoreFrom(backup);
  cluster.node(1).Start();
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(2));
  ASSERT_TRUE(cluster.state().cluster().restoring());
  Command forget;
  forget.mutable_forget_service()->set_node(2);
  EXPECT_EQ(ErrorName(Do(forget)), "busy") << "it is up";
  forget.mutable_forget_service()->set_node(3);
  ASSERT_TRUE(Do(forget).ok());
  EXPECT_FALSE(cluster.state().cluster().restoring());
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.Open(), 64u);
  EXPECT_NE(cluster.state().FindNode(3), nullptr) << "its disks are still known";
}

TEST_F(ClusterTest, ServicesThatAreDownCanBeForgotten) {
  cluster.Standard();
  cluster.AddClient(1);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  cluster.Run(Duration::Millis(200));
  Command attach, client, node, disk;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  ASSERT_TRUE(Do(attach).ok());
  client.mutable_forget_service()->set_client(1);
  node.mutable_forget_service()->set_node(3);
  disk.mutable_forget_disk()->set_disk(30);
  EXPECT_EQ(ErrorName(Do(client)), "busy") << "it is up";
  cluster.client(1).Kill(true);
  cluster.node(3).Kill(true);
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(ErrorName(Do(client)), "busy") << "it has an attachment";
  EXPECT_EQ(ErrorName(Do(node)), "busy") << "it has a disk";
  Command detach;
  detach.mutable_detach()->set_volume("v");
  detach.mutable_detach()->set_client(1);
  detach.mutable_detach()->set_force(true);
  ASSERT_TRUE(Do(detach).ok());
  cluster.Run(Duration::Seconds(3));
  ASSERT_TRUE(Do(client).ok());
  EXPECT_EQ(cluster.state().FindClient(1), nullptr);
  EXPECT_EQ(ErrorName(Do(client)), "objectDoesNotExist");
  ASSERT_TRUE(Do(disk).ok());
  ASSERT_TRUE(Do(node).ok());
  EXPECT_EQ(cluster.state().FindNode(3), nullptr);
  cluster.node(3).Start();  // whoever starts it again brings it back
  cluster.Run(Duration::Seconds(1));
  EXPECT_NE(cluster.state().FindNode(3), nullptr);
}

// protobuf writes a text that is no UTF-8, and does not read it again: it must not get into the
// log.
TEST_F(ClusterTest, ATextThatIsNoUtf8IsRefusedAndTheLogStaysReadable) {
  cluster.Standard();
  Command remove;
  remove.mutable_delete_volume()->mutable_remove()->set_name("f\xfcr");
  EXPECT_EQ(ErrorName(Do(remove)), "invalidParam");
  cluster.RestartLeader();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(cluster.CreateVolume("v").ok());
}

TEST_F(ClusterTest, ADamagedBackupIsRefused) {
  cluster.Standard();
  const std::string backup = cluster.TakeBackup();
  env::MemoryKeyValueStore empty;
  EXPECT_EQ(Restore("something else", empty).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Restore(backup.substr(0, 40), empty).code(), absl::StatusCode::kDataLoss);
  std::string flipped = backup;
  flipped[flipped.size() / 2] ^= 1;
  EXPECT_EQ(Restore(flipped, empty).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Restore(backup.substr(0, backup.size() - 1), empty).code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Restore(backup, empty).ok());
}

TEST_F(ClusterTest, AnUnknownCommandChangesNothingButTheIndex) {
  cluster.Standard();
  const uint64_t applied = cluster.state().applied();
  Command empty;
  EXPECT_EQ(Do(empty).code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(cluster.state().applied(), applied + 1);  // a failed command changes its index alone
}

TEST_F(ClusterTest, ASecondProcessOfANodeWaitsAndIsThenRefusedForGood) {
  cluster.Standard();
  cluster.node(1).Kill(true);
  cluster.node(1).Start();  // another life than the twin's
  cluster.Run(Duration::Seconds(2));
  FakeNode twin(cluster, 1);
  twin.Start();
  const auto ask = [&] {
    twin.Cut();
    twin.Connect();
    cluster.Run(Duration::Millis(50));
    twin.Pump();
  };
  ask();
  EXPECT_NE(twin.refusal.find("another process is node 1 already"), std::string::npos);
  EXPECT_FALSE(twin.refused_for_good);
  cluster.Run(cluster.options.ejection * 2);
  ask();
  EXPECT_TRUE(twin.refused_for_good);
  EXPECT_FALSE(twin.registered);
  EXPECT_TRUE(cluster.node(1).registered);
  // A process whose link stands but that says nothing is dead in the end: the other takes over.
  cluster.node(1).mute = true;
  cluster.Run(cluster.options.ejection);
  ask();
  EXPECT_TRUE(twin.registered);
  twin.Kill(true);
}

}  // namespace
}  // namespace storpool::metadata
