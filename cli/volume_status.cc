// volume status: how volumes and snapshots are, what they hold, what is being done about them.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/policy.h"
#include "lib/base/size.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;
using Shown = Table::Shown;

struct Space {
  std::map<std::string, SpaceListAnswer::One> by_id;
  std::string missing;

  // Null if nobody has counted it.
  const SpaceListAnswer::One* Of(const VolumeStatus& status) const {
    const auto it = by_id.find(status.global_id());
    return it == by_id.end() ? nullptr : &it->second;
  }
};

// What they hold. Metadata asks the nodes for it, which takes a moment.
absl::StatusOr<Space> SpaceOf(Session& session, const VolumeStatusRequest& of) {
  Space space;
  for (const bool snapshots : {false, true}) {
    if (of.has_snapshot() && of.snapshot() != snapshots) continue;
    SpaceListRequest request;
    request.set_snapshots(snapshots);
    if (!of.name().empty()) request.add_names(of.name());
    const absl::StatusOr<SpaceListAnswer> answer =
        session.admin.Call(&Admin::StubInterface::SpaceList, request);
    // An older metadata daemon counts nothing.
    if (absl::IsUnimplemented(answer.status())) return space;
    if (!answer.ok()) return answer.status();
    for (const SpaceListAnswer::One& one : answer->all()) space.by_id[one.global_id()] = one;
    if (!answer->missing().empty()) space.missing = answer->missing();
  }
  return space;
}

std::string Flags(const VolumeStatus& status) {
  return absl::StrCat(status.snapshot() ? "S" : "", status.chains_degraded() > 0 ? "D" : "",
                      status.migrating() ? "M" : "");
}

// "deleting 45 %".
std::string WorkText(const VolumeStatus& status) {
  if (status.work().empty()) return "";
  if (status.work_all() == 0) return status.work();
  return absl::StrCat(status.work(), " ", status.work_done() * 100 / status.work_all(), " %");
}

struct Sums {
  uint64_t size = 0, stored = 0, raw = 0, syncing = 0;
  int all = 0, up = 0;
};

struct Summary {
  Sums volumes, snapshots;
  uint32_t chains_to_move = 0;
  std::string work;     // of each that has some
  std::string reasons;  // lines
  bool goes_on = false;

  int All() const { return volumes.all + snapshots.all; }
  int Up() const { return volumes.up + snapshots.up; }

  void Add(const VolumeStatus& status, const SpaceListAnswer::One* held) {
    Sums& sums = status.snapshot() ? snapshots : volumes;
    sums.size += status.size_bytes();
    sums.syncing += status.syncing_bytes();
    ++sums.all;
    if (status.status() == "up") ++sums.up;
    if (held != nullptr) {
      sums.stored += held->stored_bytes();
      sums.raw += held->raw_bytes();
    }
    chains_to_move += status.chains_to_move();
    if (!status.work().empty()) absl::StrAppend(&work, "; ", status.name(), " ", WorkText(status));
    if (!status.reason().empty()) {
      absl::StrAppend(&reasons, status.name(), ": ", status.reason(), "\n");
    }
    goes_on = goes_on || status.chains_syncing() > 0 || status.migrating() ||
              status.chains_to_move() > 0 || !status.work().empty();
  }

  std::string Progress() const {
    const uint64_t syncing = volumes.syncing + snapshots.syncing;
    std::string text = absl::StrCat(Up(), " of ", All(), " up");
    if (syncing > 0) absl::StrAppend(&text, "; syncing, ", FormatSize(syncing), " left");
    if (chains_to_move > 0) absl::StrAppend(&text, "; ", chains_to_move, " chains to move");
    return text + work;
  }
};

std::string AllocatedPercent(uint64_t stored, uint64_t size) {
  return size == 0 ? "-"
                   : absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(stored) /
                                                    static_cast<double>(size));
}

Table StatusTable() {
  return Table({{"volume"},
                {"size", Align::kRight},
                {"rdnd.", Align::kRight, false, Shown::kBelow},
                {"tags", Align::kLeft, true},
                {"alloc %", Align::kRight},
                {"stored", Align::kRight, false, Shown::kBelow},
                {"on disk", Align::kRight, false, Shown::kBelow},
                {"syncing", Align::kRight},
                {"missing", Align::kLeft, true},
                {"status"},
                {"work", Align::kLeft, true, Shown::kBelow},
                {"flags"},
                {"drives down", Align::kLeft, true, Shown::kBelow},
                {"globalId", Align::kLeft, false, Shown::kPrograms},
                {"reason", Align::kLeft, false, Shown::kPrograms}});
}

void AddRow(const VolumeStatus& status, const SpaceListAnswer::One* held, Table& table) {
  Cell allocated = "-", stored = "-", raw = "-";
  if (held != nullptr) {
    allocated = AllocatedPercent(held->stored_bytes(), status.size_bytes());
    stored = SizeCell(held->stored_bytes());
    raw = SizeCell(held->raw_bytes());
  }
  table.AddRow({status.name(), SizeCell(status.size_bytes()), absl::StrCat(status.replication()),
                TagsText(status.tags()), allocated, stored, raw,
                status.syncing_bytes() == 0 ? Cell("-", "0") : SizeCell(status.syncing_bytes()),
                absl::StrJoin(status.missing_disks(), " "), status.status(), WorkText(status),
                Flags(status), absl::StrJoin(status.down_disks(), " "), status.global_id(),
                status.reason()});
}

void AddTotals(const std::string& what, const Sums& sums, bool counted, Table& table) {
  table.AddTotals({absl::StrCat(sums.all, " ", what, sums.all == 1 ? "" : "s"),
                   FormatSize(sums.size), "", "",
                   counted ? AllocatedPercent(sums.stored, sums.size) : "-",
                   counted ? FormatSize(sums.stored) : "-", counted ? FormatSize(sums.raw) : "-",
                   sums.syncing == 0 ? "-" : FormatSize(sums.syncing), "",
                   absl::StrCat(sums.up, " up"), "", "", "", "", ""});
}

std::vector<Term> Terms() {
  return {{"alloc %", "Of its size, what is stored."},
          {"stored", "What was written to it since its last snapshot."},
          {"on disk", "Stored, with all copies."},
          {"syncing", "What a resync still has to send: an estimate."},
          {"missing", "Disks that are not up, and that it goes on without."},
          {"status up", "All copies of everything are there."},
          {"status degraded", "Of some of it there are fewer copies than there should be."},
          {"status syncing", "A disk receives what it missed."},
          {"status up soon", "Chains are changing members; this takes a moment."},
          {"status down", "Requests wait for disks that are not up."},
          {"work", "What goes on in the background, deleting or filling, and how far it is."},
          {"flags", "S snapshot, D decreased redundancy, M migrating."},
          {"drives down", "Disks that are not up, and that it waits for."}};
}

absl::StatusOr<Output> Status(Session& session, const VolumeStatusRequest& request, bool quick) {
  const absl::StatusOr<VolumeStatusAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeStatus, request);
  if (!answer.ok()) return answer.status();
  absl::StatusOr<Space> space = Space();
  if (!quick) space = SpaceOf(session, request);
  if (!space.ok()) return space.status();
  Table table = StatusTable();
  json::Json data = json::Json::array();
  Summary summary;
  for (const VolumeStatus& status : answer->volumes()) {
    const SpaceListAnswer::One* held = space->Of(status);
    data.push_back(json::JsonOf(status, held));
    summary.Add(status, held);
    AddRow(status, held, table);
  }
  const bool counted = !space->by_id.empty();
  const Sums &volumes = summary.volumes, &snapshots = summary.snapshots;
  if (volumes.all > 0 || snapshots.all == 0) AddTotals("volume", volumes, counted, table);
  if (snapshots.all > 0) AddTotals("snapshot", snapshots, counted, table);
  return Output{.data = data,
                .generation = answer->generation(),
                .table = table,
                .text = summary.reasons,
                .missing = space->missing,
                .work_goes_on = summary.goes_on,
                .all_well = summary.Up() == summary.All(),
                .progress = summary.Progress()};
}

absl::StatusOr<Output> OfAll(Session& session, const Arguments&) {
  return Status(session, VolumeStatusRequest(), session.options.watch);
}

absl::StatusOr<Output> Quick(Session& session, const Arguments&) {
  return Status(session, VolumeStatusRequest(), true);
}

absl::StatusOr<Output> OfOne(Session& session, const Arguments& arguments, bool snapshot) {
  VolumeStatusRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_snapshot(snapshot);
  return Status(session, request, session.options.watch);
}

absl::StatusOr<Output> OfVolume(Session& session, const Arguments& arguments) {
  return OfOne(session, arguments, false);
}

absl::StatusOr<Output> OfSnapshot(Session& session, const Arguments& arguments) {
  return OfOne(session, arguments, true);
}

}  // namespace

std::vector<Command> VolumeStatusCommands() {
  return {
      {.pattern = "volume status",
       .summary = "Show how the volumes and snapshots are, and what they hold",
       .may_watch = true,
       .details = "Below the table stands for each volume that is not up what it waits for. With "
                  "--watch the exit code is 0 once all are up, and 4 if nothing goes on any more "
                  "and one is not.",
       .terms = Terms(),
       .run = OfAll},
      {.pattern = "volume quickStatus",
       .summary = "Show how the volumes and snapshots are, without counting what they hold",
       .may_watch = true,
       .run = Quick},
      {.pattern = "volume NAME status",
       .summary = "Show how one volume is",
       .may_watch = true,
       .run = OfVolume},
      {.pattern = "snapshot NAME status",
       .summary = "Show how one snapshot is",
       .may_watch = true,
       .run = OfSnapshot},
  };
}

}  // namespace storpool::cli
