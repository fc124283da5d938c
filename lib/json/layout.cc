// Where a volume lies: by disk, by set of disks, by chunk.
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/json/volumes.h"

namespace storpool::json {
namespace {

using Disks = std::vector<uint32_t>;

Json CountsOf(const std::map<Disks, uint64_t>& counts) {
  Json json = Json::array();
  for (const auto& [disks, count] : counts) {
    if (count > 0) json.push_back({{"disks", disks}, {"count", count}});
  }
  return json;
}

}  // namespace

uint64_t ChunksOn(const VolumeDescribeAnswer& answer, uint32_t chain) {
  const uint64_t chains = answer.chains().size(), chunks = answer.info().chunks();
  const uint64_t turn = (chain + chains - answer.first_chain() % chains) % chains;
  return chunks / chains + (turn < chunks % chains);
}

Json LayoutCounts(const VolumeDescribeAnswer& answer, const std::string& cluster) {
  std::map<uint32_t, uint64_t> per_disk;
  std::map<Disks, uint64_t> per_chain, per_set;
  for (int chain = 0; chain < answer.chains().size(); ++chain) {
    const VolumeDescribeAnswer::Row& row = answer.chains(chain);
    const uint64_t chunks = ChunksOn(answer, static_cast<uint32_t>(chain));
    if (chunks == 0) continue;
    for (const uint32_t disk : row.disks()) per_disk[disk] += chunks;
    per_chain[{row.disks().begin(), row.disks().end()}] += chunks;
    per_set[{row.wanted().begin(), row.wanted().end()}] += chunks;
  }
  Json json = JsonOf(answer.info(), cluster);
  json["disksCount"] = per_disk.size();
  json["objectsPerDisk"] = Json::object();
  for (const auto& [disk, count] : per_disk) json["objectsPerDisk"][absl::StrCat(disk)] = count;
  json["objectsPerChain"] = CountsOf(per_chain);
  json["objectsPerDiskSet"] = CountsOf(per_set);
  return json;
}

Json LayoutInFull(const VolumeDescribeAnswer& answer, const std::string& cluster) {
  Json json = JsonOf(answer.info(), cluster);
  Json sets = Json::array(), objects = Json::array();
  for (const VolumeDescribeAnswer::Row& row : answer.chains()) {
    sets.push_back(ArrayOf(row.wanted()));
  }
  for (uint64_t chunk = 0; chunk < answer.info().chunks() && !answer.chains().empty(); ++chunk) {
    const uint64_t chain = (answer.first_chain() + chunk) % answer.chains().size();
    objects.push_back(ArrayOf(answer.chains(static_cast<int>(chain)).disks()));
  }
  json["targetDiskSets"] = std::move(sets);
  json["objects"] = std::move(objects);
  return json;
}

}  // namespace storpool::json
