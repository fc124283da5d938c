#include "lib/json/volumes.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/json/changes.h"
#include "lib/json/limits_json.h"

namespace storpool::json {
namespace {

// A snapshot in deletion that has no name is "*~globalId" elsewhere. StorPool's strict clients take
// "*globalId" for a name, but not that.
std::string NameForClients(const std::string& name) {
  return name.starts_with("*~") ? absl::StrCat("*", name.substr(2)) : name;
}

Json TagsOf(const google::protobuf::RepeatedPtrField<Tag>& some) {
  Json tags = Json::object();
  for (const Tag& tag : some) tags[tag.name()] = tag.value();
  return tags;
}

void AddSnapshotFields(const VolumeInfoAnswer& info, Json& json) {
  const Volume& volume = info.volume();
  json["onVolume"] = info.on_volume().empty() ? "-" : info.on_volume();
  json["autoName"] = volume.auto_name();
  json["bound"] = volume.bound();
  json["deleted"] = volume.deleted();
  json["transient"] = volume.transient();
  json["recoveringFromRemote"] = false;
  json["targetDeleteDate"] = volume.delete_at_seconds();
}

// Volumes are "up" also while a mirror is missing; the flags beside it tell.
std::string_view StorPoolStatus(const VolumeStatus& status) {
  if (status.status() == "down") return "down";
  return status.status() == "up soon" ? "up soon" : "up";
}

// Of so many chunks or bytes, the share of the table's chains that are in some state.
uint64_t Share(uint64_t all, uint32_t part, uint32_t chains) {
  if (part == 0 || chains == 0) return 0;
  return static_cast<uint64_t>(static_cast<double>(all) * part / chains);
}

// A disk that is only to come is missing nowhere but among the targets.
void AddDrives(const VolumeStatus& status, Json& json) {
  std::set<uint32_t> targets(status.down_disks().begin(), status.down_disks().end());
  targets.insert(status.missing_disks().begin(), status.missing_disks().end());
  json["downDrives"] = ArrayOf(status.down_disks());
  json["missingDrives"] =
      status.chains_degraded() > 0 ? ArrayOf(status.missing_disks()) : Json::array();
  json["missingTargetDrives"] = ArrayOf(targets);
  json["softEjectingDrives"] = ArrayOf(status.soft_ejecting_disks());
}

void AddStatus(const VolumeStatus& status, uint32_t chunks, Json& json) {
  json["status"] = StorPoolStatus(status);
  json["migrating"] = status.migrating();
  json["decreasedRedundancy"] = status.chains_degraded() > 0;
  json["balancerBlocked"] = false;
  json["syncingDataBytes"] = status.syncing_bytes();
  json["syncingMetaObjects"] = Share(chunks, status.chains_syncing(), status.chains());
  json["downBytes"] = Share(status.size_bytes(), status.chains_down(), status.chains());
  json["upSoonChainsCount"] = StorPoolStatus(status) == "up soon" ? status.chains() : 0;
  AddDrives(status, json);
}

// Both share one name space, and unnamed ones have an id of their own.
using ByGlobalId = std::map<std::string, const VolumeInfoAnswer*>;

void AddAll(const VolumeListAnswer& answer, ByGlobalId& all) {
  for (const VolumeInfoAnswer& info : answer.volumes()) all[info.volume().global_id()] = &info;
}

}  // namespace

Json JsonOf(const VolumeInfoAnswer& info, const std::string& cluster) {
  const Volume& volume = info.volume();
  const storpool::Table& t = info.table();
  Json json = {{"id", volume.id()},
               {"name", NameForClients(volume.name())},
               {"globalId", volume.global_id()},
               {"size", volume.size_bytes()},
               {"snapshot", volume.snapshot()},
               {"replication", t.replication()},
               {"placeAll", t.place_all()},
               {"placeTail", t.place_tail()},
               {"placeHead", t.place_head()},
               {"parentName", NameForClients(info.parent_name())},
               {"templateName", volume.template_name()},
               {"templateId", volume.template_id()},
               {"objectsCount", info.chunks()},
               {"creationTimestamp", volume.created_seconds()},
               {"visibleVolumeId", volume.id()},
               {"reuseServer", false}};
  AddLimits(volume.limits(), json);
  json["tags"] = TagsOf(volume.tags());
  if (volume.snapshot()) AddSnapshotFields(info, json);
  if (!cluster.empty()) {
    json["clusterName"] = cluster;
    json["clusterId"] = cluster;
  }
  return json;
}

Json JsonOf(const VolumeListAnswer& answer, const std::string& cluster) {
  Json json = Json::array();
  for (const VolumeInfoAnswer& info : answer.volumes()) json.push_back(JsonOf(info, cluster));
  return json;
}

Json JsonOf(const VolumeStatus& status, const SpaceListAnswer::One* space) {
  Json json = {{"name", status.name()},
               {"globalId", status.global_id()},
               {"size", status.size_bytes()},
               {"replication", status.replication()},
               {"tags", TagsOf(status.tags())},
               {"status", status.status()},
               {"snapshot", status.snapshot()},
               {"migrating", status.migrating()},
               {"decreasedRedundancy", status.chains_degraded() > 0},
               {"balancerBlocked", false},
               {"syncingDataBytes", status.syncing_bytes()},
               {"chains", status.chains()},
               {"chainsDegraded", status.chains_degraded()},
               {"chainsSyncing", status.chains_syncing()},
               {"chainsDown", status.chains_down()},
               {"chainsToMove", status.chains_to_move()}};
  AddDrives(status, json);
  json["work"] = status.work();
  json["workDone"] = status.work_done();
  json["workAll"] = status.work_all();
  json["reason"] = status.reason();
  if (space == nullptr) return json;
  json["storedSize"] = space->stored_bytes();
  json["onDiskSize"] = space->raw_bytes();
  return json;
}

Json StatusByName(const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots,
                  const VolumeStatusAnswer& status, const SpaceListAnswer* space) {
  ByGlobalId all;
  AddAll(volumes, all);
  AddAll(snapshots, all);
  std::map<std::string, const SpaceListAnswer::One*> room;
  if (space != nullptr) {
    for (const SpaceListAnswer::One& one : space->all()) room[one.global_id()] = &one;
  }
  std::map<std::string, Json> by_name;
  for (const VolumeStatus& one : status.volumes()) {
    const auto it = all.find(one.global_id());
    if (it == all.end()) continue;
    Json object = JsonOf(*it->second);
    AddStatus(one, it->second->chunks(), object);
    if (space != nullptr) {
      const auto at = room.find(one.global_id());
      object["storedSize"] = at == room.end() ? 0 : at->second->stored_bytes();
      object["onDiskSize"] = at == room.end() ? 0 : at->second->raw_bytes();
    }
    std::string name = object["name"];
    // In deletion there may be several of one name.
    if (by_name.contains(name)) name = absl::StrCat("*", one.global_id());
    by_name[name] = std::move(object);
  }
  return ObjectOf(std::move(by_name));
}

Json SpaceOf(const VolumeListAnswer& volumes, const SpaceListAnswer& space) {
  ByGlobalId all;
  AddAll(volumes, all);
  Json json = Json::array();
  for (const SpaceListAnswer::One& one : space.all()) {
    const auto it = all.find(one.global_id());
    if (it == all.end()) continue;
    Json object = JsonOf(*it->second);
    object["storedSize"] = one.stored_bytes();
    object["spaceUsed"] = one.space_used_bytes();
    object["onDiskSize"] = one.raw_bytes();
    json.push_back(std::move(object));
  }
  return json;
}

Json VolumesAndSnapshots(const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots) {
  Json json = Json::array();
  for (const VolumeListAnswer* list : {&volumes, &snapshots}) {
    for (const VolumeInfoAnswer& info : list->volumes()) json.push_back(JsonOf(info));
  }
  return {{"volumes", std::move(json)}};
}

Json JsonOf(const VolumeCreateAnswer& answer) {
  Json json = JsonOfChange(answer.generation(), answer.info());
  json["name"] = answer.name();
  json["globalId"] = answer.global_id();
  return json;
}

Json OneSnapshot(const SnapshotCreateAnswer& answer) {
  Json json = JsonOfChange(answer.generation(), "");
  if (answer.snapshots().empty()) return json;
  const SnapshotCreateAnswer::One& one = answer.snapshots(0);
  if (one.auto_name()) json["autoName"] = one.snapshot();
  json["snapshotGlobalId"] = one.snapshot_global_id();
  json["snapshotVisibleVolumeId"] = one.snapshot_id();
  return json;
}

Json GroupSnapshot(const SnapshotCreateAnswer& answer) {
  Json json = JsonOfChange(answer.generation(), "");
  Json snapshots = Json::array();
  for (const SnapshotCreateAnswer::One& one : answer.snapshots()) {
    snapshots.push_back({{"volume", one.volume()},
                         {"volumeGlobalId", one.volume_global_id()},
                         {"snapshot", one.snapshot()},
                         {"remoteId", one.snapshot_global_id()},
                         {"snapshotGlobalId", one.snapshot_global_id()}});
  }
  json["snapshots"] = std::move(snapshots);
  return json;
}

}  // namespace storpool::json
