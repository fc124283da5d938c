#include "lib/json/work.h"

#include "lib/json/volumes.h"

namespace storpool::json {
namespace {

// StorPool's number for a recovery is 0; the others have none here.
constexpr int kRecovery = 0;
constexpr int kOther = 2;

Json Amount(uint64_t current, uint64_t target, uint64_t to_recover) {
  return {{"current", current},
          {"target", target},
          {"delta", static_cast<int64_t>(target) - static_cast<int64_t>(current)},
          {"toRecover", to_recover}};
}

}  // namespace

Json JsonOf(const Task& task) {
  return {{"diskId", task.disk()},
          {"transactionId", task.kind() == "recovery" ? kRecovery : kOther},
          {"kind", task.kind()},
          {"name", task.name()},
          {"allObjects", task.all()},
          {"completedObjects", task.completed()},
          {"dispatchedObjects", 0},
          {"unresolvedObjects", 0},
          {"remainingBytes", task.bytes_left()}};
}

Json JsonOf(const RelocatorDisksAnswer::One& disk) {
  Json json = {{"id", disk.disk()}, {"serverId", disk.node()}};
  if (!disk.up()) return json;
  json["generationLeft"] = -1;
  json["objectsAllocated"] = Amount(disk.chains(), disk.chains_target(), 0);
  json["objectsCount"] = disk.chains();
  json["storedSize"] =
      Amount(disk.stored_bytes(), disk.stored_target_bytes(), disk.to_recover_bytes());
  json["onDiskSize"] = json["storedSize"];
  return json;
}

Json JsonOf(const ClientStatusAnswer::One& client) {
  return {{"id", client.id()},
          {"generation", client.generation()},
          {"clientGeneration", client.client_generation()},
          {"configStatus", client.status()},
          {"delay", client.delay_ms()}};
}

Json JsonOf(const VolumeDescribeAnswer& answer) {
  Json json = JsonOf(answer.info());
  json["targetDiskSets"] = Json::array();
  for (const auto& row : answer.chains()) json["targetDiskSets"].push_back(ArrayOf(row.wanted()));
  json["objects"] = Json::array();
  const int chains = answer.chains_size();
  for (uint32_t chunk = 0; chains > 0 && chunk < answer.info().chunks(); ++chunk) {
    const uint32_t chain = (answer.first_chain() + chunk) % static_cast<uint32_t>(chains);
    json["objects"].push_back(ArrayOf(answer.chains(static_cast<int>(chain)).disks()));
  }
  return json;
}

}  // namespace storpool::json
