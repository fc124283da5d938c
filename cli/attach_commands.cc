// attach ..., detach ...
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/json/attachments.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

constexpr int64_t kAnswerSeconds = 10;  // for the answer to travel, after metadata's own wait

struct What {
  std::string name;
  bool snapshot = false;
};

// "volume NAME" or "snapshot NAME", one of them.
absl::StatusOr<What> Named(const Arguments& arguments) {
  if (arguments.Has("volume") == arguments.Has("snapshot")) {
    return UsageError("it needs either \"volume NAME\" or \"snapshot NAME\"");
  }
  const bool snapshot = arguments.Has("snapshot");
  return What{arguments.Text(snapshot ? "snapshot" : "volume"), snapshot};
}

absl::StatusOr<uint32_t> Here(const Session& session) {
  uint32_t id = 0;
  const std::string text = session.world.Setting("SP_OURID");
  if (absl::SimpleAtoi(text, &id) && id >= 1 && id <= kClientIdMax) return id;
  return UsageError(
      absl::StrCat("\"here\" is not known: SP_OURID in /etc/storpool.conf, or in the "
                   "environment, is the id of this machine's client, 1 to ",
                   kClientIdMax, "; it is \"", text, "\""));
}

// Those of "client ID" and "here".
absl::StatusOr<std::vector<uint32_t>> Clients(const Session& session, const Arguments& arguments) {
  std::vector<uint32_t> clients;
  for (const Arguments::Value& value : arguments.All("client")) {
    if (value.text != "all") clients.push_back(static_cast<uint32_t>(value.number));
  }
  if (arguments.Has("here")) {
    const absl::StatusOr<uint32_t> here = Here(session);
    if (!here.ok()) return here.status();
    clients.push_back(*here);
  }
  return clients;
}

// How long to wait for the answer to a call that waits itself.
int64_t Timeout(const Arguments& arguments) {
  if (arguments.Has("noWait")) return AdminClient::kTimeoutSeconds;
  if (!arguments.Has("timeout")) return AdminClient::kForEver;
  return static_cast<int64_t>(arguments.Number("timeout")) + kAnswerSeconds;
}

absl::StatusOr<Output> AttachOne(Session& session, const Arguments& arguments, const What& what,
                                 uint32_t client, bool read_only) {
  AttachRequest request;
  request.set_volume(what.name);
  request.set_snapshot(what.snapshot);
  request.set_client(client);
  request.set_rights(read_only ? READ_ONLY : READ_WRITE);
  request.set_no_wait(arguments.Has("noWait"));
  request.set_timeout_seconds(arguments.Id("timeout"));
  const absl::StatusOr<AttachAnswer> answer =
      session.admin.Call(&Admin::StubInterface::Attach, request, Timeout(arguments));
  if (!answer.ok()) return answer.status();
  json::Json data = json::JsonOfChange(answer->generation(), "");
  if (!answer->device().empty()) data["device"] = answer->device();
  return Output{
      .data = data,
      .generation = answer->generation(),
      .text = answer->device().empty() ? "OK\n" : absl::StrCat("OK\n", answer->device(), "\n")};
}

absl::StatusOr<Output> Attach(Session& session, const Arguments& arguments) {
  const absl::StatusOr<What> what = Named(arguments);
  if (!what.ok()) return what.status();
  const absl::StatusOr<std::vector<uint32_t>> clients = Clients(session, arguments);
  if (!clients.ok()) return clients.status();
  if (clients->empty()) return UsageError("it needs \"client ID\" or \"here\"");
  if (arguments.Has("noWait") && arguments.Has("timeout")) {
    return UsageError("\"timeout\" and \"noWait\" exclude each other");
  }
  if (what->snapshot && arguments.Text("mode") == "rw") {
    return UsageError("a snapshot is attached with mode ro");
  }
  if (arguments.Has("force") && !arguments.Has("detach")) {
    return UsageError("\"force yes\" is for \"detach all\"");
  }
  const bool read_only = what->snapshot || arguments.Text("mode") == "ro";
  if (clients->size() == 1 && !arguments.Has("detach")) {
    return AttachOne(session, arguments, *what, (*clients)[0], read_only);
  }
  ReassignRequest request;
  ReassignRequest::One& one = *request.add_entries();
  one.set_volume(what->name);
  one.set_snapshot(what->snapshot);
  one.set_detach_all(arguments.Has("detach"));
  one.set_force(arguments.Has("force"));
  for (const uint32_t client : *clients) read_only ? one.add_ro(client) : one.add_rw(client);
  request.set_wait(!arguments.Has("noWait"));
  if (arguments.Has("timeout")) request.set_timeout_seconds(arguments.Id("timeout"));
  const absl::StatusOr<ChangeAnswer> moved =
      session.admin.Call(&Admin::StubInterface::Reassign, request, Timeout(arguments));
  if (!moved.ok() || clients->size() > 1) return ChangeOutput(moved);
  // It is there: asked again only for where.
  return AttachOne(session, arguments, *what, (*clients)[0], read_only);
}

absl::StatusOr<Output> Detach(Session& session, const Arguments& arguments) {
  const absl::StatusOr<What> what = Named(arguments);
  if (!what.ok()) return what.status();
  const absl::StatusOr<std::vector<uint32_t>> clients = Clients(session, arguments);
  if (!clients.ok()) return clients.status();
  bool all = arguments.Has("all");
  for (const Arguments::Value& value : arguments.All("client")) all = all || value.text == "all";
  if (all != clients->empty()) {
    return UsageError("it needs either \"client ID\" or \"here\", or \"all\"");
  }
  if (clients->size() > 1) {
    ReassignRequest request;
    ReassignRequest::One& one = *request.add_entries();
    one.set_volume(what->name);
    one.set_snapshot(what->snapshot);
    for (const uint32_t client : *clients) one.add_detach(client);
    one.set_force(arguments.Has("force"));
    request.set_wait(true);
    return ChangeOutput(
        session.admin.Call(&Admin::StubInterface::Reassign, request, AdminClient::kForEver));
  }
  DetachRequest request;
  request.set_volume(what->name);
  request.set_snapshot(what->snapshot);
  if (!all) request.set_client((*clients)[0]);
  request.set_all(all);
  request.set_force(arguments.Has("force"));
  return ChangeOutput(
      session.admin.Call(&Admin::StubInterface::Detach, request, AdminClient::kForEver));
}

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<AttachListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::AttachList, AttachListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"client", Table::Align::kRight},
               {"volume"},
               {"globalId", Table::Align::kLeft, false, Table::Shown::kBelow},
               {"mode"},
               {"status"},
               {"device"}});
  json::Json data = json::Json::array();
  for (const Attachment& attachment : answer->attachments()) {
    data.push_back(json::JsonOf(attachment));
    const bool ready = attachment.granted() && !attachment.device().empty();
    table.AddRow({absl::StrCat(attachment.client()), attachment.volume_name(),
                  attachment.global_id(), attachment.rights() == READ_ONLY ? "RO" : "RW",
                  attachment.detaching() ? "detaching"
                  : ready                ? "attached"
                                         : "attaching",
                  attachment.device()});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

std::vector<Parameter> Objects() {
  return {{.word = "volume", .value = "NAME", .help = "Its name, or ~ and its global id."},
          {.word = "snapshot", .value = "NAME", .help = "The same for a snapshot."}};
}

// What StorPool's clients say where there are several clusters. With one nothing is remote.
Parameter OnRemoteAttached() {
  return {.word = "onRemoteAttached",
          .value = "WAY",
          .kind = Kind::kChoice,
          .help = "For several clusters; with one there is no difference.",
          .choices = {"fail", "detach", "detachForce", "export"}};
}

Parameter HereParameter() {
  return {.word = "here",
          .kind = Kind::kFlag,
          .help = "This machine's client: SP_OURID of storpool.conf."};
}

std::vector<Parameter> AttachParameters() {
  return Joined({Objects(),
                 {{.word = "client",
                   .value = "ID",
                   .kind = Kind::kNumber,
                   .help = "1 to 4095; see service list. May be said many times.",
                   .repeated = true,
                   .min = 1,
                   .max = kClientIdMax},
                  HereParameter(),
                  {.word = "mode",
                   .value = "ro|rw",
                   .kind = Kind::kChoice,
                   .help = "Read only, or read and write; else rw, of a snapshot ro.",
                   .choices = {"ro", "rw"}},
                  {.word = "timeout",
                   .value = "SECONDS",
                   .kind = Kind::kNumber,
                   .help = "How long to wait for the client; else for ever.",
                   .min = 1,
                   .max = 86400},
                  {.word = "noWait", .kind = Kind::kFlag, .help = "Do not wait for the client."},
                  {.word = "detach",
                   .value = "all",
                   .kind = Kind::kChoice,
                   .help = "In the same step it is taken from all others: a move. No moment in "
                           "which two have it.",
                   .choices = {"all"}},
                  {.word = "force",
                   .value = "yes",
                   .kind = Kind::kChoice,
                   .help = "With detach all: also while it is open there.",
                   .choices = {"yes"}},
                  OnRemoteAttached()}});
}

std::vector<Parameter> DetachParameters() {
  return Joined({Objects(),
                 {{.word = "client",
                   .value = "ID|all",
                   .kind = Kind::kNumber,
                   .help = "1 to 4095, or all. May be said many times.",
                   .repeated = true,
                   .min = 1,
                   .max = kClientIdMax,
                   .choices = {"all"}},
                  HereParameter(),
                  {.word = "all", .kind = Kind::kFlag, .help = "From every client."},
                  {.word = "force",
                   .value = "yes",
                   .kind = Kind::kChoice,
                   .help = "Also while it is open there, or the client does not answer: its "
                           "requests fail from now on.",
                   .choices = {"yes"}},
                  OnRemoteAttached()}});
}

}  // namespace

std::vector<Command> AttachCommands() {
  return {
      {.pattern = "attach list",
       .summary = "List which clients have which volumes, and where",
       .run = List},
      {.pattern = "attach",
       .summary = "Give a volume or snapshot to clients, and wait until it is there",
       .parameters = AttachParameters(),
       .details = "Says where the volume is now: an NBD address. With timeout, the volume stays "
                  "attached when the time is over; the client has it as soon as it runs.",
       .example = "attach volume db1 client 1",
       .run = Attach},
      {.pattern = "detach",
       .summary = "Take a volume or snapshot from a client, from some, or from all",
       .parameters = DetachParameters(),
       .details = "The client lets requests under way end first. A volume that is open stays, "
                  "unless forced.",
       .example = "detach volume db1 client 1",
       .run = Detach},
  };
}

}  // namespace storpool::cli
