// Calls about disks.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/http/calls.h"
#include "lib/json/disks.h"

namespace storpool::http {
namespace {

absl::StatusOr<uint32_t> Id(const std::string& text, std::string_view what, uint32_t max) {
  uint32_t id = 0;
  if (absl::SimpleAtoi(text, &id) && id <= max) return id;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no ", std::string(what), " id: 0 to ", max));
}

absl::StatusOr<Run> List(const Input&) {
  return Ask<DiskListAnswer>(DiskListRequest(),
                             [](const DiskListAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> ListOfServer(const Input& input) {
  const absl::StatusOr<uint32_t> server = Id(input.arguments[0], "server", kNodeIdMax);
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
  const absl::StatusOr<uint32_t> disk = Id(input.arguments[0], "disk", kDiskIdMax);
  if (!disk.ok()) return disk.status();
  DiskForgetRequest request;
  request.set_disk(*disk);
  return Change(request);
}

}  // namespace

std::vector<Call> DiskCalls() {
  return {
      {Method::kPost, "DiskForget", 1, Forget},
      {Method::kGet, "DisksList", 0, List},
      {Method::kGet, "ServerDisksList", 1, ListOfServer},
  };
}

}  // namespace storpool::http
