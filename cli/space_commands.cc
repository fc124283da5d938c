// volume usedSpace, snapshot space: what is stored, what it costs, what a deletion would free.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "lib/base/size.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;

// What is known of it, or of all, beside what it stores.
absl::StatusOr<VolumeListAnswer> Described(Session& session, const std::string& name,
                                           bool snapshots) {
  if (name.empty()) {
    return snapshots
               ? session.admin.Call(&Admin::StubInterface::SnapshotList, SnapshotListRequest())
               : session.admin.Call(&Admin::StubInterface::VolumeList, VolumeListRequest());
  }
  VolumeInfoRequest request;
  request.set_name(name);
  request.set_snapshot(snapshots);
  absl::StatusOr<VolumeInfoAnswer> info =
      session.admin.Call(&Admin::StubInterface::VolumeInfo, request);
  if (!info.ok()) return info.status();
  VolumeListAnswer one;
  *one.add_volumes() = *std::move(info);
  return one;
}

// As StorPool's VolumesSpace and SnapshotsSpace; null unless it is asked for.
absl::StatusOr<json::Json> DataOf(Session& session, const std::string& name, bool snapshots,
                                  const SpaceListAnswer& space) {
  if (session.options.form != Form::kJson) return json::Json();
  const absl::StatusOr<VolumeListAnswer> described = Described(session, name, snapshots);
  if (!described.ok()) return described.status();
  return json::SpaceOf(*described, space);
}

absl::StatusOr<Output> Space(Session& session, const std::string& name, bool snapshots) {
  SpaceListRequest request;
  request.set_snapshots(snapshots);
  if (!name.empty()) request.add_names(name);
  const absl::StatusOr<SpaceListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::SpaceList, request);
  if (!answer.ok()) return answer.status();
  const absl::StatusOr<json::Json> data = DataOf(session, name, snapshots, *answer);
  if (!data.ok()) return data.status();
  Table table({{snapshots ? "snapshot" : "volume"},
               {"size", Align::kRight},
               {"stored", Align::kRight},
               {"used", Align::kRight},
               {"on disk", Align::kRight},
               {"globalId", Align::kLeft, false, Table::Shown::kPrograms}});
  uint64_t size = 0, stored = 0, used = 0, raw = 0;
  for (const SpaceListAnswer::One& one : answer->all()) {
    table.AddRow({one.name(), SizeCell(one.size_bytes()), SizeCell(one.stored_bytes()),
                  SizeCell(one.space_used_bytes()), SizeCell(one.raw_bytes()), one.global_id()});
    size += one.size_bytes();
    stored += one.stored_bytes();
    used += one.space_used_bytes();
    raw += one.raw_bytes();
  }
  const char* what = snapshots ? " snapshot" : " volume";
  table.AddTotals({absl::StrCat(answer->all_size(), what, answer->all_size() == 1 ? "" : "s"),
                   FormatSize(size), FormatSize(stored), FormatSize(used), FormatSize(raw), ""});
  return Output{.data = *data,
                .generation = answer->generation(),
                .table = table,
                .missing = answer->missing()};
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
