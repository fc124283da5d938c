// Commands about volumes and snapshots, asked over a whole metadata with honest nodes and clients.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "lib/api/admin.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::api {
namespace {

using metadata::ErrorName;

class VolumesTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    cluster.AddClient(1);
    cluster.AddClient(2);
    cluster.Run(Duration::Millis(200));
    admin = std::make_unique<Admin>(cluster.leader(), cluster.reactor.clock(), Admin::Self());
    VolumeCreateRequest create;
    create.set_name("v");
    create.set_template_name("t");
    create.set_size_bytes(1 << 30);
    ASSERT_TRUE((Call<VolumeCreateAnswer>(create)).ok());
  }
  template <class Answer, class Request>
  absl::StatusOr<Answer> Call(const Request& request) {
    std::optional<absl::StatusOr<Answer>> result;
    admin->Call(request, [&](absl::StatusOr<Answer> r) { result = std::move(r); });
    for (int i = 0; i < 100 && !result; ++i) cluster.Run(Duration::Millis(250));
    if (!result) return absl::InternalError("no answer");
    return *std::move(result);
  }
  void Attach(uint32_t client) {
    AttachRequest attach;
    attach.set_volume("v");
    attach.set_client(client);
    ASSERT_TRUE(Call<AttachAnswer>(attach).ok());
  }
  metadata::FakeCluster cluster;
  std::unique_ptr<Admin> admin;
};

SnapshotCreateRequest SnapshotOf(const std::string& volume, const std::string& name) {
  SnapshotCreateRequest request;
  request.add_volumes()->set_volume(volume);
  request.mutable_volumes(0)->set_name(name);
  return request;
}

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
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->template_().name(), "t");
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

TEST_F(VolumesTest, TheStatusMissesOnlyWhoHasSomething) {
  Attach(1);
  cluster.client(2).Kill(true);
  cluster.AddNode(4);
  cluster.Run(Duration::Seconds(1));
  cluster.node(4).Kill(true);
  cluster.Run(Duration::Seconds(5));
  EXPECT_FALSE(Call<StatusAnswer>(StatusRequest())->healthy());
  DiskForgetRequest forget;
  forget.set_disk(40);
  ASSERT_TRUE(Call<ChangeAnswer>(forget).ok());
  const auto well = Call<StatusAnswer>(StatusRequest());
  ASSERT_TRUE(well.ok()) << well.status();
  EXPECT_TRUE(well->healthy()) << well->summary();
  EXPECT_EQ(well->clients(), 1u);
  EXPECT_EQ(well->nodes(), 3u);
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Seconds(5));
  const auto missed = Call<StatusAnswer>(StatusRequest());
  ASSERT_EQ(missed->reasons_size(), 1);
  EXPECT_EQ(missed->reasons(0), "client 1 is down: start it, or look at its log");
}

TEST_F(VolumesTest, AMoveWaitsUntilTheVolumeIsThere) {
  Attach(1);
  ReassignRequest move;
  move.set_wait(true);
  move.add_entries()->set_volume("v");
  move.mutable_entries(0)->set_detach_all(true);
  move.mutable_entries(0)->add_rw(2);
  ASSERT_TRUE(Call<ChangeAnswer>(move).ok());
  const auto list = Call<AttachListAnswer>(AttachListRequest());
  ASSERT_EQ(list->attachments_size(), 1);
  EXPECT_EQ(list->attachments(0).client(), 2u);
  EXPECT_FALSE(list->attachments(0).device().empty());
  cluster.client(2).holds_open = "v";
  move.mutable_entries(0)->set_rw(0, 1);
  EXPECT_EQ(Call<ChangeAnswer>(move).status().message(), "is open at here");
}

TEST_F(VolumesTest, AClientIsUpdatingUntilItSaysWhatItHas) {
  Attach(1);
  ClientStatusRequest request;
  request.set_client(1);
  request.set_wait(true);
  const auto settled = Call<ClientStatusAnswer>(request);
  ASSERT_EQ(settled->clients_size(), 1);
  EXPECT_EQ(settled->clients(0).status(), "ok");
  EXPECT_EQ(settled->clients(0).generation(), settled->clients(0).client_generation());
  cluster.client(1).Kill(true);
  EXPECT_EQ(Call<ClientStatusAnswer>(request)->clients(0).status(), "down");
  request.set_client(7);
  EXPECT_EQ(ErrorName(Call<ClientStatusAnswer>(request).status()), "objectDoesNotExist");
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
  VolumeDescribeRequest describe;
  describe.set_name("v");
  const auto where = Call<VolumeDescribeAnswer>(describe);
  EXPECT_EQ(where->chains_size(), 64);
  EXPECT_EQ(where->chains(0).disks_size(), 3);
  EXPECT_LT(where->first_chain(), 64u);
}

}  // namespace
}  // namespace storpool::api
