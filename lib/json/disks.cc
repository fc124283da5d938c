#include "lib/json/disks.h"

#include "absl/strings/ascii.h"
#include "lib/base/limits.h"

namespace storpool::json {

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

}  // namespace storpool::json
