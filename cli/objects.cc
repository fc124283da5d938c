#include "cli/objects.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/policy.h"
#include "cli/values.h"
#include "lib/base/size.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

Cell ExactSize(uint64_t size_bytes) {
  return {absl::StrCat(FormatSize(size_bytes), " (", size_bytes, " B)"), absl::StrCat(size_bytes)};
}

std::string YesNo(bool value) { return value ? "yes" : "no"; }

// What a snapshot has besides.
void AddSnapshot(const VolumeInfoAnswer& info, std::vector<std::pair<std::string, Cell>>& lines) {
  const Volume& snapshot = info.volume();
  lines.insert(lines.end(), {{"volume", info.on_volume()},
                             {"children", absl::StrCat(info.children())},
                             {"bound", YesNo(snapshot.bound())},
                             {"transient", YesNo(snapshot.transient())},
                             {"deleted", YesNo(snapshot.deleted())},
                             {"targetDeleteDate", FormatMoment(snapshot.delete_at_seconds())}});
}

absl::StatusOr<VolumeDescribeAnswer> Described(Session& session, const std::string& name,
                                               bool snapshot) {
  VolumeDescribeRequest request;
  request.set_name(name);
  request.set_snapshot(snapshot);
  return session.admin.Call(&Admin::StubInterface::VolumeDescribe, request);
}

}  // namespace

absl::StatusOr<Output> InfoOutput(Session& session, const std::string& name, bool snapshot) {
  const absl::StatusOr<VolumeDescribeAnswer> answer = Described(session, name, snapshot);
  if (!answer.ok()) return answer.status();
  const VolumeInfoAnswer& info = answer->info();
  const Volume& volume = info.volume();
  const storpool::Table& t = info.table();
  const Limits& in_force = info.limits_in_force();
  std::vector<std::pair<std::string, Cell>> lines = {
      {snapshot ? "snapshot" : "volume", volume.name()},
      {"globalId", volume.global_id()},
      {"size", ExactSize(volume.size_bytes())},
      {"template", volume.template_name()},
      {"replication", absl::StrCat(t.replication())},
      {"placeHead", t.place_head()},
      {"placeAll", t.place_all()},
      {"placeTail", t.place_tail()},
      {"iops", IopsCell(volume.limits())},
      {"bw", BandwidthCell(volume.limits())},
      {"parent", info.parent_name()},
      {"chunks", absl::StrCat(info.chunks())},
      {"created", FormatMoment(volume.created_seconds()) + " UTC"},
      {"tags", TagsText(volume.tags())}};
  if (volume.limits().per_gib()) {
    lines.insert(lines.end(),
                 {{"iops in force", IopsCell(in_force)}, {"bw in force", BandwidthCell(in_force)}});
  }
  if (snapshot) {
    AddSnapshot(info, lines);
  } else {
    lines.push_back({"snapshots", absl::StrCat(info.snapshots())});
  }
  return Output{.data = json::LayoutCounts(*answer, ""),
                .generation = answer->generation(),
                .table = Table::Properties(std::move(lines))};
}

absl::StatusOr<Output> DescribeOutput(Session& session, const std::string& name, bool snapshot) {
  const absl::StatusOr<VolumeDescribeAnswer> answer = Described(session, name, snapshot);
  if (!answer.ok()) return answer.status();
  Table table(
      {{"chain", Table::Align::kRight}, {"chunks", Table::Align::kRight}, {"disks"}, {"wanted"}});
  const auto chains = static_cast<uint32_t>(answer->chains_size());
  // Chunk c lies on (first_chain + c) mod N.
  for (uint32_t i = 0; i < chains; ++i) {
    const uint32_t chain = (answer->first_chain() + i) % chains;
    const auto& row = answer->chains(static_cast<int>(chain));
    table.AddRow({absl::StrCat(chain), absl::StrCat(json::ChunksOn(*answer, chain)),
                  absl::StrJoin(row.disks(), " "), absl::StrJoin(row.wanted(), " ")});
  }
  return Output{
      .data = json::LayoutInFull(*answer, ""), .generation = answer->generation(), .table = table};
}

}  // namespace storpool::cli
