// The administration of a cluster: one implementation of each command, over metadata (design 9.7).
// gRPC, the JSON API and storpoolctl only render what is asked and answered here.
//
// Every command is one call: it answers from the state, or proposes one command to metadata's log
// and answers when that was applied; so a change is done whole or not at all. Errors carry
// StorPool's names (lib/metadata/errors.h) and a sentence that names the thing and the way out.
// What a command waits for is given up when its caller goes (done.h). Reactor thread of the
// metadata only; `done` may be called from within the call.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/api/done.h"
#include "lib/env/clock.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/leader.h"
#include "proto/admin.pb.h"

namespace storpool::api {

class Admin {
 public:
  // What this daemon is, for `service list`.
  struct Self {
    std::string address;
    std::string version;
  };

  // `leader` and `clock` outlive the Admin.
  Admin(metadata::Leader& leader, const env::Clock& clock, Self self);
  // Known only once the daemon listens.
  void set_address(std::string address) { self_.address = std::move(address); }

  void Call(const StatusRequest& request, Done<StatusAnswer> done);
  void Call(const ServiceListRequest& request, Done<ServiceListAnswer> done);
  void Call(const ServiceForgetRequest& request, Done<ChangeAnswer> done);

  void Call(const DiskListRequest& request, Done<DiskListAnswer> done);
  void Call(const DiskForgetRequest& request, Done<ChangeAnswer> done);
  void Call(const DiskEjectRequest& request, Done<ChangeAnswer> done);
  void Call(const DiskUpdateRequest& request, Done<ChangeAnswer> done);

  void Call(const PlacementGroupListRequest& request, Done<PlacementGroupListAnswer> done);
  void Call(const PlacementGroupUpdateRequest& request, Done<ChangeAnswer> done);
  void Call(const PlacementGroupDeleteRequest& request, Done<ChangeAnswer> done);

  void Call(const TemplateListRequest& request, Done<TemplateListAnswer> done);
  void Call(const TemplateCreateRequest& request, Done<ChangeAnswer> done);
  void Call(const TemplateUpdateRequest& request, Done<ChangeAnswer> done);
  void Call(const TemplateDeleteRequest& request, Done<ChangeAnswer> done);

  void Call(const RelocatorStatusRequest& request, Done<RelocatorStatusAnswer> done);
  void Call(const RelocatorSetRequest& request, Done<ChangeAnswer> done);
  void Call(const RelocatorDisksRequest& request, Done<RelocatorDisksAnswer> done);
  void Call(const TaskListRequest& request, Done<TaskListAnswer> done);

  void Call(const VolumeListRequest& request, Done<VolumeListAnswer> done);
  void Call(const SnapshotListRequest& request, Done<VolumeListAnswer> done);
  void Call(const VolumeCreateRequest& request, Done<VolumeCreateAnswer> done);
  void Call(const VolumeInfoRequest& request, Done<VolumeInfoAnswer> done);
  void Call(const VolumeDescribeRequest& request, Done<VolumeDescribeAnswer> done);
  void Call(const VolumeUpdateRequest& request, Done<ChangeAnswer> done);
  void Call(const VolumeDeleteRequest& request, Done<ChangeAnswer> done);
  void Call(const VolumeStatusRequest& request, Done<VolumeStatusAnswer> done);
  void Call(const VolumeFreezeRequest& request, Done<ChangeAnswer> done);
  void Call(const VolumeRevertRequest& request, Done<ChangeAnswer> done);
  void Call(const VolumeRebaseRequest& request, Done<ChangeAnswer> done);
  // Answers when the snapshots are there; `busy` when their writers could not be held in time.
  void Call(const SnapshotCreateRequest& request, Done<SnapshotCreateAnswer> done);
  // Asks the nodes; `busy` when one does not answer.
  void Call(const SpaceListRequest& request, Done<SpaceListAnswer> done);

  // Answers when the client has the volume (its device is named), unless no_wait.
  void Call(const AttachRequest& request, Done<AttachAnswer> done);
  // Answers when it is gone; a plain detach that the client refuses is `busy`, and one that waits
  // for a client which has been down for kClientReturnMs.
  void Call(const DetachRequest& request, Done<ChangeAnswer> done);
  void Call(const AttachListRequest& request, Done<AttachListAnswer> done);
  void Call(const ReassignRequest& request, Done<ChangeAnswer> done);
  void Call(const ClientStatusRequest& request, Done<ClientStatusAnswer> done);

  void Call(const KeyValueBucketsRequest& request, Done<KeyValueBucketsAnswer> done);
  void Call(const KeyValueReadRequest& request, Done<KeyValueReadAnswer> done);
  void Call(const KeyValueChangeRequest& request, Done<KeyValueChangeAnswer> done);

  // A consistent copy of everything metadata knows, in pieces; OK after the last one.
  absl::Status Backup(const std::function<void(std::string_view piece)>& on_piece) const;

 private:
  const metadata::State& state() const { return leader_.state(); }
  const metadata::LiveView& live() const { return leader_.live(); }
  uint64_t generation() const { return state().cluster().generation(); }
  void Change(metadata::Command command, Done<ChangeAnswer> done);
  // `name`, of the kind that the request asks for, if it does.
  template <class Request>
  absl::StatusOr<Volume> Find(const std::string& name, const Request& request) const;
  // By name; those without one first, by id.
  std::vector<const Volume*> ByName(bool snapshots) const;
  const Volume* ParentOf(const Volume& volume) const;
  VolumeInfoAnswer Describe(const Volume& volume) const;
  void DescribeSnapshot(const Volume& snapshot, VolumeInfoAnswer& info) const;
  // When an operation on snapshots is over, done or given up; 0: at once. kCancelled if `caller`
  // has gone before.
  void AfterOperation(uint64_t operation, metadata::Caller caller,
                      absl::AnyInvocable<void(absl::Status)> then);
  absl::Status FailureOf(uint64_t operation) const;
  // A time that is asked for as an age becomes one of the wall clock (0: never).
  template <class Request>
  absl::Status ResolveDeleteTime(Request& request) const;

  metadata::Leader& leader_;
  const env::Clock& clock_;
  Self self_;
};

template <class Request>
absl::StatusOr<Volume> Admin::Find(const std::string& name, const Request& request) const {
  return request.has_snapshot() ? state().FindVolume(name, request.snapshot())
                                : state().FindVolume(name);
}

template <class Request>
absl::Status Admin::ResolveDeleteTime(Request& request) const {
  constexpr uint64_t kAgeMaxSeconds = uint64_t{1} << 40;
  const int64_t now = clock_.WallSeconds();
  if (request.has_delete_after_seconds()) {
    if (request.delete_after_seconds() > kAgeMaxSeconds) {
      return metadata::InvalidParam("deleteAfter is longer than anybody can wait");
    }
    const int64_t after = static_cast<int64_t>(request.delete_after_seconds());
    request.set_delete_at_seconds(after == 0 ? 0 : now + after);
    request.clear_delete_after_seconds();
  } else if (request.delete_at_seconds() != 0 && request.delete_at_seconds() < now) {
    return metadata::InvalidParam("targetDeleteDate is in the past");
  }
  return absl::OkStatus();
}

}  // namespace storpool::api
