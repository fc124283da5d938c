// volume usedSpace, snapshot space: what is stored, what it costs, what a deletion would free.
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/objects.h"
#include "lib/base/size.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;

absl::StatusOr<Output> Space(Session& session, const std::string& name, bool snapshots) {
  SpaceListRequest request;
  request.set_snapshots(snapshots);
  if (!name.empty()) request.add_names(name);
  const absl::StatusOr<SpaceListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::SpaceList, request);
  if (!answer.ok()) return answer.status();
  Table table({{snapshots ? "snapshot" : "volume"},
               {"size", Align::kRight},
               {"stored", Align::kRight},
               {"used", Align::kRight},
               {"on disk", Align::kRight},
               {"globalId", Align::kLeft, false, Table::Shown::kPrograms}});
  json::Json data = json::Json::array();
  uint64_t size = 0, stored = 0, used = 0, raw = 0;
  for (const SpaceListAnswer::One& one : answer->all()) {
    data.push_back(json::JsonOf(one));
    table.AddRow({one.name().empty() ? "~" + one.global_id() : one.name(),
                  SizeCell(one.size_bytes()), SizeCell(one.stored_bytes()),
                  SizeCell(one.space_used_bytes()), SizeCell(one.raw_bytes()), one.global_id()});
    size += one.size_bytes();
    stored += one.stored_bytes();
    used += one.space_used_bytes();
    raw += one.raw_bytes();
  }
  const char* what = snapshots ? " snapshot" : " volume";
  table.AddTotals({absl::StrCat(answer->all_size(), what, answer->all_size() == 1 ? "" : "s"),
                   FormatSize(size), FormatSize(stored), FormatSize(used), FormatSize(raw), ""});
  return Output{.data = data,
                .generation = answer->generation(),
                .table = table,
                .text = NotCounted(answer->missing())};
}

absl::StatusOr<Output> Volumes(Session& session, const Arguments& arguments) {
  return Space(session, arguments.Text("NAME"), false);
}

absl::StatusOr<Output> Snapshots(Session& session, const Arguments& arguments) {
  return Space(session, arguments.Text("NAME"), true);
}

}  // namespace

std::vector<Command> SpaceCommands() {
  return {
      {.pattern = "volume usedSpace",
       .summary = "Show what each volume stores, counted now",
       .details = "stored: what was written to it since its last snapshot. used: with what it sees "
                  "of its snapshots and parents. on disk: stored, with all copies.",
       .run = Volumes},
      {.pattern = "volume NAME usedSpace",
       .summary = "Show what one volume stores, counted now",
       .run = Volumes},
      {.pattern = "snapshot space",
       .summary = "Show what each snapshot stores, and what deleting it would free",
       .details =
           "stored: what was written between it and the snapshot before. used: what deleting "
           "it alone would free.",
       .run = Snapshots},
      {.pattern = "snapshot NAME space",
       .summary = "Show what one snapshot stores, and what deleting it would free",
       .run = Snapshots},
  };
}

}  // namespace storpool::cli
