// Calls about what is under way: tasks, the relocator, clients that follow.
#include <utility>

#include "lib/base/limits.h"
#include "lib/http/calls.h"
#include "lib/json/placement.h"
#include "lib/json/work.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> Tasks(const Input&) {
  return Ask<TaskListAnswer>(TaskListRequest(), json::TasksOfDisks);
}

absl::StatusOr<Run> Relocator(const Input&) {
  return Ask<RelocatorStatusAnswer>(
      RelocatorStatusRequest(),
      [](const RelocatorStatusAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> AskRelocatorDisks(RelocatorDisksRequest request) {
  return Ask<RelocatorDisksAnswer>(
      std::move(request), [](const RelocatorDisksAnswer& answer) { return json::JsonOf(answer); });
}
absl::StatusOr<Run> RelocatorDisks(const Input&) {
  return AskRelocatorDisks(RelocatorDisksRequest());
}

absl::StatusOr<Run> RelocatorDisksOfOne(const Input& input, bool snapshot) {
  RelocatorDisksRequest request;
  request.set_volume(input.arguments[0]);
  request.set_snapshot(snapshot);
  return AskRelocatorDisks(std::move(request));
}
absl::StatusOr<Run> RelocatorDisksOfVolume(const Input& input) {
  return RelocatorDisksOfOne(input, false);
}
absl::StatusOr<Run> RelocatorDisksOfSnapshot(const Input& input) {
  return RelocatorDisksOfOne(input, true);
}

Run Clients(const ClientStatusRequest& request) {
  return Ask<ClientStatusAnswer>(request, [](const ClientStatusAnswer& answer) {
    Json clients = Json::array();
    for (const auto& one : answer.clients()) clients.push_back(json::JsonOf(one));
    return clients;
  });
}

absl::StatusOr<Run> AllClients(const Input&) { return Clients(ClientStatusRequest()); }

absl::StatusOr<Run> AwaitClient(const Input& input) {
  const absl::StatusOr<uint32_t> client = IdOf(input.arguments[0], "client", kClientIdMax);
  if (!client.ok()) return client.status();
  if (*client == 0) return absl::InvalidArgumentError("client ids begin at 1");
  ClientStatusRequest request;
  request.set_client(*client);
  request.set_wait(true);
  return Clients(request);
}

}  // namespace

std::vector<Call> WorkCalls() {
  return {
      {Method::kGet, "ClientConfigWait", 1, AwaitClient},
      {Method::kGet, "ClientsConfigDump", 0, AllClients},
      {Method::kGet, "TasksList", 0, Tasks},
      {Method::kGet, "VolumeRelocatorDisksList", 0, RelocatorDisks},
      {Method::kGet, "VolumeRelocatorSnapshotDisks", 1, RelocatorDisksOfSnapshot},
      {Method::kGet, "VolumeRelocatorStatus", 0, Relocator},
      {Method::kGet, "VolumeRelocatorVolumeDisks", 1, RelocatorDisksOfVolume},
  };
}

}  // namespace storpool::http
