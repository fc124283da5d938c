// volume list, volume NAME info ...: what volumes are.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/objects.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "cli/values.h"
#include "lib/base/size.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;
using Shown = Table::Shown;

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<VolumeListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeList, VolumeListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"volume"},
               {"size", Align::kRight},
               {"rdnd.", Align::kRight},
               {"placeHead"},
               {"placeAll", Align::kLeft, false, Shown::kBelow},
               {"placeTail", Align::kLeft, false, Shown::kBelow},
               {"iops", Align::kRight},
               {"bw", Align::kRight, false, Shown::kBelow},
               {"parent"},
               {"template", Align::kLeft, false, Shown::kBelow},
               {"flags"},
               {"tags", Align::kLeft, true},
               {"globalId", Align::kLeft, false, Shown::kPrograms}});
  json::Json data = json::Json::array();
  for (const VolumeInfoAnswer& info : answer->volumes()) {
    data.push_back(json::JsonOf(info));
    const Volume& volume = info.volume();
    const storpool::Table& t = info.table();
    table.AddRow({volume.name(), SizeCell(volume.size_bytes()), absl::StrCat(t.replication()),
                  t.place_head(), t.place_all(), t.place_tail(), IopsCell(volume.limits()),
                  BandwidthCell(volume.limits()), info.parent_name(), volume.template_name(),
                  info.migrating() ? "M" : "", TagsText(volume.tags()), volume.global_id()});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> Info(Session& session, const Arguments& arguments) {
  return InfoOutput(session, arguments.Text("NAME"), false);
}

absl::StatusOr<Output> Describe(Session& session, const Arguments& arguments) {
  return DescribeOutput(session, arguments.Text("NAME"), false);
}

}  // namespace

std::vector<Command> VolumeCommands() {
  return {
      {.pattern = "volume list",
       .summary = "List the volumes",
       .details = "The flag M: its chains are on their way to other disks.",
       .run = List},
      {.pattern = "volume NAME info", .summary = "Show one volume", .run = Info},
      {.pattern = "volume NAME describe",
       .summary = "Show where a volume lies: the disks of its chains",
       .run = Describe},
  };
}

}  // namespace storpool::cli
