// volume NAME create, update, delete, freeze, revert, rebase.
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/policy.h"
#include "lib/json/volumes.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kBase = "base";  // of a rebase: no parent at all

VolumeCreateRequest CreateRequest(const Arguments& arguments) {
  VolumeCreateRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_size_bytes(arguments.Number("size"));
  request.set_template_name(arguments.Text("template"));
  request.set_parent(arguments.Text("parent"));
  request.set_base_on(arguments.Text("baseOn"));
  request.set_replication(arguments.Id("replication"));
  request.set_place_all(arguments.Text("placeAll"));
  request.set_place_head(arguments.Text("placeHead"));
  request.set_place_tail(arguments.Text("placeTail"));
  if (const auto limits = GivenLimits(arguments)) *request.mutable_limits() = *limits;
  TakeTags(arguments, *request.mutable_tags());
  return request;
}

VolumeUpdateRequest UpdateRequest(const Arguments& arguments) {
  VolumeUpdateRequest request;
  request.set_name(arguments.Text("NAME"));
  if (arguments.Has("rename")) request.set_rename(arguments.Text("rename"));
  if (arguments.Has("size")) request.set_size_bytes(arguments.Number("size"));
  request.set_size_add_bytes(arguments.Number("sizeAdd"));
  request.set_shrink_ok(arguments.Has("shrinkOk"));
  if (arguments.Has("template")) request.set_template_name(arguments.Text("template"));
  if (arguments.Has("replication")) request.set_replication(arguments.Id("replication"));
  if (arguments.Has("placeAll")) request.set_place_all(arguments.Text("placeAll"));
  if (arguments.Has("placeHead")) request.set_place_head(arguments.Text("placeHead"));
  if (arguments.Has("placeTail")) request.set_place_tail(arguments.Text("placeTail"));
  if (const auto limits = GivenLimits(arguments)) *request.mutable_limits() = *limits;
  TakeTags(arguments, *request.mutable_tags());
  return request;
}

absl::StatusOr<Output> Create(Session& session, const Arguments& arguments) {
  if (arguments.Has("parent") && arguments.Has("baseOn")) {
    return UsageError("\"parent\" and \"baseOn\" exclude each other");
  }
  const absl::StatusOr<VolumeCreateAnswer> answer =
      session.admin.Call(&Admin::StubInterface::VolumeCreate, CreateRequest(arguments));
  if (!answer.ok()) return answer.status();
  return Output{.data = json::JsonOf(*answer),
                .generation = answer->generation(),
                .text = absl::StrCat("OK\nvolume ", answer->name(), " is ~", answer->global_id(),
                                     "\n", answer->info(), answer->info().empty() ? "" : "\n")};
}

absl::StatusOr<Output> Update(Session& session, const Arguments& arguments) {
  if (arguments.Has("size") && arguments.Has("sizeAdd")) {
    return UsageError("\"size\" and \"sizeAdd\" exclude each other");
  }
  return ChangeOutput(
      session.admin.Call(&Admin::StubInterface::VolumeUpdate, UpdateRequest(arguments)));
}

// Without create or update: whichever it is.
absl::StatusOr<Output> CreateOrUpdate(Session& session, const Arguments& arguments) {
  VolumeInfoRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_snapshot(false);
  const absl::StatusOr<VolumeInfoAnswer> there =
      session.admin.Call(&Admin::StubInterface::VolumeInfo, request);
  const bool only_create = arguments.Has("parent") || arguments.Has("baseOn");
  const bool only_update =
      arguments.Has("rename") || arguments.Has("sizeAdd") || arguments.Has("shrinkOk");
  if (there.ok()) {
    if (!only_create) return Update(session, arguments);
    return UsageError(absl::StrCat("there is a ", request.name(),
                                   " already; \"parent\" and \"baseOn\" are for new volumes"));
  }
  const bool missing = ApiErrorOf(there.status()).name() == "objectDoesNotExist";
  if (!missing || only_update) return there.status();
  const bool enough = arguments.Has("template") || arguments.Has("size") ||
                      arguments.Has("replication") || only_create;
  // "volume db7 tag a=b" with a wrong name makes nothing.
  return enough ? Create(session, arguments) : there.status();
}

absl::StatusOr<Output> Delete(Session& session, const Arguments& arguments) {
  VolumeDeleteRequest request;
  request.set_name(arguments.Text("NAME"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeDelete, request));
}

absl::StatusOr<Output> Freeze(Session& session, const Arguments& arguments) {
  VolumeFreezeRequest request;
  request.set_name(arguments.Text("NAME"));
  if (absl::Status s = TakeExpiry(arguments, request); !s.ok()) return s;
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeFreeze, request));
}

absl::StatusOr<Output> Revert(Session& session, const Arguments& arguments) {
  VolumeRevertRequest request;
  request.set_name(arguments.Text("NAME"));
  request.set_to_snapshot(arguments.Text("SNAPSHOT"));
  request.set_revert_size(arguments.Has("revertSize"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeRevert, request));
}

absl::StatusOr<Output> Rebase(Session& session, const Arguments& arguments, bool snapshot) {
  VolumeRebaseRequest request;
  request.set_name(arguments.Text("NAME"));
  const std::string parent = arguments.Text("SNAPSHOT");
  if (parent != kBase) request.set_parent(parent);
  request.set_snapshot(snapshot);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::VolumeRebase, request));
}

absl::StatusOr<Output> RebaseVolume(Session& session, const Arguments& arguments) {
  return Rebase(session, arguments, false);
}

absl::StatusOr<Output> RebaseSnapshot(Session& session, const Arguments& arguments) {
  return Rebase(session, arguments, true);
}

Parameter ReuseServer() {
  return {.word = "reuseServer",
          .kind = Kind::kFlag,
          .help = "StorPool's; accepted. Mirrors are on different nodes always."};
}

// Of create and update both, with help of their own.
std::vector<Parameter> Common(std::string_view size, const PlacementHelp& placement) {
  return Joined(
      {{{.word = "size", .value = "SIZE", .kind = Kind::kSize, .help = size},
        {.word = "template", .value = "TEMPLATE", .help = "How it is kept; see template list."}},
       PlacementParameters(placement),
       LimitParameters(),
       {TagParameter(), ReuseServer()}});
}

std::vector<Parameter> OnlyCreate() {
  return {{.word = "parent",
           .value = "SNAPSHOT",
           .help = "A clone of this snapshot: it holds what that holds, at once."},
          {.word = "baseOn", .value = "VOLUME", .help = "A clone of what this volume holds now."}};
}

std::vector<Parameter> OnlyUpdate() {
  return {{.word = "rename", .value = "NEW", .help = "Another name for it."},
          {.word = "sizeAdd",
           .value = "SIZE",
           .kind = Kind::kSize,
           .help = "So much larger than it is."},
          {.word = "shrinkOk",
           .kind = Kind::kFlag,
           .help = "It may become smaller: what is cut off is gone for ever."}};
}

Command RebaseCommand(std::string_view pattern, std::string_view what, std::string_view details,
                      absl::StatusOr<Output> (*run)(Session&, const Arguments&)) {
  return {.pattern = pattern,
          .summary = what,
          .values = {{.word = "SNAPSHOT",
                      .value = "SNAPSHOT",
                      .help = "base, which is also meant if nothing is said: of all its parents. "
                              "Another ancestor is refused.",
                      .choices = {kBase}}},
          .details = details,
          .run = run};
}

}  // namespace

std::vector<Command> VolumeChangeCommands() {
  return {
      {.pattern = "volume NAME create",
       .summary = "Make a volume",
       .parameters =
           Joined({Common("A multiple of 512 bytes, such as 100G; else the parent's or the "
                          "template's.",
                          kOfNewVolume),
                   OnlyCreate()}),
       .details = "NAME has up to 199 letters, digits, and _ - . : It is refused if there is one. "
                  "What is not said is as the template, or the parent, has it.",
       .example = "volume db1 create size 100G template hybrid",
       .run = Create},
      {.pattern = "volume NAME update",
       .summary = "Change a volume; it may be in use",
       .parameters = Joined({Common("A multiple of 512 bytes, such as 100G; else as it is. Less "
                                    "than that only with shrinkOk.",
                                    kOfVolume),
                             OnlyUpdate()}),
       .wants_parameter = true,
       .details = "What is not said stays. Limits hold at once. Another template or placement is "
                  "for a detached volume; attach it again at once: it moves in the background, "
                  "task list shows how far it is.",
       .example = "volume db1 update size 200G iops 5000",
       .run = Update},
      {.pattern = "volume NAME",
       .summary = "Update a volume, or make it if there is none",
       .parameters = Joined({Common("A multiple of 512 bytes, such as 100G.", kOfEither),
                             OnlyCreate(), OnlyUpdate()}),
       .wants_parameter = true,
       .details = "As StorPool's tool does without create or update: what is not said is as these "
                  "have it. Better say which you mean.",
       .example = "volume db1 rename db2",
       .run = CreateOrUpdate},
      {.pattern = "volume NAME delete NAME",
       .summary = "Delete a volume and all its data; say its name twice",
       .details = "A volume that is attached anywhere is not deleted. Its snapshots stay.",
       .example = "volume db1 delete db1",
       .run = Delete},
      {.pattern = "volume NAME freeze",
       .summary = "Make a volume a snapshot of the same name",
       .parameters = ExpiryParameters(),
       .details = "A volume that is attached anywhere is not frozen.",
       .run = Freeze},
      {.pattern = "volume NAME revert SNAPSHOT",
       .summary = "Throw away what was written since a snapshot of the volume",
       .parameters = {{.word = "revertSize",
                       .kind = Kind::kFlag,
                       .help = "Also its size becomes what it was then."}},
       .details = "A volume that is attached anywhere is not reverted.",
       .example = "volume db1 revert db1-monday",
       .run = Revert},
      RebaseCommand("volume NAME rebase [SNAPSHOT]", "Make a volume independent of its parents",
                    "Copies in the background what it sees of them; follow it with volume status "
                    "--watch. A volume with snapshots is refused: they need the parents; delete "
                    "them first.",
                    RebaseVolume),
      RebaseCommand("snapshot NAME rebase [SNAPSHOT]",
                    "Make a snapshot independent of its parents: refused if it has any",
                    "A snapshot takes no copies. Rebase the volume that it is of.", RebaseSnapshot),
  };
}

}  // namespace storpool::cli
