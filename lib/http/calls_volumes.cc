// Calls about volumes.
#include "lib/http/calls.h"
#include "lib/json/volume_requests.h"
#include "lib/json/volumes.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> List(const Input& input) {
  return Ask<VolumeListAnswer>(VolumeListRequest(),
                               [cluster = input.cluster](const VolumeListAnswer& answer) {
                                 return json::JsonOf(answer, cluster);
                               });
}

absl::StatusOr<Run> One(const Input& input) {
  return Ask<VolumeInfoAnswer>(Named<VolumeInfoRequest>(input),
                               [cluster = input.cluster](const VolumeInfoAnswer& answer) {
                                 return Json::array({json::JsonOf(answer, cluster)});
                               });
}

absl::StatusOr<Run> Create(const Input& input) {
  absl::StatusOr<VolumeCreateRequest> request = json::ReadVolumeCreate(input.body);
  if (!request.ok()) return request.status();
  if (absl::Status s = OnlyFields(*request, {"name", "size_bytes", "template_name"}); !s.ok()) {
    return s;
  }
  return Ask<VolumeCreateAnswer>(
      *std::move(request), [](const VolumeCreateAnswer& answer) { return json::JsonOf(answer); });
}

// Snapshots have a status too; there are none yet.
absl::StatusOr<Run> QuickStatus(const Input&) {
  return AskAll<VolumeListAnswer, VolumeStatusAnswer>(
      std::tuple(VolumeListRequest(), VolumeStatusRequest()),
      [](const VolumeListAnswer& volumes, const VolumeStatusAnswer& status) {
        return json::StatusByName(volumes, VolumeListAnswer(), status, nullptr);
      });
}

absl::StatusOr<Run> Delete(const Input& input) {
  const absl::StatusOr<json::OnAttached> on_attached = json::ReadDelete(input.body);
  if (!on_attached.ok()) return on_attached.status();
  if (*on_attached != json::OnAttached::kFail) {
    return absl::UnimplementedError("onAttached is not supported yet: detach the volume first");
  }
  return Change(Named<VolumeDeleteRequest>(input));
}

}  // namespace

std::vector<Call> VolumeCalls() {
  return {
      {Method::kGet, "Volume", 1, One},
      {Method::kPost, "VolumeCreate", 0, Create},
      {Method::kPost, "VolumeDelete", 1, Delete},
      {Method::kGet, "VolumesGetStatusQuick", 0, QuickStatus},
      {Method::kGet, "VolumesList", 0, List},
  };
}

}  // namespace storpool::http
