// template ...
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/size.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/json/placement.h"

namespace storpool::cli {
namespace {

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  const absl::StatusOr<TemplateListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::TemplateList, TemplateListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"template"},
               {"size", Table::Align::kRight},
               {"rdnd.", Table::Align::kRight},
               {"placeHead, All, Tail", Table::Align::kLeft, true},
               {"volumes", Table::Align::kRight},
               {"avail.", Table::Align::kRight}});
  json::Json data = json::Json::array();
  for (const TemplateInfo& info : answer->templates()) {
    data.push_back(json::JsonOf(info));
    const Template& t = info.template_();
    table.AddRow({t.name(), t.size_bytes() == 0 ? "-" : FormatSize(t.size_bytes()),
                  absl::StrCat(t.replication()),
                  absl::StrCat(t.place_head(), ", ", t.place_all(), ", ", t.place_tail()),
                  absl::StrCat(info.volumes()), FormatSize(info.free_bytes())});
  }
  return Output{data, *generation, table.Text()};
}

absl::StatusOr<Output> Create(Session& session, const Arguments& arguments) {
  TemplateCreateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_replication(arguments.Id("replication"));
  request.set_place_all(arguments.Text("placeAll"));
  request.set_place_head(arguments.Text("placeHead"));
  request.set_place_tail(arguments.Text("placeTail"));
  request.set_size_bytes(arguments.Number("size"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateCreate, request));
}

absl::StatusOr<Output> Update(Session& session, const Arguments& arguments) {
  TemplateUpdateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_rename(arguments.Text("rename"));
  request.set_size_bytes(arguments.Number("size"));
  if (request.rename().empty() && request.size_bytes() == 0) {
    return UsageError(absl::StrCat("after \"", request.name(),
                                   "\" something is missing; possible here: create, delete, "
                                   "rename, size (above 0)"));
  }
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateUpdate, request));
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  TemplateDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateDelete, request));
}

}  // namespace

std::vector<Command> TemplateCommands() {
  const Parameter size = {.word = "size",
                          .value = "SIZE",
                          .kind = Kind::kSize,
                          .help = "Of volumes that are made without one, such as 10G."};
  return {
      {.pattern = "template list",
       .summary = "List the templates: how volumes of each are kept",
       .run = List},
      {.pattern = "template NAME create",
       .summary = "Make a template: how many mirrors, and on which disks",
       .parameters = {{.word = "replication",
                       .value = "N",
                       .kind = Kind::kNumber,
                       .help = "Mirrors of each block, 1 to 3, always on different nodes.",
                       .required = true,
                       .min = 1,
                       .max = kReplicationMax},
                      {.word = "placeAll",
                       .value = "GROUP",
                       .help = "The placement group of the mirrors; else \"default\"."},
                      {.word = "placeHead",
                       .value = "GROUP",
                       .help = "That of the first mirror; else as placeAll."},
                      {.word = "placeTail",
                       .value = "GROUP",
                       .help = "That of the last mirror, which reads; else as placeAll."},
                      size},
       .example = "template hybrid create replication 3 placeAll hdd placeTail ssd",
       .run = Create},
      {.pattern = "template NAME",
       .summary = "Rename a template, or change the size of its volumes to come",
       .parameters = {{.word = "rename", .value = "NEW", .help = "Another name for it."}, size},
       .example = "template hybrid size 20G",
       .run = Update},
      {.pattern = "template NAME delete NAME",
       .summary = "Delete a template that no volume uses; say its name twice",
       .run = Delete},
  };
}

}  // namespace storpool::cli
