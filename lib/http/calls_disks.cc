// Calls about disks.
#include "lib/base/limits.h"
#include "lib/http/calls.h"
#include "lib/json/disks.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> List(const Input&) {
  return Ask<DiskListAnswer>(DiskListRequest(),
                             [](const DiskListAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> ListOfServer(const Input& input) {
  const absl::StatusOr<uint32_t> server = IdOf(input.arguments[0], "server", kNodeIdMax);
  if (!server.ok()) return server.status();
  return Ask<DiskListAnswer>(DiskListRequest(), [server = *server](const DiskListAnswer& answer) {
    DiskListAnswer its;
    for (const DiskInfo& info : answer.disks()) {
      if (info.disk().node() == server) *its.add_disks() = info;
    }
    return json::JsonOf(its);
  });
}

absl::StatusOr<Run> Forget(const Input& input) {
  const absl::StatusOr<uint32_t> disk = IdOf(input.arguments[0], "disk", kDiskIdMax);
  if (!disk.ok()) return disk.status();
  DiskForgetRequest request;
  request.set_disk(*disk);
  return Change(request);
}

absl::StatusOr<Run> Eject(const Input& input) {
  const absl::StatusOr<uint32_t> disk = IdOf(input.arguments[0], "disk", kDiskIdMax);
  if (!disk.ok()) return disk.status();
  DiskEjectRequest request;
  request.set_disk(*disk);
  return Change(request);
}

absl::StatusOr<Run> SoftEjectTo(const Input& input, Disk::SoftEject soft_eject) {
  const absl::StatusOr<uint32_t> disk = IdOf(input.arguments[0], "disk", kDiskIdMax);
  if (!disk.ok()) return disk.status();
  DiskUpdateRequest request;
  request.set_disk(*disk);
  request.set_soft_eject(soft_eject);
  return Change(request);
}
absl::StatusOr<Run> SoftEject(const Input& input) {
  return SoftEjectTo(input, Disk::SOFT_EJECT_ON);
}
absl::StatusOr<Run> SoftEjectPause(const Input& input) {
  return SoftEjectTo(input, Disk::SOFT_EJECT_PAUSED);
}
absl::StatusOr<Run> SoftEjectCancel(const Input& input) {
  return SoftEjectTo(input, Disk::SOFT_EJECT_OFF);
}

absl::StatusOr<Run> SetDescription(const Input& input) {
  const absl::StatusOr<uint32_t> disk = IdOf(input.arguments[0], "disk", kDiskIdMax);
  if (!disk.ok()) return disk.status();
  return Change(json::ReadDiskDescription(*disk, input.body));
}

}  // namespace

std::vector<Call> DiskCalls() {
  return {
      {Method::kPost, "DiskEject", 1, Eject, Body::kNone},
      {Method::kPost, "DiskForget", 1, Forget, Body::kNone},
      {Method::kPost, "DiskSetDescription", 1, SetDescription},
      {Method::kPost, "DiskSoftEject", 1, SoftEject, Body::kNone},
      {Method::kPost, "DiskSoftEjectCancel", 1, SoftEjectCancel, Body::kNone},
      {Method::kPost, "DiskSoftEjectPause", 1, SoftEjectPause, Body::kNone},
      {Method::kGet, "DisksList", 0, List},
      {Method::kGet, "ServerDisksList", 1, ListOfServer},
  };
}

}  // namespace storpool::http
