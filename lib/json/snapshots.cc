#include "lib/json/snapshots.h"

#include "lib/json/changes.h"

namespace storpool::json {
namespace {

Json OneOfGroup(const SnapshotCreateAnswer::One& one) {
  return {{"volume", one.volume()},
          {"volumeGlobalId", one.volume_global_id()},
          {"snapshot", one.snapshot()},
          {"remoteId", one.snapshot_global_id()},
          {"snapshotGlobalId", one.snapshot_global_id()},
          {"autoName", one.auto_name()}};
}

}  // namespace

Json JsonOf(const SnapshotCreateAnswer& answer, bool group) {
  Json json = JsonOfChange(answer.generation(), "");
  if (!group && answer.snapshots_size() == 1) {
    const SnapshotCreateAnswer::One& one = answer.snapshots(0);
    json["name"] = one.snapshot();
    json["snapshotGlobalId"] = one.snapshot_global_id();
    json["snapshotVisibleVolumeId"] = one.snapshot_id();
    json["autoName"] = one.auto_name();
    return json;
  }
  json["snapshots"] = Json::array();
  for (const SnapshotCreateAnswer::One& one : answer.snapshots()) {
    json["snapshots"].push_back(OneOfGroup(one));
  }
  return json;
}

Json JsonOf(const SpaceListAnswer::One& space) {
  return {{"name", space.name()},
          {"globalId", space.global_id()},
          {"snapshot", space.snapshot()},
          {"size", space.size_bytes()},
          {"storedSize", space.stored_bytes()},
          {"spaceUsed", space.space_used_bytes()},
          {"onDiskSize", space.raw_bytes()}};
}

}  // namespace storpool::json
