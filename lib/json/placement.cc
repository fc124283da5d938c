#include "lib/json/placement.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/json/limits_json.h"

namespace storpool::json {
namespace {

Json SizeOrNone(uint64_t size_bytes) { return size_bytes == 0 ? Json("-") : Json(size_bytes); }

void AddPolicy(const Template& t, Json& json) {
  json["placeAll"] = t.place_all();
  json["placeTail"] = t.place_tail();
  json["placeHead"] = t.place_head();
  json["replication"] = t.replication();
}

// Room for client data. The internal parts are what clients may add to the free room: none.
Json Room(uint64_t capacity_bytes, uint64_t free_bytes) {
  return {{"capacity", capacity_bytes},
          {"free", free_bytes},
          {"internal", {{"u1", 0}, {"u2", 0}, {"u3", 0}}}};
}

Json RoomOf(const GroupRoom& group) { return Room(group.capacity_bytes(), group.free_bytes()); }

void AddGroups(const TemplateInfo& info, Json& json) {
  json["availablePlaceAll"] = info.place_all().free_bytes();
  json["availablePlaceTail"] = info.place_tail().free_bytes();
  json["availablePlaceHead"] = info.place_head().free_bytes();
  json["capacityPlaceAll"] = info.place_all().capacity_bytes();
  json["capacityPlaceTail"] = info.place_tail().capacity_bytes();
  json["capacityPlaceHead"] = info.place_head().capacity_bytes();
}

Json Target(uint64_t current, uint64_t target, uint64_t to_recover) {
  return {{"current", current},
          {"target", target},
          {"delta", static_cast<int64_t>(target) - static_cast<int64_t>(current)},
          {"toRecover", to_recover}};
}

// Objects are pieces of a disk, as large as a chunk.
uint64_t Objects(uint64_t bytes) { return (bytes + kChunkBytes - 1) / kChunkBytes; }

}  // namespace

Json JsonOf(const PlacementGroup& group) {
  return {{"id", group.id()}, {"name", group.name()}, {"disks", ArrayOf(group.disks())}};
}

Json JsonOf(const PlacementGroupListAnswer& answer) {
  std::map<std::string, Json> by_name;
  for (const PlacementGroup& group : answer.groups()) by_name[group.name()] = JsonOf(group);
  return ObjectOf(std::move(by_name));
}

Json JsonOf(const TemplateInfo& info) {
  const Template& t = info.template_();
  // A name, to StorPool's clients: "~globalId" would be none.
  const bool named = !info.parent_name().starts_with('~');
  Json json = {{"id", t.id()}, {"name", t.name()}, {"parentName", named ? info.parent_name() : ""}};
  AddPolicy(t, json);
  json["size"] = SizeOrNone(t.size_bytes());
  json["reuseServer"] = false;
  AddLimits(t.limits(), json);
  json["volumesCount"] = info.volumes();
  json["stored"] = {{"capacity", info.capacity_bytes()}, {"free", info.free_bytes()}};
  return json;
}

Json TemplateStatus(const TemplateInfo& info) {
  const Template& t = info.template_();
  const uint64_t size = info.volumes_size_bytes() + info.snapshots_size_bytes();
  Json json = {{"id", t.id()}, {"name", t.name()}};
  AddPolicy(t, json);
  json["volumesCount"] = info.volumes();
  json["snapshotsCount"] = info.snapshots();
  json["removingSnapshotsCount"] = info.snapshots_removing();
  json["size"] = size;
  json["totalSize"] = size * std::max(1u, t.replication());
  json["volumesSize"] = info.volumes_size_bytes();
  json["storedSize"] = info.stored_bytes();
  json["onDiskSize"] = info.raw_bytes();
  AddGroups(info, json);
  Json stored = Room(info.capacity_bytes(), info.free_bytes());
  stored["placeAll"] = RoomOf(info.place_all());
  stored["placeTail"] = RoomOf(info.place_tail());
  stored["placeHead"] = RoomOf(info.place_head());
  json["stored"] = std::move(stored);
  return json;
}

Json JsonOf(const RelocatorStatusAnswer& status) {
  const bool blocked = status.on() && !status.blocked().empty();
  Json json = {{"status", blocked       ? "blocked"
                          : status.on() ? "on"
                                        : "off"},
               {"volumesToRelocate", status.volumes_to_relocate()},
               {"recoveringFromRemote", 0}};
  json["chainsToMove"] = status.chains_to_move();
  json["chainsMoving"] = status.chains_moving();
  json["bytesDone"] = status.bytes_done();
  json["bytesLeft"] = status.bytes_left();
  json["blockedReason"] = status.blocked();
  json["disks"] = ArrayOf(status.disks());
  return json;
}

Json JsonOf(const RelocatorDisksAnswer& answer) {
  Json json = Json::object();
  for (const RelocatorDisksAnswer::One& one : answer.disks()) {
    Json object = {{"id", one.disk()},
                   {"serverId", one.node()},
                   {"generationLeft", one.up() ? Json(-1) : Json(one.left_generation())}};
    if (one.up()) {
      const uint64_t now = one.stored_bytes(), then = one.stored_target_bytes();
      object["objectsCount"] = Objects(std::max(now, then));
      object["objectsAllocated"] =
          Target(Objects(now), Objects(then), Objects(one.to_recover_bytes()));
      object["storedSize"] = Target(now, then, one.to_recover_bytes());
      object["onDiskSize"] = Target(now, then, one.to_recover_bytes());
      object["chains"] = one.chains();
      object["chainsTarget"] = one.chains_target();
    }
    json[absl::StrCat(one.disk())] = std::move(object);
  }
  return json;
}

}  // namespace storpool::json
