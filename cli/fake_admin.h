// An Admin service with a small cluster of fixed content, which writes down what it is asked.
// Names say what goes wrong: "missing", "taken", "busy", "large".
#pragma once

#include <string>
#include <vector>

#include "cli/fake_objects.h"
#include "proto/service.grpc.pb.h"

namespace storpool::cli {

class FakeAdmin final : public Admin::Service {
 public:
  static constexpr int64_t kNowSeconds = kFakeNowSeconds;

  // "VolumeCreate name: \"v1\"", in order; forgets them.
  std::vector<std::string> TakeRequests();

  bool healthy = true;
  int unreachable_times = 0;   // how many calls from now on end as if the link broke
  bool older_release = false;  // knows no call
  // How many more calls of a status find work under way; then that it is over: well, or not.
  int work_times = 0;
  bool ends_well = true;
  std::string not_counted;  // why not everything stored is counted
  int alarms = 0;           // so many, the last one `alarm_minutes` ago, and as long between them
  int alarm_minutes = 1;

#define SP_FAKE(name, Request, Answer) \
  grpc::Status name(grpc::ServerContext*, const Request* request, Answer* answer) override;
  SP_FAKE(Status, StatusRequest, StatusAnswer)
  SP_FAKE(ServiceList, ServiceListRequest, ServiceListAnswer)
  SP_FAKE(DiskList, DiskListRequest, DiskListAnswer)
  SP_FAKE(ServiceForget, ServiceForgetRequest, ChangeAnswer)
  SP_FAKE(DiskForget, DiskForgetRequest, ChangeAnswer)
  SP_FAKE(DiskEject, DiskEjectRequest, ChangeAnswer)
  SP_FAKE(DiskUpdate, DiskUpdateRequest, ChangeAnswer)
  SP_FAKE(PlacementGroupList, PlacementGroupListRequest, PlacementGroupListAnswer)
  SP_FAKE(PlacementGroupUpdate, PlacementGroupUpdateRequest, ChangeAnswer)
  SP_FAKE(PlacementGroupDelete, PlacementGroupDeleteRequest, ChangeAnswer)
  SP_FAKE(TemplateList, TemplateListRequest, TemplateListAnswer)
  SP_FAKE(TemplateCreate, TemplateCreateRequest, ChangeAnswer)
  SP_FAKE(TemplateUpdate, TemplateUpdateRequest, ChangeAnswer)
  SP_FAKE(TemplateDelete, TemplateDeleteRequest, ChangeAnswer)
  SP_FAKE(VolumeList, VolumeListRequest, VolumeListAnswer)
  SP_FAKE(VolumeCreate, VolumeCreateRequest, VolumeCreateAnswer)
  SP_FAKE(VolumeInfo, VolumeInfoRequest, VolumeInfoAnswer)
  SP_FAKE(VolumeDescribe, VolumeDescribeRequest, VolumeDescribeAnswer)
  SP_FAKE(VolumeUpdate, VolumeUpdateRequest, ChangeAnswer)
  SP_FAKE(VolumeDelete, VolumeDeleteRequest, ChangeAnswer)
  SP_FAKE(VolumeFreeze, VolumeFreezeRequest, ChangeAnswer)
  SP_FAKE(VolumeRevert, VolumeRevertRequest, ChangeAnswer)
  SP_FAKE(VolumeRebase, VolumeRebaseRequest, ChangeAnswer)
  SP_FAKE(SnapshotList, SnapshotListRequest, VolumeListAnswer)
  SP_FAKE(SnapshotCreate, SnapshotCreateRequest, SnapshotCreateAnswer)
  SP_FAKE(SpaceList, SpaceListRequest, SpaceListAnswer)
  SP_FAKE(VolumeStatus, VolumeStatusRequest, VolumeStatusAnswer)
  SP_FAKE(Attach, AttachRequest, AttachAnswer)
  SP_FAKE(Detach, DetachRequest, ChangeAnswer)
  SP_FAKE(AttachList, AttachListRequest, AttachListAnswer)
  SP_FAKE(Reassign, ReassignRequest, ChangeAnswer)
  SP_FAKE(ClientStatus, ClientStatusRequest, ClientStatusAnswer)
  SP_FAKE(RelocatorStatus, RelocatorStatusRequest, RelocatorStatusAnswer)
  SP_FAKE(RelocatorSet, RelocatorSetRequest, ChangeAnswer)
  SP_FAKE(RelocatorDisks, RelocatorDisksRequest, RelocatorDisksAnswer)
  SP_FAKE(TaskList, TaskListRequest, TaskListAnswer)
#undef SP_FAKE
  grpc::Status MetadataBackup(grpc::ServerContext*, const MetadataBackupRequest* request,
                              grpc::ServerWriter<MetadataBackupPiece>* writer) override;

 private:
  // Writes the request down; an error if `named` asks for one.
  grpc::Status Asked(const char* method, const google::protobuf::Message& request,
                     const std::string& named = "");

  std::vector<std::string> requests_;
};

}  // namespace storpool::cli
