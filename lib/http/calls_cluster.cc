// Calls about the cluster: services, peers.
#include "lib/http/calls.h"
#include "lib/json/services.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> Services(const Input&) {
  return Ask<ServiceListAnswer>(ServiceListRequest(), [](const ServiceListAnswer& answer) {
    return json::ClusterStatus(answer, true);
  });
}

absl::StatusOr<Run> Servers(const Input&) {
  return Ask<ServiceListAnswer>(ServiceListRequest(), [](const ServiceListAnswer& answer) {
    return json::ClusterStatus(answer, false);
  });
}

absl::StatusOr<Run> Peers(const Input&) {
  return Ask<ServiceListAnswer>(ServiceListRequest(), json::Peers);
}

}  // namespace

std::vector<Call> ClusterCalls() {
  return {
      {Method::kGet, "NetworkPeersList", 0, Peers},
      {Method::kGet, "ServersList", 0, Servers},
      {Method::kGet, "ServersListBlocked", 0, Servers},
      {Method::kGet, "ServicesList", 0, Services},
  };
}

}  // namespace storpool::http
