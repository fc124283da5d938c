#include "cli/shapes.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "lib/base/limits.h"

namespace storpool::cli {
namespace {

template <class Field>
Json ArrayOf(const Field& field) {
  Json array = Json::array();
  for (const auto& value : field) array.push_back(value);
  return array;
}

// Limits, which volumes and templates of StorPool have.
void AddNoLimits(Json& json) {
  json["bw"] = "-";
  json["iops"] = "-";
}

}  // namespace

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

Json JsonOf(const DiskInfo& info) {
  const Disk& disk = info.disk();
  const bool up = disk.state() == Disk::UP;
  Json json = {{"id", disk.id()},
               {"serverId", disk.node()},
               {"generationLeft", -1},
               {"status", absl::AsciiStrToLower(Disk::State_Name(disk.state()))},
               {"reason", disk.state_reason()},
               {"ssd", disk.device_class() == "ssd" || disk.device_class() == "nvme"},
               {"class", disk.device_class()},
               {"description", disk.description()},
               {"softEject", "off"},
               {"sectorsCount", disk.size_bytes() / kSectorBytes},
               {"size", disk.size_bytes()}};
  if (!up) json.erase("generationLeft");  // -1 says "up" to StorPool's clients
  json["usableSize"] = info.usable_bytes();
  json["storedSize"] = info.stored_bytes();
  json["freeSize"] = info.free_bytes();
  json["entriesAllocated"] = info.entries();
  json["chains"] = info.chains();
  json["chainsSyncing"] = info.chains_syncing();
  json["syncingDataBytes"] = info.syncing_bytes();
  json["placementGroups"] = ArrayOf(info.placement_groups());
  return json;
}

Json JsonOf(const PlacementGroup& group) {
  return {{"id", group.id()}, {"name", group.name()}, {"disks", ArrayOf(group.disks())}};
}

Json JsonOf(const TemplateInfo& info) {
  const Template& t = info.template_();
  Json json = {{"id", t.id()},
               {"name", t.name()},
               {"parentName", ""},
               {"placeAll", t.place_all()},
               {"placeTail", t.place_tail()},
               {"placeHead", t.place_head()},
               {"replication", t.replication()}};
  json["size"] = t.size_bytes() == 0 ? Json("-") : Json(t.size_bytes());
  AddNoLimits(json);
  json["volumesCount"] = info.volumes();
  json["stored"] = {{"capacity", info.capacity_bytes()}, {"free", info.free_bytes()}};
  return json;
}

Json JsonOf(const VolumeInfoAnswer& info) {
  const Volume& volume = info.volume();
  const storpool::Table& t = info.table();
  Json json = {{"id", volume.id()},
               {"name", volume.name()},
               {"globalId", volume.global_id()},
               {"size", volume.size_bytes()},
               {"replication", t.replication()},
               {"placeAll", t.place_all()},
               {"placeTail", t.place_tail()},
               {"placeHead", t.place_head()},
               {"parentName", ""},
               {"templateName", volume.template_name()},
               {"templateId", volume.template_id()},
               {"objectsCount", info.chunks()},
               {"creationTimestamp", volume.created_seconds()},
               {"visibleVolumeId", volume.id()}};
  AddNoLimits(json);
  json["tags"] = Json::object();
  return json;
}

Json JsonOf(const VolumeStatus& status) {
  return {{"name", status.name()},
          {"size", status.size_bytes()},
          {"replication", status.replication()},
          {"status", status.status()},
          {"snapshot", false},
          {"migrating", false},
          {"decreasedRedundancy", status.chains_degraded() > 0},
          {"balancerBlocked", false},
          {"syncingDataBytes", status.syncing_bytes()},
          {"chains", status.chains()},
          {"chainsDegraded", status.chains_degraded()},
          {"chainsSyncing", status.chains_syncing()},
          {"chainsDown", status.chains_down()},
          {"downDrives", ArrayOf(status.down_disks())},
          {"reason", status.reason()}};
}

Json JsonOf(const Attachment& attachment) {
  return {{"volume", attachment.volume_name()},
          {"snapshot", false},
          {"client", attachment.client()},
          {"rights", attachment.rights() == READ_ONLY ? "ro" : "rw"},
          {"pos", attachment.pos()},
          {"device", attachment.device()},
          {"ready", attachment.granted() && !attachment.device().empty()},
          {"detaching", attachment.detaching()}};
}

Json JsonOfChange(uint64_t generation, const std::string& info) {
  Json json = {{"ok", true}, {"generation", generation}};
  if (!info.empty()) json["info"] = info;
  return json;
}

}  // namespace storpool::cli
