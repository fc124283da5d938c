#include "lib/json/services.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace storpool::json {
namespace {

constexpr char kServer[] = "server", kClient[] = "client", kMetadata[] = "metadata";

// What all kinds have. A service of StorPool has an id above 0; the only metadata daemon has none.
Json ServiceFields(const Service& service, uint32_t id) {
  Json json = {{"id", id}};
  json["nodeId"] = service.kind() == kServer ? Json(service.id()) : Json(nullptr);
  json["version"] = service.version();
  json["startTime"] = service.up() ? Json(service.up_since_seconds()) : Json(nullptr);
  json["status"] = service.up() ? "running" : "down";
  return json;
}

// Oldest first.
Json AlarmsOf(const StatusAnswer& status) {
  Json json = Json::array();
  for (const auto& alarm : status.alarms()) {
    json.push_back({{"time", alarm.at_seconds()}, {"from", alarm.from()}, {"text", alarm.text()}});
  }
  return json;
}

}  // namespace

std::string UuidText(const std::string& bytes) {
  const std::string hex = absl::BytesToHexString(bytes);
  if (hex.size() != 32) return hex;
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

Json JsonOf(const StatusAnswer& status) {
  Json json = {{"healthy", status.healthy()},
               {"summary", status.summary()},
               {"reasons", ArrayOf(status.reasons())},
               {"clusterName", status.cluster_name()},
               {"cluster", UuidText(status.cluster())},
               {"nodes", status.nodes()},
               {"nodesUp", status.nodes_up()},
               {"disks", status.disks()},
               {"disksUp", status.disks_up()},
               {"volumes", status.volumes()},
               {"snapshots", status.snapshots()},
               {"clients", status.clients()},
               {"clientsUp", status.clients_up()},
               {"chains", status.chains()},
               {"chainsOpen", status.chains_open()},
               {"chainsDegraded", status.chains_degraded()},
               {"chainsSyncing", status.chains_syncing()},
               {"chainsDown", status.chains_down()}};
  json["alarms"] = AlarmsOf(status);
  return json;
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
  if (!service.fault_set().empty()) json["faultSet"] = service.fault_set();
  return json;
}

Json ClusterStatus(const ServiceListAnswer& services, bool with_clients) {
  Json mgmt = Json::object(), clients = Json::object(), servers = Json::object();
  bool running = false;
  for (const Service& service : services.services()) {
    const std::string id = absl::StrCat(service.id());
    if (service.kind() == kMetadata) {
      const uint32_t mgmt_id = std::max(1u, service.id());
      Json one = ServiceFields(service, mgmt_id);
      one["prio"] = 0;
      one["active"] = service.active();
      mgmt[absl::StrCat(mgmt_id)] = std::move(one);
    } else if (service.kind() == kServer) {
      running |= service.up();
      Json one = ServiceFields(service, service.id());
      one["missingDisks"] = Json::array();
      one["pendingDisks"] = Json::array();
      servers[id] = std::move(one);
    } else if (service.kind() == kClient && with_clients) {
      clients[id] = ServiceFields(service, service.id());
    }
  }
  return {{"clusterStatus", running ? "running" : "down"},
          {"mgmt", std::move(mgmt)},
          {"clients", std::move(clients)},
          {"servers", std::move(servers)},
          {"bridges", Json::object()},
          {"iscsiTargets", Json::object()}};
}

Json FaultSets(const ServiceListAnswer& services) {
  Json sets = Json::object();
  for (const Service& service : services.services()) {
    if (service.fault_set().empty()) continue;
    Json& set = sets[service.fault_set()];
    if (set.is_null()) set = {{"servers", Json::array()}};
    set["servers"].push_back(service.id());
  }
  return sets;
}

Json Peers(const ServiceListAnswer& services) {
  Json peers = Json::object();
  for (const Service& service : services.services()) {
    if (service.kind() != kServer) continue;
    peers[absl::StrCat(service.id())] = {
        {"beaconStatus", service.up() ? "NODE_UP" : "NODE_DOWN"},
        {"clusterStatus", service.up() ? "CNODE_UP" : "CNODE_DOWN"},
        {"joined", service.up()},
        {"nonVoting", false},
        {"networks", Json::object()},
        {"rdma", Json::object()}};
  }
  return peers;
}

}  // namespace storpool::json
