#include "lib/json/disks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/json/fields.h"

namespace storpool::json {
namespace {

constexpr uint64_t kGroupBytes = 512u << 20;  // StorPool's clients reckon in such pieces

std::string_view SoftEjectWord(Disk::SoftEject soft_eject) {
  switch (soft_eject) {
    case Disk::SOFT_EJECT_ON:
      return "on";
    case Disk::SOFT_EJECT_PAUSED:
      return "paused";
    default:
      return "off";
  }
}

// What there is no service for here has never begun.
void AddScrubbing(Json& json) {
  for (const char* name : {"scrubbingStartedBefore", "scrubbedBytes", "scrubbingBW",
                           "scrubbingFinishAfter", "scrubbingPausedFor", "lastScrubCompleted"}) {
    json[name] = 0;
  }
  json["scrubbingPaused"] = false;
}

// {NAMECount, NAMEAllocated, NAMEFree} in pieces of so many bytes.
void AddPieces(const DiskInfo& info, const std::string& name, uint64_t piece_bytes, Json& json) {
  const uint64_t count = info.usable_bytes() / piece_bytes;
  const uint64_t free = std::min(count, info.free_bytes() / piece_bytes);
  json[name + "Count"] = count;
  json[name + "Allocated"] = count - free;
  json[name + "Free"] = free;
}

void AddRoom(const DiskInfo& info, Json& json) {
  AddPieces(info, "ag", kGroupBytes, json);
  json["agFull"] = 0;
  json["agPartial"] = json["agAllocated"];
  json["agFreeing"] = 0;
  const uint64_t entries = std::max(info.entries(), info.usable_bytes() / kBlockBytes);
  json["entriesCount"] = entries;
  json["entriesAllocated"] = info.entries();
  json["entriesFree"] = entries - info.entries();
  AddPieces(info, "objects", kChunkBytes, json);
  json["objectsOnDiskSize"] = info.stored_bytes();
}

// What only this system has.
void AddOwn(const DiskInfo& info, Json& json) {
  const Disk& disk = info.disk();
  json["status"] = absl::AsciiStrToLower(Disk::State_Name(disk.state()));
  json["reason"] = disk.state_reason();
  if (info.down_since_seconds() != 0) json["downSince"] = info.down_since_seconds();
  json["class"] = disk.device_class();
  json["size"] = disk.size_bytes();
  json["usableSize"] = info.usable_bytes();
  json["storedSize"] = info.stored_bytes();
  json["freeSize"] = info.free_bytes();
  json["chains"] = info.chains();
  json["chainsSyncing"] = info.chains_syncing();
  json["syncingDataBytes"] = info.syncing_bytes();
  json["placementGroups"] = ArrayOf(info.placement_groups());
  json["reads"] = info.reads();
  json["readBytes"] = info.read_bytes();
  json["writes"] = info.writes();
  json["writtenBytes"] = info.written_bytes();
}

}  // namespace

Json JsonOf(const DiskInfo& info) {
  const Disk& disk = info.disk();
  const bool up = disk.state() == Disk::UP;
  Json json = {{"id", disk.id()},
               {"serverId", disk.node()},
               {"ssd", disk.device_class() == "ssd" || disk.device_class() == "nvme"},
               {"generationLeft", up ? Json(-1) : Json(info.left_generation())},
               {"model", ""},
               {"serial", ""},
               {"description", disk.description()},
               {"softEject", SoftEjectWord(disk.soft_eject())}};
  if (up) {
    json["sectorsCount"] = disk.size_bytes() / kSectorBytes;
    json["empty"] = info.stored_bytes() == 0;
    json["noFua"] = true;  // flushes are used instead
    json["noFlush"] = false;
    json["noTrim"] = false;
    json["isWbc"] = false;
    json["journaled"] = false;
    json["device"] = "";
    AddRoom(info, json);
    json["wbc"] = nullptr;
    AddScrubbing(json);
  }
  AddOwn(info, json);
  return json;
}

absl::StatusOr<DiskUpdateRequest> ReadDiskDescription(uint32_t disk, const Json& body) {
  Fields fields(body, "DiskSetDescription");
  DiskUpdateRequest request;
  request.set_disk(disk);
  if (!fields.has("description")) fields.Wrong("description", "is missing; \"\" clears it");
  request.set_description(fields.Text("description").value_or(""));
  return Finished(fields, std::move(request));
}

Json JsonOf(const DiskListAnswer& answer) {
  Json json = Json::object();
  for (const DiskInfo& info : answer.disks()) {
    json[absl::StrCat(info.disk().id())] = JsonOf(info);
  }
  return json;
}

}  // namespace storpool::json
