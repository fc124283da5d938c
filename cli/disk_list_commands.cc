// disk list ..., disk ID info: what disks are.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/values.h"
#include "lib/base/limits.h"
#include "lib/base/size.h"
#include "lib/json/disks.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;

std::string UsedPercent(const DiskInfo& info) {
  const uint64_t usable = info.usable_bytes();
  if (usable == 0) return "-";
  const uint64_t free = std::min(info.free_bytes(), usable);
  return absl::StrCat((usable - free) * 100 / usable, " %");
}

bool Syncing(const DiskInfo& info) {
  return info.disk().state() == Disk::UP && info.chains_syncing() > 0;
}

// "up", "syncing", "down", "ejected"; then "softEject" if its data is to go elsewhere.
std::string StateOf(const DiskInfo& info) {
  std::string text =
      Syncing(info) ? "syncing" : absl::AsciiStrToLower(Disk::State_Name(info.disk().state()));
  switch (info.disk().soft_eject()) {
    case Disk::SOFT_EJECT_ON:
      return text + " softEject";
    case Disk::SOFT_EJECT_PAUSED:
      return text + " softEject paused";
    default:
      return text;
  }
}

std::string ReasonOf(const DiskInfo& info) {
  if (Syncing(info)) {
    return absl::StrCat(info.chains_syncing(), " chains, ", FormatSize(info.syncing_bytes()),
                        " left");
  }
  return info.disk().state() == Disk::UP ? "" : info.disk().state_reason();
}

absl::StatusOr<DiskListAnswer> AllDisks(Session& session) {
  return session.admin.Call(&Admin::StubInterface::DiskList, DiskListRequest());
}

// The disks as a table; `row` makes the cells of one.
absl::StatusOr<Output> ListAs(Session& session, std::vector<Table::Column> columns,
                              const std::function<std::vector<Cell>(const DiskInfo&)>& row) {
  const absl::StatusOr<DiskListAnswer> disks = AllDisks(session);
  if (!disks.ok()) return disks.status();
  Table table(std::move(columns));
  json::Json data = json::Json::object();
  std::string reasons;
  for (const DiskInfo& info : disks->disks()) {
    data[absl::StrCat(info.disk().id())] = json::JsonOf(info);
    table.AddRow(row(info));
    const std::string reason = ReasonOf(info);
    if (reason.empty()) continue;
    absl::StrAppend(&reasons, "disk ", info.disk().id(), " is ", StateOf(info), ": ", reason, "\n");
  }
  return Output{.data = data, .generation = disks->generation(), .table = table, .text = reasons};
}

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  return ListAs(session,
                {{"disk", Align::kRight},
                 {"server", Align::kRight},
                 {"size", Align::kRight},
                 {"used", Align::kRight},
                 {"est.free", Align::kRight},
                 {"%", Align::kRight},
                 {"chains", Align::kRight},
                 {"status", Align::kLeft, true},
                 {"reason", Align::kLeft, false, Table::Shown::kPrograms}},
                [](const DiskInfo& info) -> std::vector<Cell> {
                  const Disk& disk = info.disk();
                  return {absl::StrCat(disk.id()),
                          absl::StrCat(disk.node()),
                          SizeCell(disk.size_bytes()),
                          SizeCell(info.stored_bytes()),
                          SizeCell(info.free_bytes()),
                          UsedPercent(info),
                          absl::StrCat(info.chains()),
                          StateOf(info),
                          ReasonOf(info)};
                });
}

absl::StatusOr<Output> ListInfo(Session& session, const Arguments&) {
  return ListAs(session,
                {{"disk", Align::kRight},
                 {"server", Align::kRight},
                 {"class"},
                 {"groups", Align::kLeft, true},
                 {"description", Align::kLeft, true},
                 {"status", Align::kLeft, true}},
                [](const DiskInfo& info) -> std::vector<Cell> {
                  const Disk& disk = info.disk();
                  return {absl::StrCat(disk.id()), absl::StrCat(disk.node()),
                          disk.device_class(),     absl::StrJoin(info.placement_groups(), " "),
                          disk.description(),      StateOf(info)};
                });
}

absl::StatusOr<Output> ListPerformance(Session& session, const Arguments&) {
  return ListAs(session,
                {{"disk", Align::kRight},
                 {"server", Align::kRight},
                 {"class"},
                 {"reads", Align::kRight},
                 {"read", Align::kRight},
                 {"writes", Align::kRight},
                 {"written", Align::kRight}},
                [](const DiskInfo& info) -> std::vector<Cell> {
                  const Disk& disk = info.disk();
                  return {absl::StrCat(disk.id()),       absl::StrCat(disk.node()),
                          disk.device_class(),           absl::StrCat(info.reads()),
                          SizeCell(info.read_bytes()),   absl::StrCat(info.writes()),
                          SizeCell(info.written_bytes())};
                });
}

absl::StatusOr<Output> Info(Session& session, const Arguments& arguments) {
  const absl::StatusOr<DiskListAnswer> disks = AllDisks(session);
  if (!disks.ok()) return disks.status();
  const auto& all = disks->disks();
  const auto it = std::ranges::find_if(
      all, [&](const DiskInfo& info) { return info.disk().id() == arguments.Id("ID"); });
  if (it == all.end()) {
    return absl::NotFoundError(
        absl::StrCat("there is no disk ", arguments.Id("ID"), "; disk list shows all"));
  }
  const Disk& disk = it->disk();
  return Output{.data = json::JsonOf(*it),
                .generation = disks->generation(),
                .table = Table::Properties({
                    {"disk", absl::StrCat(disk.id())},
                    {"server", absl::StrCat(disk.node(), " ", it->node_name())},
                    {"class", disk.device_class()},
                    {"description", disk.description()},
                    {"status", StateOf(*it)},
                    {"reason", ReasonOf(*it)},
                    {"down since", FormatMoment(it->down_since_seconds())},
                    {"groups", absl::StrJoin(it->placement_groups(), " ")},
                    {"size", SizeCell(disk.size_bytes())},
                    {"usable", SizeCell(it->usable_bytes())},
                    {"used", SizeCell(it->stored_bytes())},
                    {"est.free", SizeCell(it->free_bytes())},
                    {"entries", absl::StrCat(it->entries())},
                    {"chains", absl::StrCat(it->chains())},
                })};
}

}  // namespace

Parameter DiskIdParameter() {
  return {.word = "ID",
          .value = "ID",
          .kind = Kind::kNumber,
          .help = "0 to 4095; see disk list.",
          .max = kDiskIdMax};
}

std::vector<Command> DiskListCommands() {
  const Parameter id = DiskIdParameter();
  return {
      {.pattern = "disk list",
       .summary = "List the disks: size, use, chains, and why one is not up",
       .run = List},
      {.pattern = "disk list info",
       .summary = "List the disks: class, groups, description",
       .run = ListInfo},
      {.pattern = "disk list performance",
       .summary = "List the disks: what clients read and wrote since their nodes started",
       .run = ListPerformance},
      {.pattern = "disk ID info", .summary = "Show one disk", .values = {id}, .run = Info},
  };
}

}  // namespace storpool::cli
