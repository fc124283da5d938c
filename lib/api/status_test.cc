// What `status` counts, and what it says of what is wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lib/api/api_fixture.h"

namespace storpool::api {
namespace {

class StatusTest : public ApiTest {
 protected:
  absl::StatusOr<StatusAnswer> Status() { return Call<StatusAnswer>(StatusRequest()); }
  void Eject(uint32_t disk, bool bring_back) {
    DiskEjectRequest eject;
    eject.set_disk(disk);
    eject.set_bring_back(bring_back);
    ASSERT_TRUE(Call<ChangeAnswer>(eject).ok());
    cluster.Run(Duration::Seconds(5));
  }
  bool HasReason(const std::string& text) {
    const auto status = Status();
    return status.ok() && std::ranges::count(status->reasons(), text) == 1;
  }
};

TEST_F(StatusTest, TheStatusMissesOnlyWhoHasSomething) {
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

TEST_F(StatusTest, VolumesAndSnapshotsAreCountedApart) {
  ASSERT_TRUE(Call<SnapshotCreateAnswer>(SnapshotOf("v", "s")).ok());
  EXPECT_EQ(Status()->volumes(), 1u);
  EXPECT_EQ(Status()->snapshots(), 1u);
  EXPECT_NE(Status()->summary().find(" 1 volume"), std::string::npos) << Status()->summary();
  cluster.node(1).applies = false;  // it stays, in deletion
  VolumeDeleteRequest remove;
  remove.set_name("s");
  remove.set_snapshot(true);
  ASSERT_TRUE(Call<ChangeAnswer>(remove).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_EQ(cluster.state().volumes().size(), 2u);
  EXPECT_EQ(Status()->volumes(), 1u);
  EXPECT_EQ(Status()->snapshots(), 0u);
}

// What was wrong says nothing of what is.
TEST_F(StatusTest, AlarmsAreToldAndDoNotCount) {
  ASSERT_EQ(Status()->alarms_size(), 0);
  ToMetadata alarm;
  alarm.mutable_alarm()->set_text("something is odd");
  cluster.node(2).Say(alarm);
  alarm.mutable_alarm()->set_text("something else is odd");
  cluster.client(1).Say(alarm);
  const auto status = Status();
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->healthy()) << status->summary();
  ASSERT_EQ(status->alarms_size(), 2);
  EXPECT_EQ(status->alarms(0).from(), "node 2");
  EXPECT_EQ(status->alarms(0).text(), "something is odd");
  EXPECT_EQ(status->alarms(1).from(), "client 1");
  EXPECT_LE(status->alarms(1).at_seconds(), cluster.reactor.clock().WallSeconds());
  EXPECT_GE(status->alarms(1).at_seconds(), cluster.reactor.clock().WallSeconds() - 30);
}

TEST_F(StatusTest, ADiskThatIsOutSaysWhoBringsItBack) {
  Eject(10, false);
  EXPECT_TRUE(HasReason("disk 10 is out: ejected by an operator; take it back: 'disk 10 return'; "
                        "or forget it: 'disk 10 forget'"));
  Eject(10, true);
  EXPECT_TRUE(Status()->healthy()) << Status()->summary();
  ToMetadata failed;
  failed.mutable_disk_failed()->set_disk(30);
  failed.mutable_disk_failed()->set_reason("read error");
  cluster.node(3).Say(failed);
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(HasReason("disk 30 is out: read error; restart node 3, which tests it; or forget it: "
                        "'disk 30 forget'"));
}

TEST_F(StatusTest, ADiskSaysSinceWhenItIsDown) {
  EXPECT_EQ(Call<DiskListAnswer>(DiskListRequest())->disks(0).down_since_seconds(), 0);
  const int64_t before = cluster.reactor.clock().WallSeconds();
  cluster.node(1).Kill(true);
  cluster.Run(Duration::Seconds(5));
  const auto list = Call<DiskListAnswer>(DiskListRequest());
  EXPECT_GE(list->disks(0).down_since_seconds(), before);
  EXPECT_LE(list->disks(0).down_since_seconds(), before + 2);
  EXPECT_EQ(list->disks(1).down_since_seconds(), 0);
}

// So that nobody has to ask a second time for the number that goes with an answer.
TEST_F(StatusTest, AnswersSayOfWhichConfigurationTheyAre) {
  const uint64_t now = cluster.state().cluster().generation();
  EXPECT_EQ(Call<ServiceListAnswer>(ServiceListRequest())->generation(), now);
  EXPECT_EQ(Call<DiskListAnswer>(DiskListRequest())->generation(), now);
  EXPECT_EQ(Call<PlacementGroupListAnswer>(PlacementGroupListRequest())->generation(), now);
  EXPECT_EQ(Call<TemplateListAnswer>(TemplateListRequest())->generation(), now);
  EXPECT_EQ(Call<RelocatorStatusAnswer>(RelocatorStatusRequest())->generation(), now);
  EXPECT_EQ(Call<RelocatorDisksAnswer>(RelocatorDisksRequest())->generation(), now);
  EXPECT_EQ(Call<TaskListAnswer>(TaskListRequest())->generation(), now);
  EXPECT_EQ(Call<AttachListAnswer>(AttachListRequest())->generation(), now);
  EXPECT_EQ(Call<ClientStatusAnswer>(ClientStatusRequest())->generation(), now);
  VolumeInfoRequest info;
  info.set_name("v");
  EXPECT_EQ(Call<VolumeInfoAnswer>(info)->generation(), now);
  VolumeDescribeRequest describe;
  describe.set_name("v");
  EXPECT_EQ(Call<VolumeDescribeAnswer>(describe)->generation(), now);
}

}  // namespace
}  // namespace storpool::api
