// What restored metadata takes over from nodes that know newer lines than the backup (R22), and
// that nothing runs ahead of it.
#include <gtest/gtest.h>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class RestoreTest : public testing::Test {
 protected:
  const State& state() { return cluster.state(); }
  Volume Get(const std::string& name) { return *state().FindVolume(name); }
  Line LineOf(const std::string& name) { return state().WholeLine(Get(name).lineage()); }
  bool Exists(const std::string& name) { return state().FindVolume(name).ok(); }
  absl::StatusOr<CommandResult> Snapshot(const std::string& volume, const std::string& name,
                                         int64_t delete_at_seconds = 0) {
    Command command;
    SnapshotCreateRequest& create = *command.mutable_create_snapshots()->mutable_create();
    create.add_volumes()->set_volume(volume);
    create.mutable_volumes(0)->set_name(name);
    create.set_delete_at_seconds(delete_at_seconds);
    return cluster.Do(command);
  }
  static Command Grow(const std::string& name) {
    Command command;
    command.mutable_update_volume()->mutable_update()->set_name(name);
    command.mutable_update_volume()->mutable_update()->set_size_add_bytes(1 << 30);
    return command;
  }
  static Command Delete(const std::string& name, bool snapshot) {
    Command command;
    command.mutable_delete_volume()->mutable_remove()->set_name(name);
    command.mutable_delete_volume()->mutable_remove()->set_snapshot(snapshot);
    return command;
  }
  static Command Revert(const std::string& name, const std::string& snapshot) {
    Command command;
    command.mutable_revert_volume()->mutable_revert()->set_name(name);
    command.mutable_revert_volume()->mutable_revert()->set_to_snapshot(snapshot);
    return command;
  }
  static Command Freeze(const std::string& name) {
    Command command;
    command.mutable_freeze_volume()->mutable_freeze()->set_name(name);
    return command;
  }
  static Command Attach(const std::string& name, uint32_t client) {
    Command command;
    command.mutable_attach()->set_volume(name);
    command.mutable_attach()->set_client(client);
    return command;
  }
  // The nodes have this line on their disks.
  void Keep(const Line& line, std::vector<uint32_t> nodes) {
    for (uint32_t id : nodes) cluster.node(id).lines[line.lineage()] = line;
  }
  // One after the other, and each says what it knows.
  void Start(std::vector<uint32_t> nodes) {
    for (uint32_t id : nodes) {
      cluster.node(id).Start();
      cluster.Run(Duration::Millis(500));
    }
  }
  static const RemovedLayer* Removed(const Line& line, uint32_t layer) {
    for (const RemovedLayer& removed : line.removed()) {
      if (removed.layer() == layer) return &removed;
    }
    return nullptr;
  }
  static bool Has(const Line& line, uint32_t layer) {
    for (const Layer& l : line.layers()) {
      if (l.id() == layer) return true;
    }
    return false;
  }
  FakeCluster cluster;
};

// Snapshots made after the backup: their layers hold what was written since. Nodes have the lines.
TEST_F(RestoreTest, ARestoredClusterLearnsItsLayersFromTheNodes) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const std::string backup = cluster.TakeBackup();
  ASSERT_TRUE(cluster.Snapshot({"v"}).ok());
  Command grow;
  grow.mutable_update_volume()->mutable_update()->set_name("v");
  grow.mutable_update_volume()->mutable_update()->set_size_add_bytes(1 << 30);
  ASSERT_TRUE(cluster.Do(grow).ok());
  cluster.Run(Duration::Seconds(1));
  const uint64_t lineage = cluster.state().FindVolume("v")->lineage();
  // As every serving member of a line's table has it before its newest layer is written (S6).
  for (uint32_t id : {1, 2}) cluster.node(id).lines[lineage] = cluster.state().WholeLine(lineage);
  // One has a line that cannot be: newer, with layers that do not grow.
  Line& bad = cluster.node(3).lines[lineage] = cluster.state().WholeLine(lineage);
  bad.set_version(bad.version() + 5);
  for (uint32_t id : {50, 49}) {
    Layer& layer = *bad.add_layers();
    layer = bad.layers(0);
    layer.set_id(id);
  }
  ASSERT_EQ(cluster.state().NewestLayer(lineage), 2u);
  cluster.RestoreFrom(backup);
  cluster.node(3).Start();
  cluster.node(1).Start();
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.state().cluster().restoring());
  EXPECT_EQ(cluster.state().NewestLayer(lineage), 2u);
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(5));
  ASSERT_FALSE(cluster.state().cluster().restoring());
  EXPECT_EQ(cluster.state().FindVolume("v")->size_bytes(), uint64_t{2} << 30);
  EXPECT_FALSE(cluster.state().FindVolume("s-v").ok()) << "its name is lost";
  EXPECT_EQ(cluster.state().OldestLayer(lineage), 2u) << "nobody needs the layer of the snapshot";
  EXPECT_EQ(cluster.Open(), 64u);
}

// A line that metadata has changed by itself would hide what a node says of it later.
TEST_F(RestoreTest, NothingChangesALineBeforeAllNodesHaveSpoken) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const int64_t now = cluster.reactor.clock().WallSeconds();
  ASSERT_TRUE(Snapshot("v", "e", now + 1000).ok());
  const std::string backup = cluster.TakeBackup();
  ASSERT_TRUE(cluster.Do(Grow("v")).ok());
  Keep(LineOf("v"), {3});
  cluster.RestoreFrom(backup);
  Start({1, 2});
  cluster.Run(Duration::Seconds(1010));
  ASSERT_TRUE(state().cluster().restoring());
  ASSERT_TRUE(Exists("e")) << "it has expired";
  EXPECT_FALSE(Get("e").deleted());
  for (const Command& command :
       {Grow("v"), Delete("e", true), Delete("v", false), Revert("v", "e"), Freeze("v")}) {
    const absl::Status busy = cluster.Do(command).status();
    EXPECT_EQ(ErrorName(busy), "busy") << command.DebugString();
    EXPECT_NE(busy.message().find("node 3"), std::string::npos) << busy;
    EXPECT_NE(busy.message().find("forget"), std::string::npos) << busy;
  }
  EXPECT_EQ(ErrorName(Snapshot("v", "t").status()), "busy");
  EXPECT_EQ(ErrorName(cluster.CreateVolume("w").status()), "busy");
  Start({3});
  ASSERT_FALSE(state().cluster().restoring());
  EXPECT_EQ(Get("v").size_bytes(), uint64_t{2} << 30);
  EXPECT_TRUE(cluster.Do(Grow("v")).ok());
}

// A member that was away still has the layer: it must hear that it has gone, and where to.
TEST_F(RestoreTest, ALayerThatWasHandedOverIsToldToMembersThatStillHaveIt) {
  for (const std::vector<uint32_t>& order : {std::vector<uint32_t>{1, 2, 3}, {3, 2, 1}}) {
    FakeCluster fresh;
    fresh.Standard();
    ASSERT_TRUE(fresh.CreateVolume("v").ok());
    const uint64_t lineage = fresh.state().FindVolume("v")->lineage();
    const std::string backup = fresh.TakeBackup();
    ASSERT_TRUE(fresh.Snapshot({"v"}).ok());
    Command second;
    SnapshotCreateRequest& create = *second.mutable_create_snapshots()->mutable_create();
    create.add_volumes()->set_volume("v");
    create.mutable_volumes(0)->set_name("t");
    ASSERT_TRUE(fresh.Do(second).ok());
    const Line before = fresh.state().WholeLine(lineage);
    for (uint32_t id : {1, 2, 3}) fresh.node(id).applies = false;
    ASSERT_TRUE(fresh.Do(Delete("t", true)).ok());
    const Line after = fresh.state().WholeLine(lineage);
    ASSERT_EQ(Removed(after, 2)->into(), 3u);
    fresh.node(1).lines[lineage] = fresh.node(2).lines[lineage] = after;
    fresh.node(3).lines[lineage] = before;
    fresh.RestoreFrom(backup);
    for (uint32_t id : order) {
      fresh.node(id).Start();
      fresh.Run(Duration::Millis(500));
    }
    ASSERT_FALSE(fresh.state().cluster().restoring());
    const Line line = fresh.state().WholeLine(lineage);
    EXPECT_FALSE(Has(line, 2));
    ASSERT_NE(Removed(line, 2), nullptr);
    EXPECT_EQ(Removed(line, 2)->into(), 3u);
    EXPECT_GT(Removed(line, 2)->changed(), after.version());
    fresh.Run(Duration::Seconds(4));
    EXPECT_NE(Removed(fresh.node(3).lines[lineage], 2), nullptr);
    fresh.node(1).applies = fresh.node(2).applies = true;
    fresh.Run(Duration::Seconds(4));
    EXPECT_NE(Removed(fresh.state().WholeLine(lineage), 2), nullptr) << "node 3 has not applied it";
  }
}

// What one disk has kept of it must not get into the layer that is written now.
TEST_F(RestoreTest, ALayerThatWasFreedNeverComesBack) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Snapshot("v", "s").ok());
  const std::string backup = cluster.TakeBackup();
  const Line before = LineOf("v");
  for (uint32_t id : {1, 2, 3}) cluster.node(id).applies = false;
  ASSERT_TRUE(cluster.Do(Revert("v", "s")).ok());
  ASSERT_EQ(Removed(LineOf("v"), 2)->into(), 0u);
  Keep(LineOf("v"), {1, 2});
  Keep(before, {3});
  cluster.RestoreFrom(backup);
  Start({3, 1, 2});
  ASSERT_FALSE(state().cluster().restoring());
  EXPECT_FALSE(Has(LineOf("v"), 2));
  ASSERT_NE(Removed(LineOf("v"), 2), nullptr);
  EXPECT_EQ(Removed(LineOf("v"), 2)->into(), 0u);
  EXPECT_TRUE(Has(LineOf("v"), 3));
  EXPECT_TRUE(Exists("s"));
}

// The volume and then its newest snapshot were deleted; an older one of another name is left.
TEST_F(RestoreTest, ASnapshotWhoseLayerWasFreedIsInDeletion) {
  cluster.Standard();
  cluster.AddClient(1);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Snapshot("v", "s").ok());
  ASSERT_TRUE(Snapshot("v", "t").ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.Do(Attach("t", 1)).ok());
  const uint64_t lineage = Get("v").lineage();
  const std::string backup = cluster.TakeBackup();
  Command detach;
  detach.mutable_detach()->set_volume("t");
  detach.mutable_detach()->set_client(1);
  ASSERT_TRUE(cluster.Do(detach).ok());
  cluster.Run(Duration::Seconds(2));
  for (uint32_t id : {1, 2, 3}) cluster.node(id).applies = false;
  ASSERT_TRUE(cluster.Do(Delete("v", false)).ok());
  ASSERT_TRUE(cluster.Do(Delete("t", true)).ok());
  const Line after = state().WholeLine(lineage);
  ASSERT_EQ(Removed(after, 2)->into(), 0u);
  Keep(after, {1, 2, 3});
  cluster.RestoreFrom(backup);
  cluster.client(1).Start();
  Start({1, 2, 3});
  ASSERT_FALSE(state().cluster().restoring());
  EXPECT_FALSE(Exists("t"));
  EXPECT_TRUE(Exists("s"));
  EXPECT_EQ(cluster.client(1).Find("t"), nullptr);
  ASSERT_TRUE(Exists("v")) << "deleted later, it is listed again";
  EXPECT_FALSE(state().FindLayer(lineage, state().NewestLayer(lineage))->sealed());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).applies = true;
  cluster.RestartLeader();
  cluster.Run(Duration::Seconds(4));
  EXPECT_EQ(Removed(state().WholeLine(lineage), 2), nullptr) << "all have applied it";
}

TEST_F(RestoreTest, AVolumeThatWasFrozenLaterCanBeWrittenAgain) {
  cluster.Standard();
  cluster.AddClient(1);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.Do(Attach("v", 1)).ok());
  cluster.Run(Duration::Seconds(1));
  const std::string backup = cluster.TakeBackup();
  Command detach;
  detach.mutable_detach()->set_volume("v");
  detach.mutable_detach()->set_client(1);
  ASSERT_TRUE(cluster.Do(detach).ok());
  cluster.Run(Duration::Seconds(2));
  ASSERT_TRUE(cluster.Do(Freeze("v")).ok());
  Keep(LineOf("v"), {1, 2, 3});
  cluster.RestoreFrom(backup);
  Start({1, 2, 3});
  cluster.client(1).Start();
  cluster.Run(Duration::Seconds(5));
  ASSERT_FALSE(state().cluster().restoring());
  ASSERT_FALSE(Get("v").snapshot());
  const uint32_t newest = state().NewestLayer(Get("v").lineage());
  EXPECT_FALSE(state().FindLayer(Get("v").lineage(), newest)->sealed());
  ASSERT_NE(cluster.client(1).Find("v"), nullptr);
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  EXPECT_EQ(cluster.client(1).Find("v")->layer(), newest);
}

// A member that is resynced gets chunks of it like all others, and needs its line for that.
TEST_F(RestoreTest, TheLineOfAVolumeThatIsLostIsToldToWhoLacksIt) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  const std::string backup = cluster.TakeBackup();
  ASSERT_TRUE(cluster.CreateVolume("later").ok());
  const Line older = LineOf("later");
  ASSERT_TRUE(Snapshot("later", "s").ok());
  const Line newest = LineOf("later");
  const uint64_t lineage = newest.lineage();
  const std::string section = LineSectionName(lineage);
  ASSERT_GT(newest.version(), older.version());
  Keep(newest, {1});
  Keep(older, {2});
  cluster.RestoreFrom(backup);
  cluster.node(3).lines.clear();
  cluster.node(3).follows.emplace_back().set_section(section);
  Start({3, 1});
  EXPECT_FALSE(cluster.node(3).sections.contains(section)) << "node 2 may know a newer one";
  Start({2});
  ASSERT_FALSE(state().cluster().restoring());
  ASSERT_TRUE(cluster.node(3).sections.contains(section));
  const Line& told = cluster.node(3).sections[section].line();
  EXPECT_EQ(told.SerializeAsString(), newest.SerializeAsString());
  cluster.RestartLeader();
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(state().FindLine(lineage), nullptr);
  EXPECT_TRUE(state().drops().empty());
  EXPECT_TRUE(state().IsLost(lineage));
  ASSERT_NE(state().FindLostLine(lineage), nullptr);
  EXPECT_EQ(state().FindLostLine(lineage)->version(), newest.version());
  ASSERT_TRUE(cluster.Do(Delete("v", false)).ok());
  Command without;
  without.mutable_delete_template()->set_name("t");
  ASSERT_TRUE(cluster.Do(without).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(state().FindLostLine(lineage), nullptr) << "its chains are gone";
}

// After the backup a revert may have freed what was copied before it.
TEST_F(RestoreTest, FillsBeginAnew) {
  cluster.Standard();
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  ASSERT_TRUE(Snapshot("v", "s").ok());
  for (const char* name : {"c", "d"}) {
    Command clone, rebase;
    clone.mutable_create_volume()->mutable_create()->set_name(name);
    clone.mutable_create_volume()->mutable_create()->set_parent("s");
    ASSERT_TRUE(cluster.Do(clone).ok());
    rebase.mutable_rebase_volume()->mutable_rebase()->set_name(name);
    ASSERT_TRUE(cluster.Do(rebase).ok());
  }
  ASSERT_TRUE(Snapshot("d", "of-d").ok());  // so that its fill stays, done
  cluster.AddClient(1);
  cluster.client(1).fills = false;
  cluster.Run(Duration::Seconds(1));
  for (const auto& [lineage, fill] : std::map(state().fills())) {
    Command change;
    FillChanged& changed = *change.mutable_fill_changed();
    changed.set_volume(fill.volume());
    changed.set_client(fill.client());
    changed.set_generation(fill.generation());
    changed.set_next(5);
    changed.set_done(fill.volume() == Get("d").id());
    ASSERT_TRUE(cluster.Do(change).ok());
  }
  const FillRecord& done = state().fills().at(Get("d").lineage());
  ASSERT_TRUE(done.done() && done.layer() == 2 && done.next() == 5);
  cluster.RestoreFrom(cluster.TakeBackup());
  ASSERT_EQ(state().fills().size(), 2u);
  for (const auto& [lineage, fill] : state().fills()) {
    EXPECT_EQ(fill.next(), 0u);
    EXPECT_EQ(fill.layer(), 0u);
    EXPECT_EQ(fill.client(), 0u) << "what its session still says counts for nothing";
    EXPECT_FALSE(fill.done());
    EXPECT_NE(fill.end(), 0u);
  }
}

// How it ended the nodes' lines say.
TEST_F(RestoreTest, ASnapshotThatWasBeingMadeIsForgotten) {
  cluster.Standard();
  cluster.AddClient(1);
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.Do(Attach("v", 1)).ok());
  cluster.client(1).holds = false;
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(Snapshot("v", "s").ok());
  ASSERT_EQ(state().operations().size(), 1u);
  const std::string backup = cluster.TakeBackup();
  cluster.Run(Duration::Seconds(20));  // it is given up, and its layer handed over
  ASSERT_TRUE(state().operations().empty());
  Keep(LineOf("v"), {1, 2, 3});
  cluster.RestoreFrom(backup);
  cluster.client(1).holds = true;
  cluster.client(1).Start();
  Start({1, 2, 3});
  cluster.Run(Duration::Seconds(5));
  ASSERT_FALSE(state().cluster().restoring());
  EXPECT_TRUE(state().operations().empty());
  ASSERT_TRUE(Snapshot("v", "s").ok());
  cluster.Run(Duration::Seconds(5));
  EXPECT_TRUE(Exists("s"));
  EXPECT_EQ(cluster.Open(), 64u);
}

}  // namespace
}  // namespace storpool::metadata
