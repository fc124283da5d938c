// Commands about volumes and snapshots, asked over a whole metadata with honest nodes and clients.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/api/api_fixture.h"

namespace storpool::api {
namespace {

using metadata::ErrorName;

class VolumesTest : public ApiTest {};

TEST_F(VolumesTest, ASnapshotOfAnAttachedVolumeIsAnsweredWhenItIsThere) {
  Attach(1);
  const auto made = Call<SnapshotCreateAnswer>(SnapshotOf("v", "s"));
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(made->snapshots_size(), 1);
  EXPECT_EQ(made->snapshots(0).snapshot(), "s");
  EXPECT_EQ(made->snapshots(0).volume(), "v");
  VolumeInfoRequest info;
  info.set_name("v");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->parent_name(), "s");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->snapshots(), 1u);
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->table().replication(), 3u);
  info.set_name("s");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->on_volume(), "v");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->children(), 1u);
}

TEST_F(VolumesTest, AFailedSnapshotIsBusyAndTheVolumeGoesOn) {
  Attach(1);
  cluster.client(1).times_out = true;
  const auto made = Call<SnapshotCreateAnswer>(SnapshotOf("v", "s"));
  EXPECT_EQ(ErrorName(made.status()), "busy");
  EXPECT_EQ(Call<VolumeListAnswer>(SnapshotListRequest())->volumes_size(), 0);
}

TEST_F(VolumesTest, AnExpiryIsAnAgeOrATime) {
  SnapshotCreateRequest request = SnapshotOf("v", "s");
  request.set_delete_at_seconds(1);
  const auto past = Call<SnapshotCreateAnswer>(request);
  EXPECT_EQ(ErrorName(past.status()), "invalidParam");
  request.set_delete_after_seconds(60);
  ASSERT_TRUE(Call<SnapshotCreateAnswer>(request).ok());
  const int64_t at = cluster.state().FindVolume("s")->delete_at_seconds();
  EXPECT_NEAR(static_cast<double>(at - cluster.reactor.clock().WallSeconds()), 60, 2);
}

TEST_F(VolumesTest, ACloneOfWhatAnAttachedVolumeHolds) {
  Attach(1);
  VolumeCreateRequest create;
  create.set_name("c");
  create.set_base_on("v");
  const auto made = Call<VolumeCreateAnswer>(create);
  ASSERT_TRUE(made.ok()) << made.status();
  VolumeInfoRequest info;
  info.set_name("~" + made->global_id());
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->volume().name(), "c");
  create.set_name("own");
  create.set_replication(2);
  ASSERT_TRUE(Call<VolumeCreateAnswer>(create).ok());
  info.set_name("own");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->table().replication(), 2u);
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->volume().template_name(), "t");
}

// Wherever one is shown, it is shown as it can be typed.
TEST_F(VolumesTest, OneWithoutANameIsShownAsItIsFound) {
  VolumeCreateRequest create;
  create.set_template_name("t");
  create.set_size_bytes(1 << 30);
  const auto made = Call<VolumeCreateAnswer>(create);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string name = "~" + made->global_id();
  EXPECT_EQ(made->name(), name);
  EXPECT_EQ(Call<VolumeListAnswer>(VolumeListRequest())->volumes(0).volume().name(), name);
  EXPECT_EQ(Call<SpaceListAnswer>(SpaceListRequest())->all(0).name(), name);
  Attach(1, name);
  const auto attached = Call<AttachListAnswer>(AttachListRequest());
  EXPECT_EQ(attached->attachments(0).volume_name(), name);
  EXPECT_EQ(attached->attachments(0).device(), "nbd://here/" + name);
  const auto snapshot = Call<SnapshotCreateAnswer>(SnapshotOf(name, "s"));
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(snapshot->snapshots(0).volume(), name);
  VolumeInfoRequest info;
  info.set_name("s");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->on_volume(), name);
  VolumeStatusRequest status;
  status.set_name(name);
  EXPECT_EQ(Call<VolumeStatusAnswer>(status)->volumes(0).name(), name);
}

TEST_F(VolumesTest, AParentWithoutANameIsShownAsItIsFound) {
  VolumeCreateRequest create;
  create.set_template_name("t");
  create.set_size_bytes(1 << 30);
  const auto made = Call<VolumeCreateAnswer>(create);
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string name = "~" + made->global_id();
  VolumeFreezeRequest freeze;
  freeze.set_name(name);
  ASSERT_TRUE(Call<ChangeAnswer>(freeze).ok());
  TemplateUpdateRequest update;
  update.set_name("t");
  update.set_parent(name);
  ASSERT_TRUE(Call<ChangeAnswer>(update).ok());
  const auto templates = Call<TemplateListAnswer>(TemplateListRequest());
  EXPECT_EQ(templates->templates(0).parent_name(), name);
  update.set_parent("");
  ASSERT_TRUE(Call<ChangeAnswer>(update).ok());
  create.set_name("c");
  create.set_parent(name);
  ASSERT_TRUE(Call<VolumeCreateAnswer>(create).ok());
  VolumeInfoRequest info;
  info.set_name("c");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->parent_name(), name);
  VolumeDeleteRequest remove;
  remove.set_name(name);
  remove.set_snapshot(true);
  ASSERT_TRUE(Call<ChangeAnswer>(remove).ok());
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->parent_name(), "*" + name);
}

TEST_F(VolumesTest, WhoeverAsksForASnapshotGetsNoVolume) {
  const std::string why = "snapshot 'v' does not exist: that is a volume";
  VolumeInfoRequest info;
  info.set_name("v");
  info.set_snapshot(true);
  const auto none = Call<VolumeInfoAnswer>(info);
  EXPECT_EQ(ErrorName(none.status()), "objectDoesNotExist");
  EXPECT_EQ(none.status().message(), why);
  info.set_snapshot(false);
  EXPECT_TRUE(Call<VolumeInfoAnswer>(info).ok());
  VolumeDescribeRequest describe;
  describe.set_name("v");
  describe.set_snapshot(true);
  EXPECT_EQ(Call<VolumeDescribeAnswer>(describe).status().message(), why);
  VolumeStatusRequest status;
  status.set_name("v");
  status.set_snapshot(true);
  EXPECT_EQ(Call<VolumeStatusAnswer>(status).status().message(), why);
  SnapshotListRequest list;
  list.set_volume("v");
  list.set_snapshot(true);
  EXPECT_EQ(Call<VolumeListAnswer>(list).status().message(), why);
  RelocatorDisksRequest disks;
  disks.set_volume("v");
  disks.set_snapshot(true);
  EXPECT_EQ(Call<RelocatorDisksAnswer>(disks).status().message(), why);
}

// Also when it was not the first of them that refused.
TEST_F(VolumesTest, ASwapThatOneOfThemRefusesIsAnswered) {
  Attach(2);
  AttachRequest reader;
  reader.set_volume("v");
  reader.set_client(1);
  reader.set_rights(READ_ONLY);
  ASSERT_TRUE(Call<AttachAnswer>(reader).ok());
  cluster.client(2).holds_open = "v";
  ReassignRequest swap;
  swap.add_entries()->set_volume("v");
  swap.mutable_entries(0)->add_rw(1);
  swap.mutable_entries(0)->add_ro(2);
  EXPECT_EQ(Call<ChangeAnswer>(swap).status().message(), "is open at here");
}

// Keeps how the call ended.
template <class Answer>
Done<Answer> Into(absl::Status& status, const metadata::Caller& caller) {
  return Done<Answer>([&status](absl::StatusOr<Answer> r) { status = r.status(); }, caller);
}

// Metadata that is to stop waits for what its callers still wait for.
TEST_F(VolumesTest, WhatACallerWaitsForEndsWhenItGoes) {
  Attach(1);
  VolumeCreateRequest other;
  other.set_name("w");
  other.set_template_name("t");
  other.set_size_bytes(1 << 30);
  ASSERT_TRUE(Call<VolumeCreateAnswer>(other).ok());
  AttachRequest attach;
  attach.set_volume("w");
  attach.set_client(1);
  ASSERT_TRUE(Call<AttachAnswer>(attach).ok());
  cluster.client(1).holds = false;
  for (const uint32_t id : {1, 2, 3}) cluster.node(id).counts = false;
  VolumeCreateRequest clone;
  clone.set_name("c");
  clone.set_base_on("w");
  auto present = std::make_shared<const bool>();
  const metadata::Caller caller(present);
  absl::Status snapshot = absl::UnknownError(""), cloned = snapshot, space = snapshot;
  admin->Call(SnapshotOf("v", "s"), Into<SnapshotCreateAnswer>(snapshot, caller));
  admin->Call(clone, Into<VolumeCreateAnswer>(cloned, caller));
  admin->Call(SpaceListRequest(), Into<SpaceListAnswer>(space, caller));
  cluster.Run(Duration::Seconds(1));
  for (const absl::Status* s : {&snapshot, &cloned, &space}) EXPECT_TRUE(absl::IsUnknown(*s)) << *s;
  present.reset();
  cluster.Run(Duration::Millis(500));
  for (const absl::Status* s : {&snapshot, &cloned, &space}) {
    EXPECT_TRUE(absl::IsCancelled(*s)) << *s;
  }
}

TEST_F(VolumesTest, SpaceIsCountedAsFarAsItIsKnown) {
  const auto space = Call<SpaceListAnswer>(SpaceListRequest());
  ASSERT_TRUE(space.ok()) << space.status();
  ASSERT_EQ(space->all_size(), 1);
  EXPECT_EQ(space->all(0).stored_bytes(), 3 * 4096u);  // of three nodes
  EXPECT_EQ(space->all(0).raw_bytes(), 9 * 4096u);
  cluster.node(2).counts = false;
  const auto part = Call<SpaceListAnswer>(SpaceListRequest());
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_EQ(part->missing(), "node 2 did not answer");
  EXPECT_EQ(part->all(0).stored_bytes(), 2 * 4096u);
}

// As StorPool's downDrives and missingDrives are told apart.
TEST_F(VolumesTest, OnlyTheDisksThatAVolumeWaitsForAreDown) {
  const auto status = [this] {
    return Call<VolumeStatusAnswer>(VolumeStatusRequest())->volumes(0);
  };
  const auto disks = [](const auto& field) {
    return std::vector<uint32_t>(field.begin(), field.end());
  };
  cluster.node(1).Kill(true);
  cluster.Run(Duration::Millis(500));
  EXPECT_EQ(status().status(), "degraded");
  EXPECT_EQ(disks(status().down_disks()), std::vector<uint32_t>());
  EXPECT_EQ(disks(status().missing_disks()), std::vector<uint32_t>{10});
  for (const uint32_t id : {2, 3}) {
    cluster.node(id).Kill(true);
    cluster.Run(Duration::Millis(500));
  }
  EXPECT_EQ(status().status(), "down");
  EXPECT_EQ(disks(status().down_disks()), std::vector<uint32_t>{30});
  EXPECT_EQ(disks(status().missing_disks()), (std::vector<uint32_t>{10, 20}));
  EXPECT_EQ(status().reason(), "64 chains wait for a disk that has all their data: 30");
  const auto whole = Call<StatusAnswer>(StatusRequest());
  const std::string why = "64 chains of template t are down: they wait for disks 30";
  EXPECT_EQ(std::ranges::count(whole->reasons(), why), 1);
}

TEST_F(VolumesTest, StatusAndPlaces) {
  ASSERT_TRUE(Call<SnapshotCreateAnswer>(SnapshotOf("v", "s")).ok());
  const auto status = Call<VolumeStatusAnswer>(VolumeStatusRequest());
  ASSERT_EQ(status->volumes_size(), 2);
  EXPECT_TRUE(status->volumes(1).snapshot());
  cluster.node(1).applies = false;
  VolumeDeleteRequest remove;
  remove.set_name("s");
  remove.set_snapshot(true);
  ASSERT_TRUE(Call<ChangeAnswer>(remove).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(Call<VolumeStatusAnswer>(VolumeStatusRequest())->volumes(1).work(), "deleting");
  EXPECT_EQ(Call<VolumeStatusAnswer>(VolumeStatusRequest())->volumes(1).name(), "*s");
  const auto tasks = Call<TaskListAnswer>(TaskListRequest());
  ASSERT_EQ(tasks->tasks_size(), 1);
  EXPECT_EQ(tasks->tasks(0).kind(), "delete");
  EXPECT_EQ(tasks->tasks(0).name(), "*s");
  VolumeDescribeRequest describe;
  describe.set_name("v");
  const auto where = Call<VolumeDescribeAnswer>(describe);
  EXPECT_EQ(where->chains_size(), 64);
  EXPECT_EQ(where->chains(0).disks_size(), 3);
  EXPECT_LT(where->first_chain(), 64u);
}

}  // namespace
}  // namespace storpool::api
