// Templates, their chain tables and placement groups, and what lives on when they go.
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class TemplatesTest : public testing::Test {
 protected:
  std::string ErrorOf(const Command& command) { return std::string(ErrorName(Do(command))); }
  absl::Status Do(const Command& command) { return cluster.Do(command).status(); }
  static Command Group(const std::string& name, std::vector<uint32_t> add) {
    Command command;
    command.mutable_update_group()->set_name(name);
    for (uint32_t disk : add) command.mutable_update_group()->add_add_disks(disk);
    return command;
  }
  static Command DeleteGroup(const std::string& name) {
    Command command;
    command.mutable_delete_group()->set_name(name);
    return command;
  }
  static Command DeleteTemplate(const std::string& name) {
    Command command;
    command.mutable_delete_template()->set_name(name);
    return command;
  }
  static Command DeleteVolume(const std::string& name) {
    Command command;
    command.mutable_delete_volume()->mutable_remove()->set_name(name);
    return command;
  }
  static Command Template(const std::string& name, uint32_t replication,
                          const std::string& group = "") {
    Command command;
    command.mutable_create_template()->set_name(name);
    command.mutable_create_template()->set_replication(replication);
    command.mutable_create_template()->set_place_all(group);
    return command;
  }
  Volume VolumeOf(const std::string& name) { return *cluster.state().FindVolume(name); }
  uint32_t TableOf(const std::string& volume) {
    return cluster.state().FindLine(VolumeOf(volume).lineage())->table();
  }
  FakeCluster cluster;
};

TEST_F(TemplatesTest, ADeletedTemplateLeavesWhatLivesAsItIs) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const uint32_t table = TableOf("v");
  ASSERT_TRUE(Do(DeleteTemplate("t")).ok());
  EXPECT_EQ(ErrorOf(DeleteTemplate("t")), "objectDoesNotExist");
  EXPECT_EQ(VolumeOf("v").template_name(), "");
  EXPECT_EQ(VolumeOf("v").template_id(), 0u);
  EXPECT_EQ(TableOf("v"), table);
  EXPECT_EQ(cluster.state().FindTable(table)->replication(), 3u);
  // Its chains still change their members.
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Seconds(2));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.FullyServing(3), 64u);
  // The last volume takes the table with it, once every disk has dropped its data.
  ASSERT_TRUE(Do(DeleteVolume("v")).ok());
  EXPECT_NE(cluster.state().FindTable(table), nullptr);
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().FindTable(table), nullptr);
  EXPECT_TRUE(cluster.state().chains().empty());
  // And every disk drops its chains, or it would run them for ever.
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(cluster.state().formers().empty());
  for (uint32_t id : {1, 2, 3}) EXPECT_EQ(cluster.node(id).former_chains.size(), 64u);
}

TEST_F(TemplatesTest, ATemplateThatNobodyUsesGoesWithItsTable) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Do(DeleteVolume("v")).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().tables().size(), 1u);  // the template names it
  ASSERT_TRUE(Do(DeleteTemplate("t")).ok());
  EXPECT_TRUE(cluster.state().tables().empty());
  EXPECT_TRUE(cluster.state().chains().empty());
  // Neither id is used again.
  ASSERT_TRUE(Do(Template("t", 3)).ok());
  EXPECT_EQ(cluster.state().FindTemplate("t")->id(), 2u);
  EXPECT_EQ(cluster.state().FindTemplate("t")->table(), 2u);
}

TEST_F(TemplatesTest, ATemplateAndItsTableHaveIdsOfTheirOwn) {
  cluster.Standard();
  EXPECT_EQ(ErrorOf(Template("wide", 4)), "invalidParam");
  ASSERT_TRUE(Do(Template("two", 2)).ok());
  const storpool::Template& two = *cluster.state().FindTemplate("two");
  EXPECT_EQ(two.id(), 2u);
  const Table& table = *cluster.state().FindTable(two.table());
  EXPECT_EQ(table.template_id(), two.id());
  EXPECT_EQ(table.replication(), 2u);
  EXPECT_EQ(table.place_tail(), "default");
  EXPECT_EQ(cluster.state().ChainsOfTable(two.table()).size(), table.chains());
}

TEST_F(TemplatesTest, ARenamedGroupIsRenamedWhereverItIsNamed) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Do(DeleteTemplate("t")).ok());
  ASSERT_TRUE(Do(Template("u", 2)).ok());
  Command rename = Group("default", {});
  rename.mutable_update_group()->set_rename("all");
  ASSERT_TRUE(Do(rename).ok());
  EXPECT_EQ(cluster.state().FindTemplate("u")->place_tail(), "all");
  for (const auto& [id, table] : cluster.state().tables()) {
    EXPECT_EQ(table.place_head(), "all");
    EXPECT_EQ(table.place_all(), "all");
    EXPECT_EQ(table.place_tail(), "all");
  }
}

TEST_F(TemplatesTest, AGroupInUseStaysAndItsUsersAreNamed) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Do(Template("u", 2)).ok());
  ASSERT_TRUE(Do(DeleteTemplate("t")).ok());
  const absl::Status used = Do(DeleteGroup("default"));
  EXPECT_EQ(ErrorName(used), "busy");
  EXPECT_EQ(used.message(), "placement group default is used by template u, volume v");
  ASSERT_TRUE(Do(DeleteVolume("v")).ok());
  ASSERT_TRUE(Do(DeleteTemplate("u")).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(Do(DeleteGroup("default")).ok());
}

TEST_F(TemplatesTest, TheSnapshotThatIsAParentDoesNotExpireAndCostsNothing) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  Command take;
  SnapshotCreateRequest& create = *take.mutable_create_snapshots()->mutable_create();
  create.add_volumes()->set_volume("v");
  create.mutable_volumes(0)->set_name("golden");
  create.set_delete_at_seconds(1);
  ASSERT_TRUE(cluster.Do(take).ok());
  Command make;
  make.mutable_create_template()->set_name("of-golden");
  make.mutable_create_template()->set_parent("golden");
  make.mutable_create_template()->set_replication(3);
  ASSERT_TRUE(cluster.Do(make).ok());
  cluster.Run(Leader::kExpiryPause);
  const uint64_t applied = cluster.state().applied();
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.state().applied(), applied);
  EXPECT_TRUE(cluster.state().FindVolume("golden").ok());
}

}  // namespace
}  // namespace storpool::metadata
