// placementGroup ...
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/json/placement.h"

namespace storpool::cli {
namespace {

absl::StatusOr<Output> List(Session& session, const Arguments& arguments) {
  PlacementGroupListRequest request;
  request.set_name(arguments.Text("NAME"));
  const absl::StatusOr<PlacementGroupListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::PlacementGroupList, request);
  if (!answer.ok()) return answer.status();
  Table table({{"name"}, {"disks", Table::Align::kLeft, true}});
  for (const PlacementGroup& group : answer->groups()) {
    table.AddRow({group.name(), absl::StrJoin(group.disks(), " ")});
  }
  // As PlacementGroupDescribe has one, and PlacementGroupsList all.
  const bool one = arguments.Has("NAME") && answer->groups_size() == 1;
  json::Json data = one ? json::JsonOf(answer->groups(0)) : json::JsonOf(*answer);
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

PlacementGroupUpdateRequest UpdateRequest(const Arguments& arguments) {
  PlacementGroupUpdateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_rename(arguments.Text("rename"));
  for (const Arguments::Value& disk : arguments.All("addDisk")) {
    request.add_add_disks(static_cast<uint32_t>(disk.number));
  }
  for (const Arguments::Value& disk : arguments.All("rmDisk")) {
    request.add_remove_disks(static_cast<uint32_t>(disk.number));
  }
  return request;
}

absl::StatusOr<Output> Create(Session& session, const Arguments& arguments) {
  PlacementGroupUpdateRequest request = UpdateRequest(arguments);
  request.set_only_create(true);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::PlacementGroupUpdate, request));
}

absl::StatusOr<Output> Update(Session& session, const Arguments& arguments) {
  return ChangeOutput(
      session.admin.Call(&Admin::StubInterface::PlacementGroupUpdate, UpdateRequest(arguments)));
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  PlacementGroupDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::PlacementGroupDelete, request));
}

}  // namespace

std::vector<Command> PlacementGroupCommands() {
  const Parameter add = {.word = "addDisk",
                         .value = "ID",
                         .kind = Kind::kNumber,
                         .help = "A disk for the group, 0 to 4095; may be said many times.",
                         .repeated = true,
                         .max = kDiskIdMax};
  const Parameter remove = {.word = "rmDisk",
                            .value = "ID",
                            .kind = Kind::kNumber,
                            .help = "A disk that leaves the group; may be said many times.",
                            .repeated = true,
                            .max = kDiskIdMax};
  const Parameter rename = {.word = "rename", .value = "NEW", .help = "Another name for it."};
  return {
      {.pattern = "placementGroup list",
       .summary = "List the placement groups and their disks",
       .run = List},
      {.pattern = "placementGroup NAME list",
       .summary = "List the disks of one placement group",
       .run = List},
      {.pattern = "placementGroup NAME create",
       .summary = "Make a placement group: a set of disks that templates place mirrors on",
       .parameters = {add},
       .example = "placementGroup ssd create addDisk 101 addDisk 201 addDisk 301",
       .run = Create},
      {.pattern = "placementGroup NAME",
       .summary = "Add disks to a placement group, remove some, rename it",
       .parameters = {add, remove, rename},
       .wants_parameter = true,
       .details = "The group is made if there is none of that name, unless it is to be renamed.",
       .example = "placementGroup ssd addDisk 102 rmDisk 101",
       .run = Update},
      {.pattern = "placementGroup NAME delete NAME",
       .summary = "Delete a placement group that no template or volume uses; say its name twice",
       .run = Delete},
  };
}

}  // namespace storpool::cli
