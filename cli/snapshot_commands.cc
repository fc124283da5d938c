// volume NAME snapshot, volume groupSnapshot, snapshot ...
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/objects.h"
#include "cli/policy.h"
#include "cli/values.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;
using Shown = Table::Shown;

// "T" transient, "A" named by itself, "B" bound, "M" migrating.
std::string Flags(const VolumeInfoAnswer& info) {
  const Volume& snapshot = info.volume();
  return absl::StrCat(snapshot.transient() ? "T" : "", snapshot.auto_name() ? "A" : "",
                      snapshot.bound() ? "B" : "", info.migrating() ? "M" : "");
}

absl::StatusOr<Output> List(Session& session, const Arguments& arguments) {
  SnapshotListRequest request;
  if (arguments.Has("NAME")) {
    request.set_volume(arguments.Text("NAME"));
    request.set_snapshot(false);
  }
  const absl::StatusOr<VolumeListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::SnapshotList, request);
  if (!answer.ok()) return answer.status();
  Table table({{"snapshot"},
               {"size", Align::kRight},
               {"rdnd.", Align::kRight, false, Shown::kBelow},
               {"placeHead"},
               {"placeAll", Align::kLeft, false, Shown::kBelow},
               {"placeTail", Align::kLeft, false, Shown::kBelow},
               {"created on", Align::kLeft, true},
               {"targetDeleteDate", Align::kLeft, true, Shown::kBelow},
               {"volume"},
               {"parent", Align::kLeft, false, Shown::kBelow},
               {"template", Align::kLeft, false, Shown::kBelow},
               {"iops", Align::kRight},
               {"bw", Align::kRight, false, Shown::kBelow},
               {"flags"},
               {"tags", Align::kLeft, true},
               {"globalId", Align::kLeft, false, Shown::kPrograms}});
  json::Json data = json::Json::array();
  for (const VolumeInfoAnswer& info : answer->volumes()) {
    data.push_back(json::JsonOf(info));
    const Volume& snapshot = info.volume();
    const storpool::Table& t = info.table();
    const auto moment = [](int64_t seconds) {
      return Cell(FormatMoment(seconds), absl::StrCat(seconds));
    };
    table.AddRow({snapshot.name(), SizeCell(snapshot.size_bytes()), absl::StrCat(t.replication()),
                  t.place_head(), t.place_all(), t.place_tail(), moment(snapshot.created_seconds()),
                  moment(snapshot.delete_at_seconds()), info.on_volume(), info.parent_name(),
                  snapshot.template_name(), IopsCell(snapshot.limits()),
                  BandwidthCell(snapshot.limits()), Flags(info), TagsText(snapshot.tags()),
                  snapshot.global_id()});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> Take(Session& session, SnapshotCreateRequest request,
                            const Arguments& arguments) {
  request.set_bind(arguments.Has("bound"));
  TakeTags(arguments, *request.mutable_tags());
  if (absl::Status s = TakeExpiry(arguments, request); !s.ok()) return s;
  const absl::StatusOr<SnapshotCreateAnswer> answer =
      session.admin.Call(&Admin::StubInterface::SnapshotCreate, request);
  if (!answer.ok()) return answer.status();
  std::string text = "OK\n";
  for (const SnapshotCreateAnswer::One& one : answer->snapshots()) {
    absl::StrAppend(&text, "snapshot ", one.snapshot(), " is ~", one.snapshot_global_id(), "\n");
  }
  return Output{.data = request.group() ? json::GroupSnapshot(*answer) : json::OneSnapshot(*answer),
                .generation = answer->generation(),
                .text = text};
}

absl::StatusOr<Output> TakeOne(Session& session, const Arguments& arguments) {
  SnapshotCreateRequest request;
  SnapshotCreateRequest::One& one = *request.add_volumes();
  one.set_volume(arguments.Text("NAME"));
  one.set_name(arguments.Text("SNAPSHOT"));
  return Take(session, request, arguments);
}

absl::StatusOr<Output> TakeGroup(Session& session, const Arguments& arguments) {
  SnapshotCreateRequest request;
  request.set_group(true);
  for (const Arguments::Value& value : arguments.All("VOLUME")) {
    // "=" stands in no name.
    const size_t equals = value.text.find('=');
    SnapshotCreateRequest::One& one = *request.add_volumes();
    one.set_volume(value.text.substr(0, equals));
    if (equals != std::string::npos) one.set_name(value.text.substr(equals + 1));
  }
  return Take(session, request, arguments);
}

absl::StatusOr<Output> Info(Session& session, const Arguments& arguments) {
  return InfoOutput(session, arguments.Text("NAME"), true);
}

absl::StatusOr<Output> Describe(Session& session, const Arguments& arguments) {
  return DescribeOutput(session, arguments.Text("NAME"), true);
}

absl::StatusOr<Output> Update(Session& session, const Arguments& arguments) {
  if (arguments.Has("bind") && arguments.Has("unbind")) {
    return UsageError("\"bind\" and \"unbind\" exclude each other");
  }
  VolumeUpdateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_snapshot(true);
  if (arguments.Has("rename")) request.set_rename(arguments.Text("rename"));
  if (arguments.Has("template")) request.set_template_name(arguments.Text("template"));
  if (arguments.Has("bind") || arguments.Has("unbind")) request.set_bind(arguments.Has("bind"));
  if (const auto limits = GivenLimits(arguments)) *request.mutable_limits() = *limits;
  TakeTags(arguments, *request.mutable_tags());
  if (absl::Status s = TakeExpiry(arguments, request); !s.ok()) return s;
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeUpdate, request));
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  VolumeDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_snapshot(true);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeDelete, request));
}

std::vector<Parameter> TakeParameters() {
  return Joined({{TagParameter(),
                  {.word = "bound",
                   .kind = Kind::kFlag,
                   .help = "It goes by itself with the last volume or snapshot made of it."}},
                 ExpiryParameters()});
}

Command UpdateCommand(std::string_view pattern) {
  return {
      .pattern = pattern,
      .summary = "Change a snapshot: its name, tags, template, limits, when it goes",
      .parameters = Joined(
          {{{.word = "rename", .value = "NEW", .help = "Another name for it."},
            {.word = "template", .value = "TEMPLATE", .help = "How it is kept; see template list."},
            {.word = "bind",
             .kind = Kind::kFlag,
             .help = "It goes by itself with the last volume or snapshot made of it."},
            {.word = "unbind", .kind = Kind::kFlag, .help = "It stays."},
            TagParameter()},
           LimitParameters(),
           ExpiryParameters()}),
      .wants_parameter = true,
      .example = "snapshot db1-monday deleteAfter 7d",
      .run = Update};
}

}  // namespace

std::vector<Command> SnapshotCommands() {
  return {
      {.pattern = "volume NAME snapshot [SNAPSHOT]",
       .summary = "Take a snapshot of a volume; it may be in use",
       .values = {{.word = "SNAPSHOT",
                   .value = "SNAPSHOT",
                   .help = "Its name; else the volume's, @ and a number."}},
       .parameters = TakeParameters(),
       .example = "volume db1 snapshot db1-monday deleteAfter 7d",
       .run = TakeOne},
      {.pattern = "volume groupSnapshot VOLUME...",
       .summary = "Take a snapshot of each of these volumes, all of one instant",
       .values = {{.word = "VOLUME",
                   .value = "VOLUME[=SNAPSHOT]",
                   .help = "A volume, and if you like the name of its snapshot."}},
       .parameters = TakeParameters(),
       .details = "What a machine with several disks needs: all or none is taken.",
       .example = "volume groupSnapshot db1=db1-monday log1=log1-monday tag vm=17",
       .run = TakeGroup},
      {.pattern = "volume NAME list snapshots",
       .summary = "List the snapshots that a volume's data is in",
       .run = List},
      {.pattern = "snapshot list",
       .summary = "List the snapshots",
       .details = "A * before the name: it is being deleted. Flags: A it was given no name, B "
                  "bound, T transient (made by a clone, goes by itself), M migrating.",
       .run = List},
      {.pattern = "snapshot NAME info", .summary = "Show one snapshot", .run = Info},
      {.pattern = "snapshot NAME describe",
       .summary = "Show where a snapshot lies: the disks of its chains",
       .run = Describe},
      UpdateCommand("snapshot NAME update"),
      UpdateCommand("snapshot NAME"),
      {.pattern = "snapshot NAME delete NAME",
       .summary = "Delete a snapshot, in the background; say its name twice",
       .details =
           "Volumes and snapshots made of it keep what they see of it. Follow it with volume "
           "status --watch.",
       .example = "snapshot db1-monday delete db1-monday",
       .run = Delete},
  };
}

}  // namespace storpool::cli
