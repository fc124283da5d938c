// The administration of a cluster: one implementation of each command, over metadata (design 9.7).
// gRPC, the JSON API and storpoolctl only render what is asked and answered here.
//
// Every command is one call: it answers from the state, or proposes one command to metadata's log
// and answers when that was applied; so a change is done whole or not at all. Errors carry
// StorPool's names (lib/metadata/errors.h) and a sentence that names the thing and the way out.
// Reactor thread of the metadata only; `done` may be called from within the call.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/env/clock.h"
#include "lib/metadata/leader.h"
#include "proto/admin.pb.h"

namespace storpool::api {

template <class Answer>
using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

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

  void Call(const DiskListRequest& request, Done<DiskListAnswer> done);
  void Call(const DiskForgetRequest& request, Done<ChangeAnswer> done);

  void Call(const PlacementGroupListRequest& request, Done<PlacementGroupListAnswer> done);
  void Call(const PlacementGroupUpdateRequest& request, Done<ChangeAnswer> done);
  void Call(const PlacementGroupDeleteRequest& request, Done<ChangeAnswer> done);

  void Call(const TemplateListRequest& request, Done<TemplateListAnswer> done);
  void Call(const TemplateCreateRequest& request, Done<ChangeAnswer> done);
  void Call(const TemplateUpdateRequest& request, Done<ChangeAnswer> done);
  void Call(const TemplateDeleteRequest& request, Done<ChangeAnswer> done);

  void Call(const VolumeListRequest& request, Done<VolumeListAnswer> done);
  void Call(const VolumeCreateRequest& request, Done<VolumeCreateAnswer> done);
  void Call(const VolumeInfoRequest& request, Done<VolumeInfoAnswer> done);
  void Call(const VolumeDeleteRequest& request, Done<ChangeAnswer> done);
  void Call(const VolumeStatusRequest& request, Done<VolumeStatusAnswer> done);

  // Answers when the client has the volume (its device is named), unless no_wait.
  void Call(const AttachRequest& request, Done<AttachAnswer> done);
  // Answers when it is gone; a plain detach that the client refuses is `busy`.
  void Call(const DetachRequest& request, Done<ChangeAnswer> done);
  void Call(const AttachListRequest& request, Done<AttachListAnswer> done);

  // A consistent copy of everything metadata knows, in pieces; OK after the last one.
  absl::Status Backup(const std::function<void(std::string_view piece)>& on_piece) const;

 private:
  const metadata::State& state() const { return leader_.state(); }
  const metadata::LiveView& live() const { return leader_.live(); }
  void Change(metadata::Command command, Done<ChangeAnswer> done);
  VolumeInfoAnswer Describe(const Volume& volume) const;

  metadata::Leader& leader_;
  const env::Clock& clock_;
  Self self_;
};

}  // namespace storpool::api
