// Volumes move to another template, or get a placement of their own (6.11).
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class MovesTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    Command create;
    create.mutable_create_template()->set_name("two");
    create.mutable_create_template()->set_replication(2);
    ASSERT_TRUE(cluster.Do(create).ok());
    ASSERT_TRUE(cluster.CreateVolume("v").ok());
    cluster.AddClient(1).fills = false;
    cluster.Run(Duration::Seconds(2));
  }
  absl::Status Update(const VolumeUpdateRequest& update) {
    Command command;
    *command.mutable_update_volume()->mutable_update() = update;
    return cluster.Do(command).status();
  }
  absl::Status Retemplate(const std::string& name, const std::string& to) {
    VolumeUpdateRequest update;
    update.set_name(name);
    update.set_template_name(to);
    return Update(update);
  }
  absl::Status Replicate(uint32_t count) {
    VolumeUpdateRequest update;
    update.set_name("v");
    update.set_replication(count);
    return Update(update);
  }
  Volume Get(const std::string& name) { return *cluster.state().FindVolume(name); }
  Line LineOf(const Volume& volume) { return cluster.state().WholeLine(volume.lineage()); }
  uint32_t TableOf(const std::string& name) { return LineOf(Get(name)).table(); }
  uint32_t CopiesOf(const std::string& name) {
    return cluster.state().FindTable(TableOf(name))->replication();
  }
  void Fill() {
    cluster.client(1).fills = true;
    cluster.client(1).Kill(true);
    cluster.client(1).Start();
    cluster.Run(Duration::Seconds(8));
    ASSERT_TRUE(cluster.state().fills().empty());
  }
  FakeCluster cluster;
};

TEST_F(MovesTest, AnotherTemplateIsAnotherLineageFilledInTheBackground) {
  const Volume before = Get("v");
  ASSERT_TRUE(Retemplate("v", "two").ok());
  const Volume after = Get("v");
  EXPECT_EQ(after.global_id(), before.global_id());
  EXPECT_GE(after.next_generation(), before.next_generation());  // they go on
  EXPECT_EQ(after.template_id(), cluster.state().FindTemplate("two")->id());
  EXPECT_EQ(TableOf("v"), cluster.state().FindTemplate("two")->table());
  const Line line = LineOf(after);
  EXPECT_EQ(line.parent_lineage(), before.lineage());
  EXPECT_EQ(line.parent_layer(), 1u);
  EXPECT_EQ(line.volume(), after.id());
  EXPECT_TRUE(LineOf(before).layers(0).sealed());
  ASSERT_EQ(cluster.state().fills().size(), 1u);
  EXPECT_EQ(cluster.state().fills().begin()->second.end(), 32u);
  Fill();
  EXPECT_FALSE(LineOf(Get("v")).has_foreign_parent());
  EXPECT_EQ(cluster.state().FindLine(before.lineage()), nullptr) << "nobody needs it any more";
}

TEST_F(MovesTest, TheSameTemplateMovesNothing) {
  const Volume before = Get("v");
  ASSERT_TRUE(Retemplate("v", "t").ok());
  ASSERT_TRUE(Replicate(3).ok());
  EXPECT_EQ(Get("v").lineage(), before.lineage());
  EXPECT_TRUE(cluster.state().fills().empty());
}

TEST_F(MovesTest, APlacementOfItsOwnAndBackAgain) {
  const uint32_t first = TableOf("v");
  ASSERT_TRUE(Replicate(1).ok());
  const uint32_t own = TableOf("v");
  EXPECT_NE(own, first);
  EXPECT_EQ(CopiesOf("v"), 1u);
  EXPECT_EQ(Get("v").template_id(), cluster.state().FindTemplate("t")->id());
  cluster.Run(Duration::Seconds(4));  // its chains open
  ASSERT_TRUE(Replicate(3).ok());     // as its template has it
  EXPECT_EQ(TableOf("v"), first);
  EXPECT_EQ(cluster.state().Ancestors(Get("v").lineage()).size(), 2u);
  Fill();
  EXPECT_TRUE(cluster.state().Ancestors(Get("v").lineage()).empty());
  EXPECT_EQ(cluster.state().FindTable(own), nullptr) << "a placement that nobody uses stays";
}

TEST_F(MovesTest, TemplatesNextPlacementIsMergedWithWhatIsSaid) {
  VolumeUpdateRequest update;
  update.set_name("v");
  update.set_template_name("two");
  update.set_replication(1);
  update.set_size_bytes(kGiB / 2);
  update.set_shrink_ok(true);
  ASSERT_TRUE(Update(update).ok());
  EXPECT_EQ(CopiesOf("v"), 1u);
  EXPECT_EQ(Get("v").size_bytes(), kGiB / 2);
  const Line line = LineOf(Get("v"));
  EXPECT_EQ(line.layers(line.layers_size() - 1).cut_bytes(), kGiB / 2);
}

TEST_F(MovesTest, DeletedHalfwayItTakesAlongWhatItMovedFrom) {
  const Volume before = Get("v");
  ASSERT_TRUE(Retemplate("v", "two").ok());
  const Volume after = Get("v");
  Command remove;
  remove.mutable_delete_volume()->mutable_remove()->set_name("v");
  ASSERT_TRUE(cluster.Do(remove).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.state().fills().empty());
  EXPECT_EQ(cluster.state().FindLine(before.lineage()), nullptr);
  EXPECT_EQ(cluster.state().FindLine(after.lineage()), nullptr);
}

TEST_F(MovesTest, AnAttachedVolumeIsBusyAndNothingChanges) {
  Command attach;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  attach.mutable_attach()->set_rights(READ_WRITE);
  ASSERT_TRUE(cluster.Do(attach).ok());
  const Volume before = Get("v");
  VolumeUpdateRequest update;
  update.set_name("v");
  update.set_rename("w");
  update.set_size_add_bytes(kGiB);
  update.set_template_name("two");
  EXPECT_EQ(ErrorName(Update(update)), "busy");
  EXPECT_EQ(Get("v").SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(ErrorName(Retemplate("v", "none")), "objectDoesNotExist");
  ASSERT_TRUE(Retemplate("v", "t").ok()) << "what it has already it may be given";
}

TEST_F(MovesTest, APlacementThatCannotBeIsRefused) {
  const Volume before = Get("v");
  EXPECT_EQ(ErrorName(Replicate(0)), "invalidParam");
  EXPECT_EQ(ErrorName(Replicate(4)), "invalidParam");
  VolumeUpdateRequest update;
  update.set_name("v");
  update.set_place_all("none");
  EXPECT_EQ(ErrorName(Update(update)), "objectDoesNotExist");
  EXPECT_EQ(Get("v").SerializeAsString(), before.SerializeAsString());
}

TEST_F(MovesTest, SnapshotsStayBehindAndCanBeRevertedTo) {
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  const Volume snapshot = Get("s-v");
  ASSERT_TRUE(Retemplate("v", "two").ok());
  Fill();
  EXPECT_EQ(Get("s-v").lineage(), snapshot.lineage());
  EXPECT_EQ(LineOf(snapshot).layers_size(), 1) << "what came after it has gone";
  VolumeUpdateRequest update;
  update.set_name("s-v");
  update.set_snapshot(true);
  update.set_replication(2);
  EXPECT_EQ(ErrorName(Update(update)), "invalidParam");
  Command revert;
  revert.mutable_revert_volume()->mutable_revert()->set_name("v");
  revert.mutable_revert_volume()->mutable_revert()->set_to_snapshot("s-v");
  ASSERT_TRUE(cluster.Do(revert).ok());
  EXPECT_EQ(LineOf(Get("v")).parent_lineage(), snapshot.lineage());
  EXPECT_EQ(TableOf("v"), cluster.state().FindTemplate("two")->table());
}

// A snapshot is taken while the copies go into the layer before it; the layer after it takes the
// rest. Reverting to it frees that layer, and with it what was copied there.
TEST_F(MovesTest, ARevertBeginsTheCopyingAnew) {
  ASSERT_TRUE(Retemplate("v", "two").ok());
  cluster.Run(Duration::Seconds(4));  // its chains open
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.client(1).fills = true;
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Seconds(8));
  ASSERT_EQ(cluster.state().fills().size(), 1u) << "the snapshot still needs the parent";
  ASSERT_TRUE(cluster.state().fills().begin()->second.done());
  cluster.client(1).fills = false;
  Command revert;
  revert.mutable_revert_volume()->mutable_revert()->set_name("v");
  revert.mutable_revert_volume()->mutable_revert()->set_to_snapshot("s-v");
  ASSERT_TRUE(cluster.Do(revert).ok());
  ASSERT_EQ(cluster.state().fills().size(), 1u);
  EXPECT_FALSE(cluster.state().fills().begin()->second.done());
  EXPECT_EQ(cluster.state().fills().begin()->second.next(), 0u);
  EXPECT_TRUE(LineOf(Get("v")).has_foreign_parent());
}

TEST_F(MovesTest, AVolumeThatIsStillCopiedIsNotFrozen) {
  ASSERT_TRUE(Retemplate("v", "two").ok());
  cluster.Run(Duration::Seconds(4));
  Command freeze;
  freeze.mutable_freeze_volume()->mutable_freeze()->set_name("v");
  EXPECT_EQ(ErrorName(cluster.Do(freeze).status()), "busy");
  Fill();
  EXPECT_TRUE(cluster.Do(freeze).ok());
}

TEST_F(MovesTest, CopyingThatFailsIsTriedAgainAfterARest) {
  cluster.client(1).fills = true;
  cluster.client(1).fill_error = "the medium has lost a block";
  ASSERT_TRUE(Retemplate("v", "two").ok());
  cluster.Run(Duration::Seconds(1));
  const uint64_t applied = cluster.state().applied();
  cluster.Run(Duration::Seconds(20));
  EXPECT_LE(cluster.state().applied() - applied, 12u) << "it is tried without pause";
  EXPECT_GE(cluster.client(1).fill_orders.size(), 3u);
  const auto& alarms = cluster.leader().live().alarms();
  const auto is_of_block = [](const RaisedAlarm& a) {
    return a.text().find("lost a block") != std::string::npos;
  };
  EXPECT_EQ(std::ranges::count_if(alarms, is_of_block), 1);
  cluster.client(1).fill_error.clear();
  cluster.Run(Duration::Seconds(8));
  EXPECT_TRUE(cluster.state().fills().empty());
}

}  // namespace
}  // namespace storpool::metadata
