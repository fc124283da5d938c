#include "cli/fake_admin.h"

#include <utility>

#include "cli/fake_objects.h"

namespace storpool::cli {
namespace {

grpc::Status Error(grpc::StatusCode code, const std::string& name, const std::string& descr,
                   bool transient = false) {
  ApiError error;
  error.set_name(name);
  error.set_descr(descr);
  error.set_transient(transient);
  return {code, descr, error.SerializeAsString()};
}

void Changed(ChangeAnswer* answer) { answer->set_generation(8); }

}  // namespace

std::vector<std::string> FakeAdmin::TakeRequests() { return std::exchange(requests_, {}); }

grpc::Status FakeAdmin::Asked(const char* method, const google::protobuf::Message& request,
                              const std::string& named) {
  const std::string text = request.ShortDebugString();
  requests_.push_back(std::string(method) + (text.empty() ? "" : " " + text));
  if (older_release) return {grpc::StatusCode::UNIMPLEMENTED, ""};
  if (unreachable_times > 0) {
    --unreachable_times;
    return {grpc::StatusCode::UNAVAILABLE, "connection reset"};
  }
  if (named == "missing") {
    return Error(grpc::StatusCode::NOT_FOUND, "objectDoesNotExist", "there is no missing");
  }
  if (named == "taken") {
    return Error(grpc::StatusCode::ALREADY_EXISTS, "objectExists", "there is a taken already");
  }
  if (named == "busy") {
    return Error(grpc::StatusCode::UNAVAILABLE, "busy", "volume busy is open at client 1", true);
  }
  if (named == "large") {
    return Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "insufficientResources", "no room");
  }
  return grpc::Status::OK;
}

// The body of a call that answers from what `fill` makes.
#define SP_ANSWER(method, Request, Answer, named, fill)                                          \
  grpc::Status FakeAdmin::method(grpc::ServerContext*, const Request* request, Answer* answer) { \
    const grpc::Status status = Asked(#method, *request, named);                                 \
    if (status.ok()) fill;                                                                       \
    return status;                                                                               \
  }

SP_ANSWER(ServiceForget, ServiceForgetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(DiskForget, DiskForgetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(PlacementGroupUpdate, PlacementGroupUpdateRequest, ChangeAnswer, request->name(),
          Changed(answer))
SP_ANSWER(PlacementGroupDelete, PlacementGroupDeleteRequest, ChangeAnswer, request->name(),
          Changed(answer))
SP_ANSWER(TemplateCreate, TemplateCreateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(TemplateUpdate, TemplateUpdateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(TemplateDelete, TemplateDeleteRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(DiskEject, DiskEjectRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(DiskUpdate, DiskUpdateRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(VolumeUpdate, VolumeUpdateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeFreeze, VolumeFreezeRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeRevert, VolumeRevertRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeRebase, VolumeRebaseRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(Reassign, ReassignRequest, ChangeAnswer, request->entries(0).volume(), Changed(answer))
SP_ANSWER(RelocatorSet, RelocatorSetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(VolumeDelete, VolumeDeleteRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(Detach, DetachRequest, ChangeAnswer, request->volume(), Changed(answer))
SP_ANSWER(ServiceList, ServiceListRequest, ServiceListAnswer, "", *answer = Services())
SP_ANSWER(DiskList, DiskListRequest, DiskListAnswer, "", *answer = Disks())
SP_ANSWER(PlacementGroupList, PlacementGroupListRequest, PlacementGroupListAnswer, request->name(),
          *answer = Groups(request->name()))
SP_ANSWER(TemplateList, TemplateListRequest, TemplateListAnswer, request->name(),
          *answer = Templates())
SP_ANSWER(VolumeList, VolumeListRequest, VolumeListAnswer, "", *answer = Volumes())
SP_ANSWER(SnapshotList, SnapshotListRequest, VolumeListAnswer, request->volume(),
          *answer = Snapshots())
SP_ANSWER(VolumeInfo, VolumeInfoRequest, VolumeInfoAnswer, request->name(),
          *answer = request->snapshot() ? SnapshotOf(request->name(), 3)
                                        : VolumeOf(request->name(), 1))
SP_ANSWER(VolumeDescribe, VolumeDescribeRequest, VolumeDescribeAnswer, request->name(),
          *answer = DescriptionOf(request->name(), request->snapshot()))
SP_ANSWER(AttachList, AttachListRequest, AttachListAnswer, "", *answer = Attachments())
SP_ANSWER(ClientStatus, ClientStatusRequest, ClientStatusAnswer, "", *answer = Clients())
SP_ANSWER(RelocatorDisks, RelocatorDisksRequest, RelocatorDisksAnswer, request->volume(),
          *answer = DisksOfRelocator())
SP_ANSWER(TaskList, TaskListRequest, TaskListAnswer, "", *answer = Tasks())
#undef SP_ANSWER

grpc::Status FakeAdmin::Status(grpc::ServerContext*, const StatusRequest* request,
                               StatusAnswer* answer) {
  if (grpc::Status s = Asked("Status", *request); !s.ok()) return s;
  *answer = StatusOf(healthy);
  for (int i = 0; i < alarms; ++i) {
    RaisedAlarm& alarm = *answer->add_alarms();
    alarm.set_at_seconds(kNowSeconds - alarm_minutes * 60 * (alarms - i));
    alarm.set_from("node 3");
    alarm.set_text("disk 301 failed: attempt " + std::to_string(i + 1));
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::SnapshotCreate(grpc::ServerContext*, const SnapshotCreateRequest* request,
                                       SnapshotCreateAnswer* answer) {
  if (grpc::Status s = Asked("SnapshotCreate", *request, request->volumes(0).volume()); !s.ok()) {
    return s;
  }
  answer->set_generation(8);
  uint64_t id = 6;
  for (const SnapshotCreateRequest::One& asked : request->volumes()) {
    SnapshotCreateAnswer::One& one = *answer->add_snapshots();
    one.set_volume(asked.volume());
    one.set_volume_global_id("sofia.one.1");
    one.set_auto_name(asked.name().empty());
    one.set_snapshot(one.auto_name() ? asked.volume() + "@" + std::to_string(id) : asked.name());
    one.set_snapshot_global_id("sofia.one." + std::to_string(id));
    one.set_snapshot_id(id++);
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::SpaceList(grpc::ServerContext*, const SpaceListRequest* request,
                                  SpaceListAnswer* answer) {
  const std::string named = request->names().empty() ? "" : request->names(0);
  if (grpc::Status s = Asked("SpaceList", *request, named); !s.ok()) return s;
  *answer = SpaceOf(*request);
  answer->set_missing(not_counted);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeCreate(grpc::ServerContext*, const VolumeCreateRequest* request,
                                     VolumeCreateAnswer* answer) {
  if (grpc::Status s = Asked("VolumeCreate", *request, request->name()); !s.ok()) return s;
  answer->set_name(request->name());
  answer->set_global_id("sofia.one.3");
  answer->set_generation(8);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeStatus(grpc::ServerContext*, const VolumeStatusRequest* request,
                                     VolumeStatusAnswer* answer) {
  if (grpc::Status s = Asked("VolumeStatus", *request, request->name()); !s.ok()) return s;
  if (request->name().empty()) {
    *answer = StatusOfAll();
    return grpc::Status::OK;
  }
  answer->set_generation(kFakeGeneration);
  storpool::VolumeStatus& one = *answer->add_volumes();
  one = StatusOfVolume(request->name(), request->snapshot());
  if (work_times > 0) {
    --work_times;
    one.set_status("syncing");
    one.set_chains_syncing(1);
    one.set_syncing_bytes(kGiB * static_cast<uint64_t>(work_times + 1));
  } else if (!ends_well) {
    one.set_status("down");
    one.set_reason("disks 101 are gone");
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::Attach(grpc::ServerContext*, const AttachRequest* request,
                               AttachAnswer* answer) {
  if (grpc::Status s = Asked("Attach", *request, request->volume()); !s.ok()) return s;
  answer->set_generation(8);
  if (!request->no_wait()) answer->set_device("nbd://10.0.0.1:10809/" + request->volume());
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::RelocatorStatus(grpc::ServerContext*, const RelocatorStatusRequest* request,
                                        RelocatorStatusAnswer* answer) {
  if (grpc::Status s = Asked("RelocatorStatus", *request); !s.ok()) return s;
  answer->set_generation(kFakeGeneration);
  answer->set_on(ends_well);
  if (work_times == 0 && ends_well) return grpc::Status::OK;
  answer->set_volumes_to_relocate(2);
  answer->set_chains_to_move(64);
  answer->set_chains_moving(4);
  answer->set_bytes_done(kGiB);
  answer->set_bytes_left(3 * kGiB);
  if (work_times > 0) --work_times;
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::MetadataBackup(grpc::ServerContext*, const MetadataBackupRequest* request,
                                       grpc::ServerWriter<MetadataBackupPiece>* writer) {
  if (grpc::Status s = Asked("MetadataBackup", *request); !s.ok()) return s;
  for (const char* text : {"first ", "second"}) {
    MetadataBackupPiece piece;
    piece.set_data(text);
    writer->Write(piece);
  }
  return grpc::Status::OK;
}

}  // namespace storpool::cli
