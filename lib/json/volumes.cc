#include "lib/json/volumes.h"

namespace storpool::json {

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
  json["bw"] = "-";
  json["iops"] = "-";
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

}  // namespace storpool::json
