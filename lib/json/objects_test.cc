// Objects made of answers: what StorPool's strict clients could not do without is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/json/attachments.h"
#include "lib/json/disks.h"
#include "lib/json/key_value.h"
#include "lib/json/placement.h"
#include "lib/json/services.h"
#include "lib/json/volumes.h"
#include "lib/json/work.h"

namespace storpool::json {
namespace {

VolumeInfoAnswer Info(const std::string& name, const std::string& global_id) {
  VolumeInfoAnswer info;
  info.mutable_volume()->set_name(name);
  info.mutable_volume()->set_global_id(global_id);
  info.mutable_volume()->set_size_bytes(80 << 20);
  info.mutable_table()->set_replication(2);
  info.set_chunks(3);
  return info;
}

TEST(Volume, WithoutANameIsNamedByItsGlobalId) {
  EXPECT_EQ(JsonOf(Info("~a.b.1", "a.b.1"))["name"], "~a.b.1");
  EXPECT_EQ(JsonOf(Info("v", "a.b.1"))["name"], "v");
  // In deletion, in the only form that StorPool's bindings take for a name.
  VolumeInfoAnswer child = Info("*~a.b.2", "a.b.2");
  child.set_parent_name("*~a.b.1");
  EXPECT_EQ(JsonOf(child)["name"], "*a.b.2");
  EXPECT_EQ(JsonOf(child)["parentName"], "*a.b.1");
}

TEST(Volume, SaysNoLimitWithADash) {
  VolumeInfoAnswer info = Info("v", "a.b.1");
  EXPECT_EQ(JsonOf(info)["iops"], "-");
  info.mutable_volume()->mutable_limits()->set_bandwidth_bytes(1025);
  EXPECT_EQ(JsonOf(info)["bw"], 2);  // KiB, never less than what was set
}

TEST(Snapshot, HasTheFieldsOfOne) {
  VolumeInfoAnswer info = Info("*s", "a.b.2");
  info.mutable_volume()->set_snapshot(true);
  info.mutable_volume()->set_deleted(true);
  const Json json = JsonOf(info);
  EXPECT_EQ(json["name"], "*s");
  EXPECT_EQ(json["onVolume"], "-");
  for (const char* field : {"autoName", "bound", "deleted", "transient", "recoveringFromRemote"}) {
    EXPECT_TRUE(json.at(field).is_boolean()) << field;
  }
  EXPECT_FALSE(JsonOf(Info("v", "a.b.1")).contains("onVolume"));
}

// Proxmox VE's create_base deletes the volume, then asks the snapshot whether it is one.
TEST(Snapshot, SaysThatItIsOneInEveryList) {
  VolumeListAnswer volumes, snapshots;
  *volumes.add_volumes() = Info("v", "a.b.1");
  *snapshots.add_volumes() = Info("s", "a.b.2");
  snapshots.mutable_volumes(0)->mutable_volume()->set_snapshot(true);
  EXPECT_EQ(JsonOf(volumes)[0].at("snapshot"), false);
  EXPECT_EQ(JsonOf(snapshots)[0].at("snapshot"), true);
  const Json both = VolumesAndSnapshots(volumes, snapshots)["volumes"];
  EXPECT_EQ(both[0].at("snapshot"), false);
  EXPECT_EQ(both[1].at("snapshot"), true);
  VolumeDescribeAnswer layout;
  *layout.mutable_info() = snapshots.volumes(0);
  EXPECT_EQ(LayoutCounts(layout, "").at("snapshot"), true);
  EXPECT_EQ(LayoutInFull(layout, "").at("snapshot"), true);
}

TEST(Layout, CountsAndListsTheSameChunks) {
  VolumeDescribeAnswer answer;
  *answer.mutable_info() = Info("v", "a.b.1");
  answer.set_first_chain(1);
  for (const uint32_t disk : {10u, 20u}) {
    VolumeDescribeAnswer::Row& row = *answer.add_chains();
    row.add_wanted(disk);
    row.add_disks(disk);
  }
  const Json counts = LayoutCounts(answer, "");
  EXPECT_EQ(counts["objectsPerDisk"], Json({{"10", 1}, {"20", 2}}));
  EXPECT_EQ(counts["disksCount"], 2);
  const Json full = LayoutInFull(answer, "");
  EXPECT_EQ(full["objects"],
            Json::array({Json::array({20}), Json::array({10}), Json::array({20})}));
  EXPECT_EQ(full["targetDiskSets"].size(), 2u);
}

TEST(Status, IsWholeForStrictClients) {
  VolumeListAnswer volumes;
  *volumes.add_volumes() = Info("v", "a.b.1");
  VolumeStatusAnswer statuses;
  VolumeStatus& status = *statuses.add_volumes();
  status.set_name("v");
  status.set_global_id("a.b.1");
  status.set_status("degraded");
  status.set_chains(4);
  status.set_chains_degraded(1);
  status.add_missing_disks(30);
  SpaceListAnswer space;
  space.add_all()->set_name("v");
  space.mutable_all(0)->set_global_id("a.b.1");
  space.mutable_all(0)->set_stored_bytes(4096);
  const Json json = StatusByName(volumes, {}, statuses, &space).at("v");
  EXPECT_EQ(json["status"], "up");
  EXPECT_EQ(json["decreasedRedundancy"], true);
  EXPECT_EQ(json["missingDrives"], Json::array({30}));
  EXPECT_EQ(json["downDrives"], Json::array());
  EXPECT_EQ(json["storedSize"], 4096);
  for (const char* field :
       {"migrating", "balancerBlocked", "syncingDataBytes", "syncingMetaObjects", "downBytes",
        "upSoonChainsCount", "onDiskSize", "objectsCount"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  space.mutable_all(0)->set_raw_bytes(8192);
  EXPECT_EQ(SpaceOf(volumes, space)[0]["storedSize"], 4096);
  EXPECT_EQ(SpaceOf(volumes, space)[0]["onDiskSize"], 8192);
  EXPECT_EQ(VolumesAndSnapshots(volumes, volumes)["volumes"].size(), 2u);
}

TEST(Status, OfTwoSnapshotsOfOneNameAreTwo) {
  VolumeListAnswer snapshots;  // each deleted while another was being deleted still
  VolumeStatusAnswer statuses;
  for (const char* id : {"a.b.1", "a.b.2"}) {
    *snapshots.add_volumes() = Info("*s", id);
    statuses.add_volumes()->set_global_id(id);
  }
  const Json json = StatusByName({}, snapshots, statuses, nullptr);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json.at("*s").at("globalId"), "a.b.1");
  EXPECT_EQ(json.at("*a.b.2").at("globalId"), "a.b.2");
  EXPECT_EQ(json.at("*a.b.2").at("name"), "*s");
}

TEST(KeyValue, PairsAreAllThere) {
  KeyValueReadAnswer answer;
  for (int i = 0; i < 1000; ++i) {
    Tag& pair = *answer.add_values();
    pair.set_name(std::to_string(i));
    pair.set_value("v" + std::to_string(i));
  }
  const Json pairs = BucketJson("b", answer).at("pairs");
  EXPECT_EQ(pairs.size(), 1000u);
  EXPECT_EQ(pairs.at("777"), "v777");
  EXPECT_EQ(ParseJson(JsonText(pairs))->at("999"), "v999");
}

TEST(Status, TellsWhatIsWaitedForFromWhatIsMissing) {
  VolumeListAnswer volumes;
  *volumes.add_volumes() = Info("v", "a.b.1");
  VolumeStatusAnswer statuses;
  VolumeStatus& status = *statuses.add_volumes();
  status.set_global_id("a.b.1");
  status.add_missing_disks(20);
  const auto now = [&] { return StatusByName(volumes, {}, statuses, nullptr).at("v"); };
  EXPECT_EQ(now()["missingDrives"], Json::array());  // it has all copies; one was to come there
  EXPECT_EQ(now()["missingTargetDrives"], Json::array({20}));
  status.set_status("down");
  status.set_chains_degraded(1);
  status.add_down_disks(30);
  EXPECT_EQ(now()["downDrives"], Json::array({30}));
  EXPECT_EQ(now()["missingDrives"], Json::array({20}));
  EXPECT_EQ(now()["missingTargetDrives"], Json::array({20, 30}));
}

TEST(Status, InItsOwnWordsHasWhatIsKnown) {
  VolumeStatus status;
  status.set_name("~a.b.2");
  status.set_global_id("a.b.2");
  status.set_snapshot(true);
  status.set_migrating(true);
  status.set_chains_to_move(7);
  status.set_work("deleting");
  status.set_work_done(1);
  status.set_work_all(4);
  status.add_tags()->set_name("vm");
  status.mutable_tags(0)->set_value("17");
  const Json json = JsonOf(status, nullptr);
  EXPECT_EQ(json["name"], "~a.b.2");
  EXPECT_EQ(json["globalId"], "a.b.2");
  EXPECT_EQ(json["snapshot"], true);
  EXPECT_EQ(json["migrating"], true);
  EXPECT_EQ(json["chainsToMove"], 7);
  EXPECT_EQ(json["work"], "deleting");
  EXPECT_EQ(json["workDone"], 1);
  EXPECT_EQ(json["workAll"], 4);
  EXPECT_EQ(json["tags"]["vm"], "17");
  EXPECT_FALSE(json.contains("storedSize"));  // nobody has counted it
  SpaceListAnswer::One space;
  space.set_stored_bytes(4096);
  space.set_raw_bytes(8192);
  EXPECT_EQ(JsonOf(status, &space)["storedSize"], 4096);
  EXPECT_EQ(JsonOf(status, &space)["onDiskSize"], 8192);
}

TEST(GroupSnapshot, SaysOkAndWhichSnapshots) {
  SnapshotCreateAnswer answer;
  SnapshotCreateAnswer::One& one = *answer.add_snapshots();
  one.set_volume("v");
  one.set_snapshot("~a.b.3");
  one.set_snapshot_global_id("a.b.3");
  one.set_auto_name(true);
  const Json group = GroupSnapshot(answer);
  EXPECT_EQ(group["ok"], true);
  EXPECT_EQ(group["snapshots"][0]["remoteId"], "a.b.3");
  EXPECT_EQ(OneSnapshot(answer)["autoName"], "~a.b.3");
}

TEST(Attachment, OfASnapshotIsNamedByItsGlobalId) {
  Attachment attachment;
  attachment.set_volume_name("v@7");
  attachment.set_global_id("a.b.4");
  EXPECT_EQ(JsonOf(attachment)["volume"], "~a.b.4");
}

TEST(Tasks, AreOfADiskByTheirKind) {
  TaskListAnswer answer;
  answer.add_tasks()->set_kind("recovery");  // of disk 0
  answer.add_tasks()->set_kind("relocator");
  answer.add_tasks()->set_kind("delete");
  answer.add_tasks()->set_kind("fill");
  const Json tasks = TasksOfDisks(answer);
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].at("transactionId"), 0);
  EXPECT_EQ(tasks[1].at("kind"), "relocator");
}

TEST(ClusterStatus, HasAllAlarms) {
  StatusAnswer status;
  EXPECT_EQ(JsonOf(status).at("alarms"), Json::array());
  RaisedAlarm& alarm = *status.add_alarms();
  alarm.set_at_seconds(5);
  alarm.set_from("node 3");
  alarm.set_text("disk 301 failed");
  EXPECT_EQ(JsonOf(status).at("alarms")[0],
            Json({{"time", 5}, {"from", "node 3"}, {"text", "disk 301 failed"}}));
}

TEST(Template, NamesNoParentWithoutAName) {
  TemplateInfo info;
  info.set_parent_name("golden");
  EXPECT_EQ(JsonOf(info).at("parentName"), "golden");
  info.set_parent_name("~a.b.1");  // no name of a snapshot to StorPool's bindings
  EXPECT_EQ(JsonOf(info).at("parentName"), "");
}

TEST(DiskThatIsDown, SaysSinceWhen) {
  DiskInfo info;
  EXPECT_FALSE(JsonOf(info).contains("downSince"));
  info.set_down_since_seconds(7);
  EXPECT_EQ(JsonOf(info).at("downSince"), 7);
}

TEST(Relocator, ShowsWhatADiskHasAndWillHave) {
  RelocatorDisksAnswer answer;
  RelocatorDisksAnswer::One& one = *answer.add_disks();
  one.set_disk(10);
  one.set_up(true);
  one.set_stored_bytes(64 << 20);
  one.set_stored_target_bytes(32 << 20);
  const Json json = JsonOf(answer).at("10");
  EXPECT_EQ(json["generationLeft"], -1);
  EXPECT_EQ(json["storedSize"]["delta"], -(32 << 20));
  EXPECT_EQ(json["objectsAllocated"]["current"], 2);
  RelocatorStatusAnswer status;
  EXPECT_EQ(JsonOf(status)["status"], "off");
  status.set_on(true);
  EXPECT_EQ(JsonOf(status)["status"], "on");
  status.set_blocked("disk 10 is full");
  EXPECT_EQ(JsonOf(status)["status"], "blocked");
}

}  // namespace
}  // namespace storpool::json
