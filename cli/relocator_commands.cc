// relocator ..., task list: data on its way.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "lib/base/size.h"
#include "lib/json/placement.h"
#include "lib/json/work.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;

constexpr std::string_view kEstimate =
    "Bytes are an estimate: what a disk stores is taken as spread evenly over its chains.";
constexpr std::string_view kEstimateOfTemplate =
    "Chains belong to a template: those of all its volumes are shown. Bytes are an estimate, as in "
    "'relocator disks'.";

// "relocator on, no volumes to relocate".
std::string Sentence(const RelocatorStatusAnswer& status) {
  std::string text = absl::StrCat("relocator ", status.on() ? "on" : "off", ", ");
  if (status.volumes_to_relocate() == 0) return text + "no volumes to relocate";
  absl::StrAppend(&text, status.volumes_to_relocate(),
                  status.volumes_to_relocate() == 1 ? " volume" : " volumes",
                  " to relocate: ", status.chains_to_move(), " chains to move, ",
                  status.chains_moving(), " moving");
  if (status.bytes_left() > 0) {
    absl::StrAppend(&text, ", ", FormatSize(status.bytes_done()), " done, ",
                    FormatSize(status.bytes_left()), " left");
  }
  if (!status.blocked().empty()) absl::StrAppend(&text, "; blocked: ", status.blocked());
  return text;
}

absl::StatusOr<Output> Status(Session& session, const Arguments&) {
  const absl::StatusOr<RelocatorStatusAnswer> answer =
      session.admin.Call(&Admin::StubInterface::RelocatorStatus, RelocatorStatusRequest());
  if (!answer.ok()) return answer.status();
  const bool idle = answer->volumes_to_relocate() == 0;
  const std::string sentence = Sentence(*answer);
  return Output{.data = json::JsonOf(*answer),
                .generation = answer->generation(),
                .text = sentence + "\n",
                .work_goes_on = answer->on() && !idle && answer->blocked().empty(),
                .all_well = idle,
                .progress = sentence};
}

absl::StatusOr<Output> Set(Session& session, bool on) {
  RelocatorSetRequest request;
  request.set_on(on);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::RelocatorSet, request));
}

absl::StatusOr<Output> On(Session& session, const Arguments&) { return Set(session, true); }

absl::StatusOr<Output> Off(Session& session, const Arguments&) { return Set(session, false); }

absl::StatusOr<Output> Disks(Session& session, const RelocatorDisksRequest& request) {
  const absl::StatusOr<RelocatorDisksAnswer> answer =
      session.admin.Call(&Admin::StubInterface::RelocatorDisks, request);
  if (!answer.ok()) return answer.status();
  Table table({{"disk", Align::kRight},
               {"server", Align::kRight},
               {"chains", Align::kRight},
               {"target", Align::kRight},
               {"stored", Align::kRight},
               {"stored target", Align::kRight},
               {"to recover", Align::kRight},
               {"status"}});
  json::Json data = json::JsonOf(*answer);
  for (const RelocatorDisksAnswer::One& disk : answer->disks()) {
    table.AddRow({absl::StrCat(disk.disk()), absl::StrCat(disk.node()), absl::StrCat(disk.chains()),
                  absl::StrCat(disk.chains_target()), SizeCell(disk.stored_bytes()),
                  SizeCell(disk.stored_target_bytes()), SizeCell(disk.to_recover_bytes()),
                  disk.up() ? "up" : "down"});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> AllDisks(Session& session, const Arguments&) {
  return Disks(session, RelocatorDisksRequest());
}

absl::StatusOr<Output> DisksOf(Session& session, const Arguments& arguments, bool snapshot) {
  RelocatorDisksRequest request;
  request.set_volume(arguments.Text("NAME"));
  request.set_snapshot(snapshot);
  return Disks(session, request);
}

absl::StatusOr<Output> DisksOfVolume(Session& session, const Arguments& arguments) {
  return DisksOf(session, arguments, false);
}

absl::StatusOr<Output> DisksOfSnapshot(Session& session, const Arguments& arguments) {
  return DisksOf(session, arguments, true);
}

absl::StatusOr<Output> Tasks(Session& session, const Arguments&) {
  const absl::StatusOr<TaskListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::TaskList, TaskListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"disk", Align::kRight},
               {"task"},
               {"name", Align::kLeft, true},
               {"total obj", Align::kRight},
               {"completed", Align::kRight},
               {"remaining", Align::kRight},
               {"% complete", Align::kRight},
               {"left", Align::kRight}});
  json::Json data = json::Json::array();
  uint64_t left = 0;
  for (const Task& task : answer->tasks()) {
    data.push_back(json::JsonOf(task));
    left += task.bytes_left();
    const uint64_t completed = std::min(task.completed(), task.all());
    table.AddRow({json::IsOfDisk(task) ? absl::StrCat(task.disk()) : "-", task.kind(), task.name(),
                  absl::StrCat(task.all()), absl::StrCat(task.completed()),
                  absl::StrCat(task.all() - completed),
                  task.all() == 0 ? "-" : absl::StrCat(completed * 100 / task.all()),
                  SizeCell(task.bytes_left())});
  }
  return Output{
      .data = data,
      .generation = answer->generation(),
      .table = table,
      .work_goes_on = !answer->tasks().empty(),
      .progress = absl::StrCat(answer->tasks_size(), " tasks, ", FormatSize(left), " left")};
}

}  // namespace

std::vector<Command> RelocatorCommands() {
  return {
      {.pattern = "relocator status",
       .summary = "Show whether data moves to where templates and groups say",
       .may_watch = true,
       .details = "With --watch the exit code is 0 once nothing is to be moved, and 4 if something "
                  "is but the relocator is off or blocked.",
       .run = Status},
      {.pattern = "relocator on",
       .summary = "Let data move to where templates and groups say",
       .run = On},
      {.pattern = "relocator off",
       .summary = "Move nothing more; moves under way end first",
       .run = Off},
      {.pattern = "relocator disks",
       .summary = "Show what each disk has, and will have",
       .details = kEstimate,
       .run = AllDisks},
      {.pattern = "relocator volume NAME disks",
       .summary = "Show what each disk has, and will have, of one volume",
       .details = kEstimateOfTemplate,
       .run = DisksOfVolume},
      {.pattern = "relocator snapshot NAME disks",
       .summary = "Show what each disk has, and will have, of one snapshot",
       .details = kEstimateOfTemplate,
       .run = DisksOfSnapshot},
      {.pattern = "task list",
       .summary = "List work in the background: recovery, relocator, delete, fill",
       .may_watch = true,
       .details = "With --watch it ends once there is none.",
       .run = Tasks},
  };
}

}  // namespace storpool::cli
