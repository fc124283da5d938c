// Calls about volumes.
#include "lib/base/api_limits.h"
#include "lib/base/limits.h"
#include "lib/http/calls.h"
#include "lib/json/volume_requests.h"
#include "lib/json/volumes.h"
#include "lib/metadata/errors.h"

namespace storpool::http {
namespace {

using Done = api::Done<ChangeAnswer>;

absl::StatusOr<Run> List(const Input& input) {
  return Ask<VolumeListAnswer>(VolumeListRequest(),
                               [cluster = input.cluster](const VolumeListAnswer& answer) {
                                 return json::JsonOf(answer, cluster);
                               });
}

absl::StatusOr<Run> One(const Input& input) {
  return AskOne(input, false, [](const VolumeInfoAnswer& answer, const std::string& cluster) {
    return Json::array({json::JsonOf(answer, cluster)});
  });
}

absl::StatusOr<Run> Info(const Input& input) {
  return AskLayout(input, false, json::LayoutCounts, kVolumeBytesMax / kChunkBytes);
}
absl::StatusOr<Run> Describe(const Input& input) {
  return AskLayout(input, false, json::LayoutInFull, kDescribedChunksMax);
}

absl::StatusOr<Run> Snapshots(const Input& input) {
  SnapshotListRequest request;
  request.set_volume(input.arguments[0]);
  request.set_snapshot(false);
  return Ask<VolumeListAnswer>(std::move(request),
                               [cluster = input.cluster](const VolumeListAnswer& answer) {
                                 return json::JsonOf(answer, cluster);
                               });
}

absl::StatusOr<Run> Create(const Input& input) {
  absl::StatusOr<VolumeCreateRequest> request = json::ReadVolumeCreate(input.body);
  if (!request.ok()) return request.status();
  return Ask<VolumeCreateAnswer>(
      *std::move(request), [](const VolumeCreateAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> Update(const Input& input) {
  return Change(json::ReadVolumeUpdate(input.arguments[0], input.body));
}
absl::StatusOr<Run> Revert(const Input& input) {
  return Change(json::ReadVolumeRevert(input.arguments[0], input.body));
}
absl::StatusOr<Run> Rebase(const Input& input) {
  return Change(json::ReadRebase(input.arguments[0], false, input.body));
}

// It is in this cluster, the only one that there is.
absl::StatusOr<Run> Acquire(const Input& input) {
  return AskOne(input, false, [](const VolumeInfoAnswer& answer, const std::string&) {
    return json::JsonOfChange(answer.generation(), "the volume is here");
  });
}

absl::StatusOr<Run> QuickStatus(const Input&) {
  return AskAll<VolumeListAnswer, VolumeListAnswer, VolumeStatusAnswer>(
      std::tuple(VolumeListRequest(), SnapshotListRequest(), VolumeStatusRequest()),
      [](const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots,
         const VolumeStatusAnswer& status) {
        return json::StatusByName(volumes, snapshots, status, nullptr);
      });
}

SpaceListRequest SpaceRequest(bool snapshots) {
  SpaceListRequest request;
  request.set_snapshots(snapshots);
  return request;
}

absl::StatusOr<Run> Status(const Input&) {
  return AskAll<VolumeListAnswer, VolumeListAnswer, VolumeStatusAnswer, SpaceListAnswer,
                SpaceListAnswer>(
      std::tuple(VolumeListRequest(), SnapshotListRequest(), VolumeStatusRequest(),
                 SpaceRequest(false), SpaceRequest(true)),
      [](const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots,
         const VolumeStatusAnswer& status, SpaceListAnswer space,
         const SpaceListAnswer& of_snapshots) {
        space.MergeFrom(of_snapshots);
        return json::StatusByName(volumes, snapshots, status, &space);
      });
}

absl::StatusOr<Run> Space(const Input&) {
  return AskAll<VolumeListAnswer, SpaceListAnswer>(
      std::tuple(VolumeListRequest(), SpaceRequest(false)), json::SpaceOf);
}

absl::StatusOr<Run> VolumesAndSnapshots(const Input&) {
  return AskAll<VolumeListAnswer, VolumeListAnswer>(
      std::tuple(VolumeListRequest(), SnapshotListRequest()), json::VolumesAndSnapshots);
}

// Asked to delete it before anybody is detached: a snapshot of that name, or a volume that is not
// there, costs nobody an attachment.
void DeleteOrDetach(api::Admin& admin, const VolumeDeleteRequest& remove,
                    const DetachRequest& detach, Done done) {
  const metadata::Caller caller = done.caller();
  auto take_deleted = [&admin, remove, detach, caller,
                       done = std::move(done)](absl::StatusOr<ChangeAnswer> deleted) mutable {
    if (metadata::ErrorName(deleted.status()) != "busy") return done(std::move(deleted));
    auto take_detached = [&admin, remove,
                          done = std::move(done)](absl::StatusOr<ChangeAnswer> detached) mutable {
      if (!detached.ok()) return done(std::move(detached));
      admin.Call(remove, std::move(done));
    };
    admin.Call(detach, Done(std::move(take_detached), caller));
  };
  admin.Call(remove, Done(std::move(take_deleted), caller));
}

absl::StatusOr<Run> Delete(const Input& input) {
  const absl::StatusOr<json::OnAttached> on_attached = json::ReadDelete(input.body);
  if (!on_attached.ok()) return on_attached.status();
  auto remove = Named<VolumeDeleteRequest>(input);
  if (*on_attached == json::OnAttached::kFail) return Change(std::move(remove));
  DetachRequest detach;
  detach.set_volume(input.arguments[0]);
  detach.set_all(true);
  detach.set_force(*on_attached == json::OnAttached::kDetachForce);
  return Run([remove, detach](api::Admin& admin, Finish finish) {
    const metadata::Caller caller = finish.caller();
    auto take = [finish = std::move(finish)](const absl::StatusOr<ChangeAnswer>& answer) mutable {
      if (!answer.ok()) return finish(answer.status());
      finish(Render([answer = *answer] { return RenderChange(answer); }));
    };
    DeleteOrDetach(admin, remove, detach, Done(std::move(take), caller));
  });
}

absl::StatusOr<Run> Freeze(const Input& input) {
  return Change(json::ReadVolumeFreeze(input.arguments[0], input.body));
}

}  // namespace

std::vector<Call> VolumeCalls() {
  return {
      {Method::kGet, "Volume", 1, One},
      {Method::kPost, "VolumeAcquire", 1, Acquire},
      {Method::kPost, "VolumeCreate", 0, Create},
      {Method::kPost, "VolumeDelete", 1, Delete},
      {Method::kGet, "VolumeDescribe", 1, Describe},
      {Method::kPost, "VolumeFreeze", 1, Freeze},
      {Method::kGet, "VolumeGetInfo", 1, Info},
      {Method::kGet, "VolumeListSnapshots", 1, Snapshots},
      {Method::kPost, "VolumeRebase", 1, Rebase},
      {Method::kPost, "VolumeRevert", 1, Revert},
      {Method::kPost, "VolumeUpdate", 1, Update},
      {Method::kGet, "VolumesAndSnapshotsList", 0, VolumesAndSnapshots},
      {Method::kGet, "VolumesGetStatus", 0, Status},
      {Method::kGet, "VolumesGetStatusQuick", 0, QuickStatus},
      {Method::kGet, "VolumesList", 0, List},
      {Method::kGet, "VolumesSpace", 0, Space},
  };
}

}  // namespace storpool::http
