// Volumes: names, tags, limits, sizes, and lines that travel as what changed (4.7).
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"
#include "lib/metadata/volume_limits.h"

namespace storpool::metadata {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class VolumesTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    ASSERT_TRUE(cluster.CreateVolume("v").ok());
  }
  absl::StatusOr<CommandResult> Update(const VolumeUpdateRequest& update) {
    Command command;
    *command.mutable_update_volume()->mutable_update() = update;
    return cluster.Do(command);
  }
  Volume Get(const std::string& name) { return *cluster.state().FindVolume(name); }
  static VolumeUpdateRequest Of(const std::string& name) {
    VolumeUpdateRequest update;
    update.set_name(name);
    return update;
  }
  FakeCluster cluster;
};

TEST_F(VolumesTest, ANamelessVolumeIsFoundByItsGlobalId) {
  const auto made = cluster.CreateVolume("");
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(Get("~" + made->global_id()).id(), made->id());
  EXPECT_EQ(cluster.state().Shown(Get("~" + made->global_id())).name(), "~" + made->global_id());
  EXPECT_EQ(ErrorName(cluster.state().FindVolume("").status()), "objectDoesNotExist");
  for (const char* bad : {"~", "~d.n", "~d.n.", "~d.n.01", "~d.n.zzzzzzzzzzzzzzzzzzzz", "~d.n.-"}) {
    EXPECT_EQ(ErrorName(cluster.state().FindVolume(bad).status()), "objectDoesNotExist") << bad;
  }
}

TEST_F(VolumesTest, OfTwoWhoTakeOneNameOneIsTold) {
  ASSERT_TRUE(cluster.CreateVolume("w").ok());
  VolumeUpdateRequest rename = Of("v");
  rename.set_rename("w");
  EXPECT_EQ(ErrorName(Update(rename).status()), "objectExists");
  rename.set_rename("x");
  ASSERT_TRUE(Update(rename).ok());
  EXPECT_EQ(ErrorName(Update(rename).status()), "objectDoesNotExist");
  ASSERT_TRUE(cluster.CreateVolume("v").ok());  // the name is free again
  EXPECT_NE(Get("v").id(), Get("x").id());
}

TEST_F(VolumesTest, TagsAreMergedByKeyAndSorted) {
  VolumeUpdateRequest update = Of("v");
  for (const auto& [name, value] : {std::pair("b", "1"), std::pair("a", "2")}) {
    Tag& tag = *update.add_tags();
    tag.set_name(name);
    tag.set_value(value);
  }
  ASSERT_TRUE(Update(update).ok());
  ASSERT_EQ(Get("v").tags_size(), 2);
  EXPECT_EQ(Get("v").tags(0).name(), "a");
  VolumeUpdateRequest clear = Of("v");
  clear.add_tags()->set_name("a");
  ASSERT_TRUE(Update(clear).ok());
  ASSERT_EQ(Get("v").tags_size(), 1);
  EXPECT_EQ(Get("v").tags(0).value(), "1");
  EXPECT_FALSE(Update(clear)->changed());
  clear.mutable_tags(0)->set_name("a b");
  EXPECT_EQ(ErrorName(Update(clear).status()), "invalidParam");
}

TEST_F(VolumesTest, LimitsReachTheClientWorkedOutForTheSize) {
  cluster.AddClient(1);
  cluster.Run(Duration::Millis(200));
  Command attach;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  ASSERT_TRUE(cluster.Do(attach).ok());
  VolumeUpdateRequest update = Of("v");
  update.mutable_limits()->set_iops(100);
  update.mutable_limits()->set_per_gib(true);
  ASSERT_TRUE(Update(update).ok());
  update = Of("v");
  update.set_size_bytes(3 * kGiB);
  ASSERT_TRUE(Update(update).ok());
  cluster.Run(Duration::Millis(200));
  const AttachmentsSection& section = cluster.client(1).sections["attachments/1"].attachments();
  ASSERT_EQ(section.volumes_size(), 1);
  EXPECT_EQ(section.volumes(0).limits().iops(), 300u);
  EXPECT_FALSE(section.volumes(0).limits().per_gib());
  EXPECT_EQ(section.lines(0).layers(0).size_bytes(), 3 * kGiB);
  EXPECT_EQ(section.attachments(0).layer(), 1u);
  Limits tiny;
  tiny.set_bandwidth_bytes(1);
  tiny.set_per_gib(true);
  EXPECT_EQ(InForce(tiny, 512).bandwidth_bytes(), 1u);  // 0 would be no limit
}

TEST_F(VolumesTest, AVolumeGrowsAndShrinksOnlyWhenSaidSo) {
  VolumeUpdateRequest update = Of("v");
  update.set_size_add_bytes(kGiB);
  ASSERT_TRUE(Update(update).ok());
  const uint64_t lineage = Get("v").lineage();
  EXPECT_EQ(Get("v").size_bytes(), 2 * kGiB);
  EXPECT_EQ(cluster.state().FindLayer(lineage, 1)->cut_bytes(), kGiB);
  EXPECT_EQ(cluster.state().FindLine(lineage)->version(), 2u);
  update = Of("v");
  update.set_size_bytes(kGiB / 2);
  EXPECT_EQ(ErrorName(Update(update).status()), "invalidParam");
  update.set_shrink_ok(true);
  update.set_size_bytes(kGiB / 2 + 512);  // the rest of its last block would come back
  EXPECT_EQ(ErrorName(Update(update).status()), "invalidParam");
  update.set_size_bytes(kGiB / 2);
  ASSERT_TRUE(Update(update).ok());
  // A new layer with the smaller cut; the old one is merged into it, what lies beyond is freed.
  const Line line = cluster.state().WholeLine(lineage);
  ASSERT_EQ(line.layers_size(), 1);
  EXPECT_EQ(line.layers(0).id(), 2u);
  EXPECT_EQ(line.layers(0).cut_bytes(), kGiB / 2);
  ASSERT_EQ(line.removed_size(), 1);
  EXPECT_EQ(line.removed(0).into(), 2u);
  EXPECT_EQ(line.removed(0).cut_bytes(), kGiB / 2);
  update.set_size_bytes(4 * kGiB);
  ASSERT_TRUE(Update(update).ok());
  EXPECT_EQ(cluster.state().FindLayer(lineage, 2)->cut_bytes(), kGiB / 2);  // it never comes back
  for (uint64_t bad : {uint64_t{0}, uint64_t{511}, kVolumeBytesMax + 512}) {
    update.set_size_bytes(bad);
    EXPECT_EQ(ErrorName(Update(update).status()), "invalidParam") << bad;
  }
  update.set_size_add_bytes(512);
  EXPECT_EQ(ErrorName(Update(update).status()), "invalidParam");
}

TEST_F(VolumesTest, ALongLineTravelsAsWhatChanged) {
  const uint64_t lineage = Get("v").lineage();
  for (int i = 0; i < 100; ++i) {
    Command command;
    command.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
    ASSERT_TRUE(cluster.Do(command).ok());
  }
  const Line whole = SectionsAbove(cluster.state(), LineSectionName(lineage), 0)[0].line();
  EXPECT_EQ(whole.layers_size(), 101);
  EXPECT_EQ(whole.since(), 0u);
  Command command;
  command.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
  ASSERT_TRUE(cluster.Do(command).ok());
  const auto sections = SectionsAbove(cluster.state(), LineSectionName(lineage), whole.version());
  const Line& news = sections[0].line();
  EXPECT_EQ(news.since(), whole.version());
  ASSERT_EQ(news.layers_size(), 2);  // the sealed one and the new one
  EXPECT_EQ(news.layers(1).id(), 102u);
  EXPECT_EQ(sections[0].version(), news.version());
  EXPECT_TRUE(SectionsAbove(cluster.state(), LineSectionName(lineage), news.version()).empty());
}

TEST_F(VolumesTest, AReaderWhoMissedARemovalGetsTheWholeLine) {
  const uint64_t lineage = Get("v").lineage();
  for (int i = 0; i < 100; ++i) {
    Command command;
    command.mutable_create_snapshots()->mutable_create()->add_volumes()->set_volume("v");
    ASSERT_TRUE(cluster.Do(command).ok());
  }
  const uint32_t known = cluster.state().FindLine(lineage)->version();
  Command remove;
  remove.mutable_delete_volume()->mutable_remove()->set_name("v@2");
  remove.mutable_delete_volume()->mutable_remove()->set_snapshot(true);
  ASSERT_TRUE(cluster.Do(remove).ok());
  const uint32_t told = cluster.state().FindLine(lineage)->version();
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.state().removed_layers().empty());  // every disk has applied it
  EXPECT_EQ(cluster.state().WholeLine(lineage, known).since(), 0u);
  EXPECT_EQ(cluster.state().WholeLine(lineage, told).since(), told);
}

TEST_F(VolumesTest, BucketsCompareAndSet) {
  const auto change = [&](KeyValueChangeRequest::What what, uint64_t version,
                          const std::string& value) {
    Command command;
    KeyValueChangeRequest& c = *command.mutable_key_value();
    c.set_what(what);
    c.set_bucket("b");
    if (version != 0) c.set_run_if_version_is(version);
    Tag& tag = *c.add_set();
    tag.set_name("k");
    tag.set_value(value);
    return cluster.Do(command);
  };
  EXPECT_EQ(ErrorName(change(KeyValueChangeRequest::SET, 0, "x").status()), "objectDoesNotExist");
  EXPECT_EQ(change(KeyValueChangeRequest::CREATE, 0, "x")->id(), 1u);
  EXPECT_EQ(ErrorName(change(KeyValueChangeRequest::CREATE, 0, "x").status()), "objectExists");
  EXPECT_EQ(change(KeyValueChangeRequest::SET, 1, "y")->id(), 2u);
  EXPECT_EQ(ErrorName(change(KeyValueChangeRequest::SET, 1, "z").status()),
            "runIfVersionIsMismatch");
  EXPECT_EQ(cluster.state().FindBucket("b")->values(0).value(), "y");
  ASSERT_TRUE(change(KeyValueChangeRequest::SET, 0, "").ok());  // deletes the key
  EXPECT_EQ(cluster.state().FindBucket("b")->values_size(), 0);
  ASSERT_TRUE(change(KeyValueChangeRequest::DELETE, 3, "").ok());
  EXPECT_EQ(cluster.state().FindBucket("b"), nullptr);
}

TEST_F(VolumesTest, TheStoreHoldsAllThatIsDerived) {
  cluster.AddClient(1);
  Command attach;
  attach.mutable_attach()->set_volume("v");
  attach.mutable_attach()->set_client(1);
  cluster.Run(Duration::Millis(200));
  ASSERT_TRUE(cluster.Do(attach).ok());
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  cluster.Run(Duration::Seconds(1));
  State copy(cluster.store);
  ASSERT_TRUE(copy.Load().ok());
  EXPECT_EQ(copy.names(), cluster.state().names());
  EXPECT_EQ(copy.attachments_by_client(), cluster.state().attachments_by_client());
  EXPECT_EQ(copy.behind(), cluster.state().behind());
  const uint64_t lineage = Get("v").lineage();
  EXPECT_EQ(copy.WholeLine(lineage, 1).SerializeAsString(),
            cluster.state().WholeLine(lineage, 1).SerializeAsString());
}

}  // namespace
}  // namespace storpool::metadata
