// Clones, what bound and transient snapshots do, revert (9.4, 9.5): hazards 8.x as far as metadata
// decides.
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/snapshots_fixture.h"

namespace storpool::metadata {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class ClonesTest : public SnapshotsTest {};

TEST_F(ClonesTest, AVolumeGoesItsSnapshotsStay) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  const uint64_t lineage = Get("v").lineage();
  ASSERT_TRUE(Delete("v", false).ok());
  EXPECT_FALSE(Exists("v"));
  EXPECT_TRUE(Exists("s-v"));
  const Line line = cluster.state().WholeLine(lineage);
  ASSERT_EQ(line.layers_size(), 1);
  EXPECT_EQ(line.removed(0).layer(), 2u);
  EXPECT_EQ(line.removed(0).into(), 0u);  // freed
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Delete("s-v", true).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindLine(lineage), nullptr);  // nothing is left
}

TEST_F(ClonesTest, ACloneKeepsItsParentUntilItGoes) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  const Volume parent = Get("s-v");
  ASSERT_TRUE(Clone("c", "s-v", 2 * kGiB).ok());
  EXPECT_EQ(ErrorName(Clone("d", "s-v", kGiB / 2).status()), "invalidParam");
  EXPECT_EQ(LineOf("c").parent_lineage(), parent.lineage());
  EXPECT_EQ(LineOf("c").parent_layer(), 1u);
  EXPECT_EQ(LineOf("c").parent_size_bytes(), kGiB);
  ASSERT_TRUE(Delete("s-v", true).ok());
  ASSERT_TRUE(Delete("v", false).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_FALSE(Exists("s-v"));
  ASSERT_NE(cluster.state().FindLayer(parent.lineage(), 1), nullptr);  // only hidden (8.8)
  cluster.RestartLeader();
  cluster.Run(Duration::Seconds(1));
  ASSERT_NE(cluster.state().FindVolume(parent.id()), nullptr);
  ASSERT_TRUE(Delete("c", false).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindLine(parent.lineage()), nullptr);
  EXPECT_EQ(cluster.state().FindVolume(parent.id()), nullptr);
}

// Not that of the template, which may be smaller.
TEST_F(ClonesTest, ACloneHasTheSizeOfWhatItIsMadeOf) {
  Command shrink;
  shrink.mutable_update_template()->mutable_update()->set_name("t");
  shrink.mutable_update_template()->mutable_update()->set_size_bytes(kGiB / 2);
  ASSERT_TRUE(cluster.Do(shrink).ok());
  Command command;
  VolumeCreateRequest& create = *command.mutable_create_volume()->mutable_create();
  create.set_name("c");
  create.set_template_name("t");
  create.set_base_on("v");
  ASSERT_TRUE(cluster.Do(command).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Exists("c"));
  EXPECT_EQ(Get("c").size_bytes(), kGiB);
}

TEST_F(ClonesTest, ACloneOfAnAttachedVolumeComesThroughTheHold) {
  Attach("v", 1);
  Command command;
  VolumeCreateRequest& create = *command.mutable_create_volume()->mutable_create();
  create.set_name("c");
  create.set_base_on("v");
  const auto asked = cluster.Do(command);
  ASSERT_TRUE(asked.ok());
  EXPECT_FALSE(Exists("c"));
  EXPECT_EQ(ErrorName(cluster.CreateVolume("c").status()), "objectExists");
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Exists("c"));
  EXPECT_EQ(Get("c").id(), asked->id());
  EXPECT_EQ(Get("c").global_id(), asked->global_id());
  const Volume* base = cluster.state().FindVolume(asked->snapshots(0));
  ASSERT_NE(base, nullptr);
  EXPECT_TRUE(base->transient());
  ASSERT_TRUE(Delete("c", false).ok());  // a transient snapshot goes with its last clone
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindVolume(asked->snapshots(0)), nullptr);
  EXPECT_EQ(LineOf("v").layers_size(), 1);
}

TEST_F(ClonesTest, BoundSnapshotsGoWithTheirLastChild) {
  Command command;
  SnapshotCreateRequest& create = *command.mutable_create_snapshots()->mutable_create();
  create.add_volumes()->set_volume("v");
  create.mutable_volumes(0)->set_name("b");
  create.set_bind(true);
  ASSERT_TRUE(cluster.Do(command).ok());
  ASSERT_TRUE(Clone("c", "b").ok());
  ASSERT_TRUE(Delete("v", false).ok());
  EXPECT_TRUE(Exists("b"));
  ASSERT_TRUE(Delete("c", false).ok());
  EXPECT_FALSE(Exists("b"));
}

TEST_F(ClonesTest, BoundSnapshotsStayWhereNoChildIsDeleted) {
  const auto bound = [&](const std::string& name) {
    Command command;
    SnapshotCreateRequest& create = *command.mutable_create_snapshots()->mutable_create();
    create.add_volumes()->set_volume("v");
    create.mutable_volumes(0)->set_name(name);
    create.set_bind(true);
    ASSERT_TRUE(cluster.Do(command).ok());
    cluster.Run(Duration::Seconds(1));
  };
  bound("b1");
  bound("b2");
  ASSERT_TRUE(Revert("v", "b1").ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(Exists("b1"));
  EXPECT_TRUE(Exists("b2"));
  Attach("b2", 1, READ_ONLY);  // to look at it
  Detach("b2");
  EXPECT_TRUE(Exists("b2"));
}

TEST_F(ClonesTest, ForeignParentsInARowAreBounded) {
  std::string parent = "v";
  absl::Status last;
  for (uint32_t i = 0; i <= kForeignParentsMax; ++i) {
    ASSERT_TRUE(cluster.Snapshot({parent}).ok());
    const std::string clone = "c" + std::to_string(i);
    last = Clone(clone, "s-" + parent).status();
    if (!last.ok()) break;
    ASSERT_EQ(cluster.state().Ancestors(Get(clone).lineage()).size(), i + 1);
    parent = clone;
  }
  EXPECT_EQ(ErrorName(last), "busy");
}

TEST_F(ClonesTest, RevertFreesWhatWasWrittenSince) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  const Volume before = Get("v");
  Attach("v", 1);
  EXPECT_EQ(ErrorName(Revert("v", "s-v")), "busy");
  Detach("v");
  EXPECT_EQ(ErrorName(Revert("w", "s-v")), "invalidParam");
  ASSERT_TRUE(Revert("v", "s-v").ok());
  EXPECT_EQ(Get("v").lineage(), before.lineage());
  EXPECT_EQ(Get("v").global_id(), before.global_id());
  const Line line = LineOf("v");
  ASSERT_EQ(line.layers_size(), 2);
  EXPECT_EQ(line.layers(1).id(), 3u);
  EXPECT_EQ(line.removed(0).layer(), 2u);
  EXPECT_EQ(line.removed(0).into(), 0u);
}

TEST_F(ClonesTest, RevertPastASnapshotIsANewLineage) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  Command update;
  update.mutable_update_volume()->mutable_update()->set_name("v");
  update.mutable_update_volume()->mutable_update()->set_size_bytes(2 * kGiB);
  ASSERT_TRUE(cluster.Do(update).ok());
  Command second;
  second.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
  second.mutable_create_snapshots()->mutable_create()->mutable_volumes(0)->set_name("later");
  ASSERT_TRUE(cluster.Do(second).ok());
  const Volume before = Get("v");
  ASSERT_TRUE(Revert("v", "s-v", true).ok());
  EXPECT_NE(Get("v").lineage(), before.lineage());
  EXPECT_EQ(Get("v").size_bytes(), kGiB);
  EXPECT_EQ(LineOf("v").parent_layer(), Get("s-v").layer());
  EXPECT_TRUE(Exists("later"));
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().WholeLine(before.lineage()).layers_size(), 2);
  ASSERT_TRUE(Revert("v", "s-v").ok());  // again: the lineage in between goes
}

TEST_F(ClonesTest, AFillMakesACloneIndependent) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  ASSERT_TRUE(Clone("c", "s-v").ok());
  for (uint32_t id : {1, 2}) cluster.client(id).fills = false;
  Command rebase;
  rebase.mutable_rebase_volume()->mutable_rebase()->set_name("c");
  ASSERT_TRUE(cluster.Do(rebase).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_EQ(cluster.client(1).fill_orders.size(), 1u);
  EXPECT_EQ(cluster.client(1).fill_orders[0].end(), 32u);
  cluster.client(1).Kill(true);  // its session is over; another one goes on
  cluster.client(2).fills = true;
  cluster.Run(Duration::Seconds(8));
  ASSERT_FALSE(cluster.client(2).fill_orders.empty());
  EXPECT_GT(cluster.client(2).fill_orders[0].generation(),
            cluster.client(1).fill_orders[0].generation());
  EXPECT_FALSE(LineOf("c").has_foreign_parent());
  EXPECT_TRUE(cluster.state().fills().empty());
  EXPECT_EQ(cluster.state().Clones(Get("v").lineage(), 1), 0u);
}

}  // namespace
}  // namespace storpool::metadata
