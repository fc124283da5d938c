// template ...
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/policy.h"
#include "lib/base/limits.h"
#include "lib/base/size.h"
#include "lib/json/placement.h"

namespace storpool::cli {
namespace {

using Align = Table::Align;
using Shown = Table::Shown;

Cell SizeOrNone(uint64_t size_bytes) { return size_bytes == 0 ? Cell("-") : SizeCell(size_bytes); }

absl::StatusOr<TemplateListAnswer> Templates(Session& session, const std::string& name) {
  TemplateListRequest request;
  request.set_name(name);
  return session.admin.Call(&Admin::StubInterface::TemplateList, request);
}

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<TemplateListAnswer> answer = Templates(session, "");
  if (!answer.ok()) return answer.status();
  Table table({{"template"},
               {"size", Align::kRight},
               {"rdnd.", Align::kRight},
               {"placeHead"},
               {"placeAll", Align::kLeft, false, Shown::kBelow},
               {"placeTail", Align::kLeft, false, Shown::kBelow},
               {"iops", Align::kRight},
               {"bw", Align::kRight, false, Shown::kBelow},
               {"parent"},
               {"volumes", Align::kRight},
               {"avail.", Align::kRight}});
  json::Json data = json::Json::array();
  for (const TemplateInfo& info : answer->templates()) {
    data.push_back(json::JsonOf(info));
    const Template& t = info.template_();
    table.AddRow({t.name(), SizeOrNone(t.size_bytes()), absl::StrCat(t.replication()),
                  t.place_head(), t.place_all(), t.place_tail(), IopsCell(t.limits()),
                  BandwidthCell(t.limits()), info.parent_name(), absl::StrCat(info.volumes()),
                  SizeCell(info.free_bytes())});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> Status(Session& session, const Arguments& arguments) {
  const absl::StatusOr<TemplateListAnswer> answer = Templates(session, arguments.Text("NAME"));
  if (!answer.ok()) return answer.status();
  Table table({{"template"},
               {"place head"},
               {"place all", Align::kLeft, false, Shown::kBelow},
               {"place tail", Align::kLeft, false, Shown::kBelow},
               {"rdnd.", Align::kRight},
               {"volumes", Align::kRight},
               {"snapshots/removing", Align::kRight, true},
               {"size", Align::kRight},
               {"capacity", Align::kRight, false, Shown::kBelow},
               {"avail.", Align::kRight},
               {"stored", Align::kRight, false, Shown::kBelow},
               {"avail. head", Align::kRight},
               {"avail. all", Align::kRight, false, Shown::kBelow},
               {"avail. tail", Align::kRight, false, Shown::kBelow}});
  json::Json data = json::Json::array();
  for (const TemplateInfo& info : answer->templates()) {
    data.push_back(json::TemplateStatus(info));
    const Template& t = info.template_();
    table.AddRow({t.name(), t.place_head(), t.place_all(), t.place_tail(),
                  absl::StrCat(t.replication()), absl::StrCat(info.volumes()),
                  absl::StrCat(info.snapshots(), "/", info.snapshots_removing()),
                  SizeCell(info.volumes_size_bytes()), SizeCell(info.capacity_bytes()),
                  SizeCell(info.free_bytes()), SizeCell(info.stored_bytes()),
                  SizeCell(info.place_head().free_bytes()), SizeCell(info.place_all().free_bytes()),
                  SizeCell(info.place_tail().free_bytes())});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

// "-" is none.
std::string ParentOf(const Arguments& arguments) {
  const std::string parent = arguments.Text("parent");
  return parent == kNoLimit ? "" : parent;
}

absl::StatusOr<Output> Create(Session& session, const Arguments& arguments) {
  TemplateCreateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_replication(arguments.Id("replication"));
  request.set_place_all(arguments.Text("placeAll"));
  request.set_place_head(arguments.Text("placeHead"));
  request.set_place_tail(arguments.Text("placeTail"));
  request.set_size_bytes(arguments.Number("size"));
  request.set_parent(ParentOf(arguments));
  if (const auto limits = GivenLimits(arguments)) {
    request.mutable_limits()->set_iops(limits->iops());
    request.mutable_limits()->set_bandwidth_bytes(limits->bandwidth_bytes());
    request.mutable_limits()->set_per_gib(limits->per_gib());
  }
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateCreate, request));
}

TemplateUpdateRequest UpdateRequest(const Arguments& arguments) {
  TemplateUpdateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_rename(arguments.Text("rename"));
  if (arguments.Has("replication")) request.set_replication(arguments.Id("replication"));
  if (arguments.Has("placeAll")) request.set_place_all(arguments.Text("placeAll"));
  if (arguments.Has("placeHead")) request.set_place_head(arguments.Text("placeHead"));
  if (arguments.Has("placeTail")) request.set_place_tail(arguments.Text("placeTail"));
  if (arguments.Has("size")) request.set_size_bytes(arguments.Number("size"));
  if (const auto limits = GivenLimits(arguments)) *request.mutable_limits() = *limits;
  if (arguments.Has("parent")) request.set_parent(ParentOf(arguments));
  request.set_propagate(arguments.Has("propagate"));
  return request;
}

absl::StatusOr<Output> Update(Session& session, const Arguments& arguments) {
  const TemplateUpdateRequest request = UpdateRequest(arguments);
  if (request.propagate() && arguments.Text("propagate") != "yes" &&
      !Confirmed(session, absl::StrCat("This changes all volumes and snapshots of template ",
                                       request.name(), ", and may move much data."))) {
    return Declined();
  }
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateUpdate, request));
}

// Without create or update: whichever it is.
absl::StatusOr<Output> CreateOrUpdate(Session& session, const Arguments& arguments) {
  const absl::StatusOr<TemplateListAnswer> all = Templates(session, "");
  if (!all.ok()) return all.status();
  const std::string name = arguments.Text("NAME");
  for (const TemplateInfo& info : all->templates()) {
    if (info.template_().name() == name) return Update(session, arguments);
  }
  // With propagate too: a new one has nothing to propagate to.
  if (!arguments.Has("replication") || arguments.Has("rename")) {
    return absl::NotFoundError(
        absl::StrCat("there is no template ", name, "; template ", name,
                     " create replication N ... makes one, template list shows all"));
  }
  return Create(session, arguments);
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  TemplateDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::TemplateDelete, request));
}

std::vector<Parameter> Common(const PlacementHelp& help, bool create) {
  std::vector<Parameter> placement = PlacementParameters(help);
  placement[0].required = create;
  return Joined({placement,
                 {{.word = "size",
                   .value = "SIZE",
                   .kind = Kind::kSize,
                   .help = "Of volumes that are made without one, such as 10G; 0: none."},
                  {.word = "parent",
                   .value = "SNAPSHOT",
                   .help = create ? "New volumes are clones of it."
                                  : "New volumes are clones of it; - for none."}},
                 LimitParameters()});
}

std::vector<Parameter> OnlyUpdate() {
  return {{.word = "rename", .value = "NEW", .help = "Another name for it."},
          {.word = "propagate",
           .value = "[yes]",
           .kind = Kind::kFlag,
           .help = "Also for the volumes and snapshots that there are; yes: do not ask.",
           .choices = {"yes"}}};
}

}  // namespace

std::vector<Command> TemplateCommands() {
  return {
      {.pattern = "template list",
       .summary = "List the templates: how volumes of each are kept",
       .run = List},
      {.pattern = "template status",
       .summary = "Show what each template's volumes take, and what is free",
       .details = "avail.: how much more its volumes can store. avail. head, all, tail: what is "
                  "free on the disks of those groups.",
       .run = Status},
      {.pattern = "template NAME create",
       .summary = "Make a template: how many mirrors, and on which disks",
       .parameters = Common(kOfNewTemplate, true),
       .example = "template hybrid create replication 3 placeAll hdd placeTail ssd",
       .run = Create},
      {.pattern = "template NAME update",
       .summary = "Change a template",
       .parameters = Joined({Common(kOfTemplate, false), OnlyUpdate()}),
       .wants_parameter = true,
       .details = "What is not said stays. The change is for volumes to come; with propagate for "
                  "all that it has: then limits hold at once, and data moves in the background; "
                  "follow it with relocator status --watch.",
       .example = "template hybrid update iops 1000 propagate yes",
       .run = Update},
      {.pattern = "template NAME",
       .summary = "Update a template, or make it if there is none",
       .parameters = Joined({Common(kOfEither, false), OnlyUpdate()}),
       .wants_parameter = true,
       .details = "As StorPool's tool does without create or update: what is not said is as these "
                  "have it, and propagate does nothing for a new one. Better say which you mean.",
       .example = "template hybrid replication 3 placeAll hdd placeTail ssd",
       .run = CreateOrUpdate},
      {.pattern = "template NAME delete NAME",
       .summary = "Delete a template; its volumes stay, without one; say its name twice",
       .run = Delete},
  };
}

}  // namespace storpool::cli
