#include "lib/json/services.h"

#include "absl/strings/escaping.h"

namespace storpool::json {

std::string UuidText(const std::string& bytes) {
  const std::string hex = absl::BytesToHexString(bytes);
  if (hex.size() != 32) return hex;
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

Json JsonOf(const StatusAnswer& status) {
  return {{"healthy", status.healthy()},
          {"summary", status.summary()},
          {"reasons", ArrayOf(status.reasons())},
          {"clusterName", status.cluster_name()},
          {"cluster", UuidText(status.cluster())},
          {"nodes", status.nodes()},
          {"nodesUp", status.nodes_up()},
          {"disks", status.disks()},
          {"disksUp", status.disks_up()},
          {"volumes", status.volumes()},
          {"clients", status.clients()},
          {"clientsUp", status.clients_up()},
          {"chains", status.chains()},
          {"chainsOpen", status.chains_open()},
          {"chainsDegraded", status.chains_degraded()},
          {"chainsSyncing", status.chains_syncing()},
          {"chainsDown", status.chains_down()}};
}

Json JsonOf(const Service& service) {
  Json json = {{"kind", service.kind()},
               {"id", service.id()},
               {"name", service.name()},
               {"up", service.up()},
               {"status", service.up() ? "running" : "down"},
               {"address", service.address()},
               {"version", service.version()}};
  json["startTime"] = service.up() ? Json(service.up_since_seconds()) : Json(nullptr);
  if (service.kind() == "metadata") json["active"] = service.active();
  if (service.kind() == "server") json["disks"] = ArrayOf(service.disks());
  return json;
}

}  // namespace storpool::json
