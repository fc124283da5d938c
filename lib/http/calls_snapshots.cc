// Calls about snapshots.
#include "lib/base/api_limits.h"
#include "lib/base/limits.h"
#include "lib/http/calls.h"
#include "lib/json/volume_requests.h"
#include "lib/json/volumes.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> List(const Input& input) {
  return Ask<VolumeListAnswer>(SnapshotListRequest(),
                               [cluster = input.cluster](const VolumeListAnswer& answer) {
                                 return json::JsonOf(answer, cluster);
                               });
}

absl::StatusOr<Run> One(const Input& input) {
  return AskOne(input, true, [](const VolumeInfoAnswer& answer, const std::string& cluster) {
    return Json::array({json::JsonOf(answer, cluster)});
  });
}

absl::StatusOr<Run> Info(const Input& input) {
  return AskLayout(input, true, json::LayoutCounts, kVolumeBytesMax / kChunkBytes);
}
absl::StatusOr<Run> Describe(const Input& input) {
  return AskLayout(input, true, json::LayoutInFull, kDescribedChunksMax);
}

absl::StatusOr<Run> Create(const Input& input) {
  absl::StatusOr<SnapshotCreateRequest> request =
      json::ReadVolumeSnapshot(input.arguments[0], input.body);
  if (!request.ok()) return request.status();
  return Ask<SnapshotCreateAnswer>(*std::move(request), json::OneSnapshot);
}

absl::StatusOr<Run> CreateGroup(const Input& input) {
  absl::StatusOr<SnapshotCreateRequest> request = json::ReadGroupSnapshot(input.body);
  if (!request.ok()) return request.status();
  return Ask<SnapshotCreateAnswer>(*std::move(request), json::GroupSnapshot);
}

absl::StatusOr<Run> Update(const Input& input) {
  return Change(json::ReadSnapshotUpdate(input.arguments[0], input.body));
}
absl::StatusOr<Run> Rebase(const Input& input) {
  return Change(json::ReadRebase(input.arguments[0], true, input.body));
}

Run DeleteNamed(const std::string& name) {
  VolumeDeleteRequest request;
  request.set_name(name);
  request.set_snapshot(true);
  return Change(std::move(request));
}

absl::StatusOr<Run> Delete(const Input& input) { return DeleteNamed(input.arguments[0]); }
absl::StatusOr<Run> DeleteById(const Input& input) { return DeleteNamed("~" + input.arguments[0]); }

absl::StatusOr<Run> Space(const Input&) {
  SpaceListRequest space;
  space.set_snapshots(true);
  return AskAll<VolumeListAnswer, SpaceListAnswer>(
      std::tuple(SnapshotListRequest(), std::move(space)), json::SpaceOf);
}

}  // namespace

std::vector<Call> SnapshotCalls() {
  return {
      {Method::kGet, "Snapshot", 1, One},
      {Method::kPost, "SnapshotDelete", 1, Delete, Body::kNone},
      {Method::kPost, "SnapshotDeleteById", 1, DeleteById, Body::kNone},
      {Method::kGet, "SnapshotDescribe", 1, Describe},
      {Method::kGet, "SnapshotGetInfo", 1, Info},
      {Method::kPost, "SnapshotRebase", 1, Rebase},
      {Method::kPost, "SnapshotUpdate", 1, Update},
      {Method::kGet, "SnapshotsList", 0, List},
      {Method::kGet, "SnapshotsSpace", 0, Space},
      {Method::kPost, "VolumeSnapshot", 1, Create},
      {Method::kPost, "VolumesGroupSnapshot", 0, CreateGroup},
  };
}

}  // namespace storpool::http
