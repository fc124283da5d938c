// The admin commands over gRPC: each call is posted to metadata's reactor and answered from there.
// A call whose caller goes, or whose server stops, waits for nothing any more.
#pragma once

#include <memory>
#include <utility>

#include "lib/api/admin.h"
#include "lib/env/reactor.h"
#include "proto/service.grpc.pb.h"

namespace storpool::rpc {

// gRPC's form of an error: its code, its text, and an ApiError with StorPool's name in the details
// (lib/rpc/api_error.h takes it out again).
grpc::Status ToGrpc(const absl::Status& status);

class AdminService final : public storpool::Admin::CallbackService {
 public:
  // Both outlive the gRPC server that this service is registered with.
  AdminService(env::Reactor& reactor, api::Admin& admin) : reactor_(reactor), admin_(admin) {}

#define SP_ADMIN_CALL(name, Request, Answer)                                                   \
  grpc::ServerUnaryReactor* name(grpc::CallbackServerContext* context, const Request* request, \
                                 Answer* answer) override {                                    \
    return Unary(context, request, answer);                                                    \
  }
  SP_ADMIN_CALL(Status, StatusRequest, StatusAnswer)
  SP_ADMIN_CALL(ServiceList, ServiceListRequest, ServiceListAnswer)
  SP_ADMIN_CALL(DiskList, DiskListRequest, DiskListAnswer)
  SP_ADMIN_CALL(ServiceForget, ServiceForgetRequest, ChangeAnswer)
  SP_ADMIN_CALL(DiskForget, DiskForgetRequest, ChangeAnswer)
  SP_ADMIN_CALL(DiskEject, DiskEjectRequest, ChangeAnswer)
  SP_ADMIN_CALL(DiskUpdate, DiskUpdateRequest, ChangeAnswer)
  SP_ADMIN_CALL(PlacementGroupList, PlacementGroupListRequest, PlacementGroupListAnswer)
  SP_ADMIN_CALL(PlacementGroupUpdate, PlacementGroupUpdateRequest, ChangeAnswer)
  SP_ADMIN_CALL(PlacementGroupDelete, PlacementGroupDeleteRequest, ChangeAnswer)
  SP_ADMIN_CALL(TemplateList, TemplateListRequest, TemplateListAnswer)
  SP_ADMIN_CALL(TemplateCreate, TemplateCreateRequest, ChangeAnswer)
  SP_ADMIN_CALL(TemplateUpdate, TemplateUpdateRequest, ChangeAnswer)
  SP_ADMIN_CALL(TemplateDelete, TemplateDeleteRequest, ChangeAnswer)
  SP_ADMIN_CALL(RelocatorStatus, RelocatorStatusRequest, RelocatorStatusAnswer)
  SP_ADMIN_CALL(RelocatorSet, RelocatorSetRequest, ChangeAnswer)
  SP_ADMIN_CALL(RelocatorDisks, RelocatorDisksRequest, RelocatorDisksAnswer)
  SP_ADMIN_CALL(TaskList, TaskListRequest, TaskListAnswer)
  SP_ADMIN_CALL(VolumeList, VolumeListRequest, VolumeListAnswer)
  SP_ADMIN_CALL(SnapshotList, SnapshotListRequest, VolumeListAnswer)
  SP_ADMIN_CALL(VolumeCreate, VolumeCreateRequest, VolumeCreateAnswer)
  SP_ADMIN_CALL(VolumeInfo, VolumeInfoRequest, VolumeInfoAnswer)
  SP_ADMIN_CALL(VolumeUpdate, VolumeUpdateRequest, ChangeAnswer)
  SP_ADMIN_CALL(VolumeDelete, VolumeDeleteRequest, ChangeAnswer)
  SP_ADMIN_CALL(VolumeStatus, VolumeStatusRequest, VolumeStatusAnswer)
  SP_ADMIN_CALL(Attach, AttachRequest, AttachAnswer)
  SP_ADMIN_CALL(Detach, DetachRequest, ChangeAnswer)
  SP_ADMIN_CALL(AttachList, AttachListRequest, AttachListAnswer)
  SP_ADMIN_CALL(VolumeDescribe, VolumeDescribeRequest, VolumeDescribeAnswer)
  SP_ADMIN_CALL(VolumeFreeze, VolumeFreezeRequest, ChangeAnswer)
  SP_ADMIN_CALL(VolumeRevert, VolumeRevertRequest, ChangeAnswer)
  SP_ADMIN_CALL(VolumeRebase, VolumeRebaseRequest, ChangeAnswer)
  SP_ADMIN_CALL(SnapshotCreate, SnapshotCreateRequest, SnapshotCreateAnswer)
  SP_ADMIN_CALL(SpaceList, SpaceListRequest, SpaceListAnswer)
  SP_ADMIN_CALL(Reassign, ReassignRequest, ChangeAnswer)
  SP_ADMIN_CALL(ClientStatus, ClientStatusRequest, ClientStatusAnswer)
  SP_ADMIN_CALL(KeyValueBuckets, KeyValueBucketsRequest, KeyValueBucketsAnswer)
  SP_ADMIN_CALL(KeyValueRead, KeyValueReadRequest, KeyValueReadAnswer)
  SP_ADMIN_CALL(KeyValueChange, KeyValueChangeRequest, KeyValueChangeAnswer)
#undef SP_ADMIN_CALL

  grpc::ServerWriteReactor<MetadataBackupPiece>* MetadataBackup(
      grpc::CallbackServerContext* context, const MetadataBackupRequest* request) override;

 private:
  template <class Request, class Answer>
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Request* request,
                                  Answer* answer);

  env::Reactor& reactor_;
  api::Admin& admin_;
};

// One call. Deletes itself when gRPC is done with it.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  metadata::Caller caller() const { return metadata::Caller(present_); }
  void OnCancel() override { present_.reset(); }
  void OnDone() override { delete this; }

 private:
  std::shared_ptr<const bool> present_ = std::make_shared<const bool>(true);
};

template <class Request, class Answer>
grpc::ServerUnaryReactor* AdminService::Unary(grpc::CallbackServerContext*, const Request* request,
                                              Answer* answer) {
  auto* call = new UnaryCall;
  // gRPC keeps request and answer until Finish.
  reactor_.Post([this, call, caller = call->caller(), request, answer] {
    auto finish = [call, answer](absl::StatusOr<Answer> result) {
      if (result.ok()) *answer = *std::move(result);
      call->Finish(ToGrpc(result.status()));
    };
    admin_.Call(*request, {std::move(finish), caller});
  });
  return call;
}

}  // namespace storpool::rpc
