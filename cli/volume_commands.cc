// volume ...
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/size.h"
#include "cli/table.h"
#include "lib/json/changes.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  const absl::StatusOr<VolumeListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeList, VolumeListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"volume"},
               {"size", Table::Align::kRight},
               {"rdnd.", Table::Align::kRight},
               {"placeHead"},
               {"placeAll"},
               {"placeTail"},
               {"template"}});
  json::Json data = json::Json::array();
  for (const VolumeInfoAnswer& info : answer->volumes()) {
    data.push_back(json::JsonOf(info));
    const storpool::Table& t = info.table();
    table.AddRow({info.volume().name(), FormatSize(info.volume().size_bytes()),
                  absl::StrCat(t.replication()), t.place_head(), t.place_all(), t.place_tail(),
                  info.volume().template_name()});
  }
  return Output{data, *generation, table.Text()};
}

absl::StatusOr<Output> StatusOf(Session& session, const Arguments& arguments) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  VolumeStatusRequest request;
  request.set_name(arguments.Text("NAME"));
  const absl::StatusOr<VolumeStatusAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeStatus, request);
  if (!answer.ok()) return answer.status();
  Table table({{"volume"},
               {"size", Table::Align::kRight},
               {"rdnd.", Table::Align::kRight},
               {"chains", Table::Align::kRight},
               {"degr.", Table::Align::kRight},
               {"syncing", Table::Align::kRight},
               {"status"},
               {"drives down", Table::Align::kLeft, true}});
  json::Json data = json::Json::array();
  std::string reasons;
  uint64_t size = 0, syncing = 0;
  int up = 0;
  for (const VolumeStatus& status : answer->volumes()) {
    data.push_back(json::JsonOf(status));
    table.AddRow({status.name(), FormatSize(status.size_bytes()),
                  absl::StrCat(status.replication()), absl::StrCat(status.chains()),
                  absl::StrCat(status.chains_degraded()),
                  status.syncing_bytes() == 0 ? "-" : FormatSize(status.syncing_bytes()),
                  status.status(), absl::StrJoin(status.down_disks(), " ")});
    size += status.size_bytes();
    syncing += status.syncing_bytes();
    if (status.status() == "up") ++up;
    if (!status.reason().empty()) {
      absl::StrAppend(&reasons, status.name(), ": ", status.reason(), "\n");
    }
  }
  table.AddTotals(
      {absl::StrCat(answer->volumes_size(), answer->volumes_size() == 1 ? " volume" : " volumes"),
       FormatSize(size), "", "", "", syncing == 0 ? "-" : FormatSize(syncing),
       absl::StrCat(up, " up"), ""});
  return Output{data, *generation, table.Text() + reasons};
}

absl::StatusOr<Output> Create(Session& session, const Arguments& arguments) {
  VolumeCreateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_size_bytes(arguments.Number("size"));
  request.set_template_name(arguments.Text("template"));
  const absl::StatusOr<VolumeCreateAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeCreate, request);
  if (!answer.ok()) return answer.status();
  json::Json data = json::JsonOfChange(answer->generation(), "");
  data["name"] = answer->name();
  data["globalId"] = answer->global_id();
  return Output{data, answer->generation(),
                absl::StrCat("OK\nvolume ", answer->name(), " is ~", answer->global_id(), "\n")};
}

absl::StatusOr<Output> Info(Session& session, const Arguments& arguments) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  VolumeInfoRequest request;
  request.set_name(arguments.Text("NAME"));
  const absl::StatusOr<VolumeInfoAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeInfo, request);
  if (!answer.ok()) return answer.status();
  const Volume& volume = answer->volume();
  const storpool::Table& t = answer->table();
  const absl::Time created = absl::FromUnixSeconds(volume.created_seconds());
  const std::string text = Properties({
      {"volume", volume.name()},
      {"globalId", volume.global_id()},
      {"size", absl::StrCat(FormatSize(volume.size_bytes()), " (", volume.size_bytes(), " B)")},
      {"template", volume.template_name()},
      {"replication", absl::StrCat(t.replication())},
      {"placeHead", t.place_head()},
      {"placeAll", t.place_all()},
      {"placeTail", t.place_tail()},
      {"chunks", absl::StrCat(answer->chunks())},
      {"created", absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", created, absl::UTCTimeZone())},
  });
  return Output{json::JsonOf(*answer), *generation, text};
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  VolumeDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeDelete, request));
}

}  // namespace

std::vector<Command> VolumeCommands() {
  return {
      {.pattern = "volume list", .summary = "List the volumes", .run = List},
      {.pattern = "volume status",
       .summary = "Show how the volumes are: missing drives, resync",
       .details = "Below the table stands for each volume that is not up what it waits for. "
                  "\"syncing\" is an estimate of what a resync still has to send.",
       .run = StatusOf},
      {.pattern = "volume NAME create",
       .summary = "Make a volume",
       .parameters = {{.word = "size",
                       .value = "SIZE",
                       .kind = Kind::kSize,
                       .help = "A multiple of 512 bytes, such as 100G; else the template's."},
                      {.word = "template",
                       .value = "TEMPLATE",
                       .help = "How it is kept; see template list.",
                       .required = true}},
       .details = "NAME has up to 199 letters, digits, and _ - . : It is refused if there is one.",
       .example = "volume db1 create size 100G template hybrid",
       .run = Create},
      {.pattern = "volume NAME info", .summary = "Show one volume", .run = Info},
      {.pattern = "volume NAME status", .summary = "Show how one volume is", .run = StatusOf},
      {.pattern = "volume NAME delete NAME",
       .summary = "Delete a volume and all its data; say its name twice",
       .details = "A volume that is attached anywhere is not deleted.",
       .example = "volume db1 delete db1",
       .run = Delete},
  };
}

}  // namespace storpool::cli
