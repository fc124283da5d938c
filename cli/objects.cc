#include "cli/objects.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
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

}  // namespace

std::string NameOf(const Volume& volume) {
  const std::string name = volume.name().empty() ? "~" + volume.global_id() : volume.name();
  return volume.deleted() && name[0] != '*' ? "*" + name : name;
}

std::string ParentOf(const VolumeInfoAnswer& info) {
  if (!info.parent_name().empty() || info.parent_global_id().empty()) return info.parent_name();
  return "~" + info.parent_global_id();
}

absl::StatusOr<Output> InfoOutput(Session& session, const std::string& name, bool snapshot) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  VolumeInfoRequest request;
  request.set_name(name);
  const absl::StatusOr<VolumeInfoAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeInfo, request);
  if (!answer.ok()) return answer.status();
  const Volume& volume = answer->volume();
  if (volume.snapshot() != snapshot) {
    return absl::NotFoundError(
        absl::StrCat(name, " is a ", volume.snapshot() ? "snapshot" : "volume", ": ",
                     volume.snapshot() ? "snapshot " : "volume ", name, " info"));
  }
  const storpool::Table& t = answer->table();
  const Limits& in_force = answer->limits_in_force();
  std::vector<std::pair<std::string, Cell>> lines = {
      {snapshot ? "snapshot" : "volume", NameOf(volume)},
      {"globalId", volume.global_id()},
      {"size", ExactSize(volume.size_bytes())},
      {"template", volume.template_name()},
      {"replication", absl::StrCat(t.replication())},
      {"placeHead", t.place_head()},
      {"placeAll", t.place_all()},
      {"placeTail", t.place_tail()},
      {"iops", IopsCell(volume.limits())},
      {"bw", BandwidthCell(volume.limits())},
      {"parent", ParentOf(*answer)},
      {"chunks", absl::StrCat(answer->chunks())},
      {"created", FormatMoment(volume.created_seconds()) + " UTC"},
      {"tags", TagsText(volume.tags())}};
  if (volume.limits().per_gib()) {
    lines.insert(lines.end(),
                 {{"iops in force", IopsCell(in_force)}, {"bw in force", BandwidthCell(in_force)}});
  }
  if (snapshot) {
    AddSnapshot(*answer, lines);
  } else {
    lines.push_back({"snapshots", absl::StrCat(answer->snapshots())});
  }
  return Output{.data = json::JsonOf(*answer),
                .generation = *generation,
                .table = Table::Properties(std::move(lines))};
}

std::string NotCounted(const std::string& missing) {
  return missing.empty() ? "" : absl::StrCat("not everything stored is counted: ", missing, "\n");
}

absl::StatusOr<Output> DescribeOutput(Session& session, const std::string& name) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  VolumeDescribeRequest request;
  request.set_name(name);
  const absl::StatusOr<VolumeDescribeAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeDescribe, request);
  if (!answer.ok()) return answer.status();
  Table table(
      {{"chain", Table::Align::kRight}, {"chunks", Table::Align::kRight}, {"disks"}, {"wanted"}});
  const auto chains = static_cast<uint32_t>(answer->chains_size());
  // Chunk c lies on (first_chain + c) mod N.
  for (uint32_t i = 0; i < chains; ++i) {
    const uint32_t chain = (answer->first_chain() + i) % chains;
    const uint32_t chunks = answer->info().chunks();
    const auto& row = answer->chains(static_cast<int>(chain));
    table.AddRow({absl::StrCat(chain),
                  absl::StrCat(chunks / chains + (i < chunks % chains ? 1 : 0)),
                  absl::StrJoin(row.disks(), " "), absl::StrJoin(row.wanted(), " ")});
  }
  return Output{.data = json::LayoutInFull(*answer, ""), .generation = *generation, .table = table};
}

}  // namespace storpool::cli
