// Snapshots and their deletion (9.3, 4.8): hazards 8.x as far as metadata decides.
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/snapshots_fixture.h"

namespace storpool::metadata {
namespace {

TEST_F(SnapshotsTest, AVolumeWithoutAWriterIsSealedAtOnce) {
  Attach("v", 1, READ_ONLY);
  const auto made = cluster.Snapshot({"v"});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->operation(), 0u);
  EXPECT_EQ(Get("s-v").id(), made->snapshots(0));
  EXPECT_TRUE(LineOf("v").layers(0).sealed());
  EXPECT_FALSE(LineOf("v").layers(1).sealed());
  EXPECT_EQ(ErrorName(cluster.Snapshot({"v"}).status()), "objectExists");
  Command anonymous;
  anonymous.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
  const auto second = cluster.Do(anonymous);
  ASSERT_TRUE(second.ok());
  const Volume& snapshot = *cluster.state().FindVolume(second->snapshots(0));
  EXPECT_EQ(snapshot.name(), "v@" + std::to_string(snapshot.id()));
  EXPECT_TRUE(snapshot.auto_name());
}

TEST_F(SnapshotsTest, AGroupIsHeldTogetherAndSealedTogether) {
  Attach("v", 1);
  Attach("w", 2);
  const auto asked = cluster.Snapshot({"v", "w"});
  ASSERT_TRUE(asked.ok());
  EXPECT_NE(asked->operation(), 0u);
  EXPECT_FALSE(Exists("s-v"));  // nobody sees it before all are sealed
  EXPECT_EQ(ErrorName(cluster.CreateVolume("s-v").status()), "objectExists");
  EXPECT_EQ(ErrorName(cluster.Snapshot({"v"}).status()), "busy");
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_TRUE(Exists("s-w"));
  EXPECT_EQ(At("v", 1).layer(), 2u);
  EXPECT_EQ(cluster.client(1).layers[Get("v").id()], 2u);
  ASSERT_EQ(cluster.client(1).hold_orders.size(), 1u);
  EXPECT_FALSE(cluster.client(1).hold_orders[0].alone());
  EXPECT_TRUE(cluster.client(1).unfinished.empty());
  EXPECT_TRUE(cluster.state().operations().empty());
  EXPECT_TRUE(cluster.state().behind().empty());
}

TEST_F(SnapshotsTest, NothingIsHeldBeforeEveryServingMemberHasTheLine) {
  Attach("v", 1);
  cluster.node(2).keeps_lines = false;  // S6
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.client(1).hold_orders.empty());
  EXPECT_FALSE(Exists("s-v"));
  cluster.node(2).keeps_lines = true;
  cluster.node(2).SayLines();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_TRUE(cluster.client(1).hold_orders[0].alone());
}

TEST_F(SnapshotsTest, NodesAreOrderedOnlyWhatALongLineHasNew) {
  for (int i = 0; i < 100; ++i) {  // nobody writes: no work, and no orders
    Command command;
    command.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
    ASSERT_TRUE(cluster.Do(command).ok());
  }
  Attach("v", 1);
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Exists("s-v"));
  ASSERT_TRUE(Delete("s-v", true).ok());
  cluster.Run(Duration::Seconds(2));
  for (uint32_t id : {1, 2, 3}) {
    EXPECT_GT(cluster.node(id).layers_ordered, 100);  // the first time all of it
    cluster.node(id).layers_ordered = 0;
  }
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Exists("s-v"));
  for (uint32_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.node(id).lines.at(Get("v").lineage()).version(), LineOf("v").version());
    EXPECT_LE(cluster.node(id).layers_ordered, 6);
  }
}

TEST_F(SnapshotsTest, AClientThatGoesOnByItselfFailsTheSnapshotNotTheVolume) {
  Attach("v", 1);
  Attach("w", 2);
  cluster.client(2).times_out = true;
  cluster.client(2).drains = false;
  const auto asked = cluster.Snapshot({"v", "w"});
  ASSERT_TRUE(asked.ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_FALSE(Exists("s-v"));
  EXPECT_FALSE(Exists("s-w"));
  EXPECT_FALSE(cluster.leader().live().failure(asked->operation()).empty());
  EXPECT_TRUE(cluster.state().operations().empty());
  // The other one was moved alone, and its old layer merged; this one still has requests there.
  EXPECT_EQ(LineOf("v").layers_size(), 1);
  EXPECT_EQ(LineOf("w").layers_size(), 2);
  EXPECT_EQ(ErrorName(cluster.Snapshot({"w"}).status()), "busy");
  cluster.client(2).times_out = false;
  cluster.client(2).drains = true;
  cluster.Run(Duration::Seconds(6));
  EXPECT_EQ(LineOf("w").layers_size(), 1);
  EXPECT_EQ(At("w", 2).layer(), 2u);
  ASSERT_TRUE(cluster.Snapshot({"w"}).ok());  // the name is free again
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(Exists("s-w"));
}

TEST_F(SnapshotsTest, AMuteClientCostsTheTimeOutOnly) {
  Attach("v", 1);
  cluster.client(1).holds = false;
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Seconds(16));
  EXPECT_TRUE(cluster.state().operations().empty());
  EXPECT_FALSE(Exists("s-v"));
  EXPECT_EQ(LineOf("v").layers_size(), 2);  // its session may still write the older
  cluster.client(1).holds = true;
  cluster.Run(Duration::Seconds(6));
  EXPECT_EQ(LineOf("v").layers_size(), 1);
}

TEST_F(SnapshotsTest, AClientThatIsNotThereIsFencedFirst) {
  Attach("v", 1);
  const uint32_t before = At("v", 1).generation();
  cluster.client(1).Kill(false);
  cluster.Run(Duration::Millis(200));
  cluster.node(3).raises = false;
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(cluster.options.ejection + Duration::Seconds(2));
  EXPECT_GT(At("v", 1).generation(), before);
  EXPECT_FALSE(Exists("s-v"));  // the fence waits for all chains
  cluster.node(3).raises = true;
  cluster.Run(Duration::Seconds(3));
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_GT(At("v", 1).generation(), before);
  EXPECT_EQ(At("v", 1).layer(), 2u);
}

// Generations count per volume: those of two are often the same.
TEST_F(SnapshotsTest, EverySessionOfAClientThatIsNotThereIsFenced) {
  Attach("v", 1);
  Attach("w", 1);
  ASSERT_EQ(At("v", 1).generation(), At("w", 1).generation());
  cluster.client(1).Kill(false);
  cluster.Run(Duration::Millis(200));
  ASSERT_TRUE(cluster.Snapshot({"v", "w"}).ok());
  cluster.Run(cluster.options.ejection + Duration::Seconds(5));
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_TRUE(Exists("s-w"));
}

TEST_F(SnapshotsTest, AClientWhoseLinkIsDownForAMomentIsNotFenced) {
  Attach("v", 1);
  const uint32_t before = At("v", 1).generation();
  cluster.client(1).holds = false;
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Millis(300));
  cluster.client(1).holds = true;
  cluster.RestartLeader();  // it ticks before anybody has found it
  cluster.reactor.AdvanceBy(cluster.options.ejection - Duration::Millis(500));
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_EQ(At("v", 1).generation(), before);
  EXPECT_TRUE(At("v", 1).granted());
}

TEST_F(SnapshotsTest, AClientThatComesBackInTimeIsHeldAgain) {
  Attach("v", 1);
  cluster.client(1).holds = false;
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Millis(300));
  ASSERT_EQ(cluster.client(1).hold_orders.size(), 1u);
  cluster.client(1).holds = true;
  cluster.client(1).Cut();
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Exists("s-v"));
  EXPECT_EQ(cluster.leader().live().pause(Get("s-v").id()), Duration::Micros(1500));
}

TEST_F(SnapshotsTest, SeveralWritersAreBusy) {
  Attach("v", 1);
  Attach("v", 2);
  EXPECT_EQ(ErrorName(cluster.Snapshot({"v"}).status()), "busy");
}

// It would write the new layer, while the other one still writes the old one.
TEST_F(SnapshotsTest, WhoIsToWriteAfterItsFenceIsAWriterToo) {
  Attach("v", 2);
  Attach("v", 1, READ_ONLY);
  cluster.node(2).raises = false;
  Command change;
  change.mutable_reassign()->add_entries()->set_volume("v");
  change.mutable_reassign()->mutable_entries(0)->add_rw(1);
  ASSERT_TRUE(cluster.Do(change).ok());
  cluster.Run(Duration::Millis(200));
  ASSERT_EQ(cluster.state().fences().size(), 1u);
  ASSERT_EQ(At("v", 1).rights(), READ_ONLY);
  EXPECT_EQ(ErrorName(cluster.Snapshot({"v"}).status()), "busy");
}

TEST_F(SnapshotsTest, ADeathOfMetadataAtAnyStepIsSurvived) {
  Attach("v", 1);
  Attach("w", 2);
  for (int steps = 0; steps < 12; ++steps) {
    ASSERT_TRUE(cluster.Snapshot({"v", "w"}).ok()) << steps;
    for (int i = 0; i < steps; ++i) cluster.Run(Duration::Millis(50));
    cluster.RestartLeader();
    cluster.Run(Duration::Seconds(20));
    ASSERT_TRUE(cluster.state().operations().empty()) << steps;
    ASSERT_TRUE(cluster.state().behind().empty()) << steps;
    ASSERT_EQ(Exists("s-v"), Exists("s-w")) << steps;
    if (!Exists("s-v")) continue;
    ASSERT_TRUE(Delete("s-v", true).ok());
    cluster.RestartLeader();
    ASSERT_TRUE(Delete("s-w", true).ok());
    cluster.Run(Duration::Seconds(2));
    ASSERT_TRUE(cluster.state().removed_layers().empty()) << steps;
    ASSERT_EQ(LineOf("v").layers_size(), 1) << steps;
  }
}

TEST_F(SnapshotsTest, ADeletedSnapshotShowsUntilEveryDiskHasAppliedIt) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  const uint64_t id = Get("s-v").id();
  cluster.node(2).applies = false;
  ASSERT_TRUE(Delete("s-v", true).ok());
  EXPECT_EQ(ErrorName(Delete("s-v", true)), "objectDoesNotExist");
  cluster.Run(Duration::Seconds(1));
  ASSERT_NE(cluster.state().FindVolume(id), nullptr);
  EXPECT_EQ(cluster.state().Shown(*cluster.state().FindVolume(id)).name(), "*s-v");
  EXPECT_EQ(LineOf("v").removed(0).into(), 2u);
  EXPECT_EQ(cluster.leader().lines().WorkOn(Get("v").lineage()).left, 5u);
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());  // its name is free
  cluster.node(2).applies = true;
  cluster.node(2).SayLines();
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindVolume(id), nullptr);
  EXPECT_EQ(LineOf("v").removed_size(), 0);
  EXPECT_EQ(cluster.node(1).lines[Get("v").lineage()].removed_size(), 0);
}

TEST_F(SnapshotsTest, ADiskThatIsAwayKeepsTheMap) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Delete("s-v", true).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(LineOf("v").removed_size(), 1);  // it may return with that layer (4.8)
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(3));
  EXPECT_EQ(LineOf("v").removed_size(), 0);
}

// In its volume's new layer it would be ahead of the others (9.3).
TEST_F(SnapshotsTest, ASessionThatBeginsWhileAGroupWaitsIsGrantedAfterwards) {
  Attach("v", 1);
  Attach("w", 2);
  cluster.node(2).keeps_lines = false;
  Command command;
  SnapshotCreateRequest& create = *command.mutable_create_snapshots()->mutable_create();
  for (const char* name : {"v", "w"}) {
    create.add_volumes()->set_volume(name);
    create.mutable_volumes(create.volumes_size() - 1)->set_name(std::string("s-") + name);
  }
  ASSERT_TRUE(cluster.Do(command).ok());
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Seconds(1));
  ASSERT_EQ(cluster.state().operations().size(), 1u);
  EXPECT_FALSE(At("v", 1).granted());
  cluster.node(2).keeps_lines = true;
  cluster.node(2).SayLines();
  cluster.Run(Duration::Seconds(5));
  EXPECT_TRUE(cluster.state().operations().empty());
  EXPECT_TRUE(Exists("s-v"));
  EXPECT_TRUE(Exists("s-w"));
  EXPECT_TRUE(At("v", 1).granted());
  EXPECT_EQ(At("v", 1).layer(), 2u);
}

TEST_F(SnapshotsTest, FreezeKeepsNameAndGlobalId) {
  const Volume before = Get("v");
  Command freeze;
  freeze.mutable_freeze_volume()->mutable_freeze()->set_name("v");
  ASSERT_TRUE(cluster.Do(freeze).ok());
  EXPECT_TRUE(Get("v").snapshot());
  EXPECT_EQ(Get("v").global_id(), before.global_id());
  EXPECT_TRUE(LineOf("v").layers(0).sealed());
  EXPECT_EQ(ErrorName(cluster.Snapshot({"v"}).status()), "objectDoesNotExist");
  ASSERT_TRUE(Clone("c", "v").ok());
}

TEST_F(SnapshotsTest, ASnapshotIsAttachedReadOnly) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  Command command;
  command.mutable_attach()->set_volume("s-v");
  command.mutable_attach()->set_client(1);
  command.mutable_attach()->set_rights(READ_WRITE);
  EXPECT_EQ(ErrorName(cluster.Do(command).status()), "invalidParam");
  Attach("s-v", 1, RIGHTS_UNSPECIFIED);
  const Attachment* a = cluster.client(1).Find("s-v");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->rights(), READ_ONLY);
  EXPECT_EQ(a->layer(), 1u);
  EXPECT_TRUE(a->snapshot());
  EXPECT_EQ(ErrorName(Delete("s-v", true)), "busy");
  Detach("s-v");
  EXPECT_TRUE(Delete("s-v", true).ok());
}

TEST_F(SnapshotsTest, SnapshotsExpire) {
  const int64_t now = cluster.reactor.clock().WallSeconds();
  Command command;
  SnapshotCreateRequest& create = *command.mutable_create_snapshots()->mutable_create();
  create.add_volumes()->set_volume("v");
  create.mutable_volumes(0)->set_name("e");
  create.set_delete_at_seconds(now + 5);
  ASSERT_TRUE(cluster.Do(command).ok());
  cluster.Run(Duration::Seconds(3));
  EXPECT_TRUE(Exists("e"));
  cluster.RestartLeader();  // perhaps with the machine, whose clock nobody has set yet
  cluster.Run(Leader::kExpiryPause - Duration::Seconds(1));
  EXPECT_TRUE(Exists("e"));
  cluster.Run(Duration::Seconds(2));
  EXPECT_FALSE(Exists("e"));
}

// A second writer would not be held: the snapshot would be sealed under it.
TEST_F(SnapshotsTest, NobodyIsAttachedToWriteWhileASnapshotIsMade) {
  Attach("v", 2);
  cluster.client(2).holds = false;
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  ASSERT_EQ(cluster.state().operations().size(), 1u);
  Command attach;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  EXPECT_EQ(ErrorName(cluster.Do(attach).status()), "busy");
  attach.mutable_attach()->set_rights(READ_ONLY);
  EXPECT_TRUE(cluster.Do(attach).ok());
}

}  // namespace
}  // namespace storpool::metadata
