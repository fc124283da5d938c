// attach ..., detach ...
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/json/attachments.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

constexpr int64_t kAnswerSeconds = 10;  // for the answer to travel, after metadata's own wait

absl::StatusOr<Output> Attach(Session& session, const Arguments& arguments) {
  AttachRequest request;
  request.set_volume(arguments.Text("volume"));
  request.set_client(arguments.Id("client"));
  request.set_rights(arguments.Text("mode") == "ro" ? READ_ONLY : READ_WRITE);
  request.set_no_wait(arguments.Has("noWait"));
  request.set_timeout_seconds(arguments.Id("timeout"));
  if (request.no_wait() && request.timeout_seconds() != 0) {
    return UsageError("\"timeout\" and \"noWait\" exclude each other");
  }
  const int64_t timeout = request.timeout_seconds() == 0
                              ? AdminClient::kForEver
                              : request.timeout_seconds() + kAnswerSeconds;
  const absl::StatusOr<AttachAnswer> answer =
      session.admin.Call(&Admin::StubInterface::Attach, request,
                         request.no_wait() ? AdminClient::kTimeoutSeconds : timeout);
  if (!answer.ok()) return answer.status();
  json::Json data = json::JsonOfChange(answer->generation(), "");
  if (!answer->device().empty()) data["device"] = answer->device();
  return Output{data, answer->generation(),
                answer->device().empty() ? "OK\n" : absl::StrCat("OK\n", answer->device(), "\n")};
}

absl::StatusOr<Output> Detach(Session& session, const Arguments& arguments) {
  DetachRequest request;
  request.set_volume(arguments.Text("volume"));
  request.set_client(arguments.Id("client"));
  request.set_all(arguments.Has("all") || arguments.Text("client") == "all");
  request.set_force(arguments.Has("force"));
  if (request.all() == (request.client() != 0)) {
    return UsageError(
        absl::StrCat("detach volume ", request.volume(), " needs either \"client ID\" or \"all\""));
  }
  return ChangeOutput(
      session.admin.Call(&Admin::StubInterface::Detach, request, AdminClient::kForEver));
}

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  const absl::StatusOr<AttachListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::AttachList, AttachListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"client", Table::Align::kRight}, {"volume"}, {"mode"}, {"status"}, {"device"}});
  json::Json data = json::Json::array();
  for (const Attachment& attachment : answer->attachments()) {
    data.push_back(json::JsonOf(attachment));
    const bool ready = attachment.granted() && !attachment.device().empty();
    table.AddRow({absl::StrCat(attachment.client()), attachment.volume_name(),
                  attachment.rights() == READ_ONLY ? "RO" : "RW",
                  attachment.detaching() ? "detaching"
                  : ready                ? "attached"
                                         : "attaching",
                  attachment.device()});
  }
  return Output{data, *generation, table.Text()};
}

}  // namespace

std::vector<Command> AttachCommands() {
  const Parameter volume = {.word = "volume",
                            .value = "NAME",
                            .help = "Its name, or ~ and its global id.",
                            .required = true};
  return {
      {.pattern = "attach list",
       .summary = "List which clients have which volumes, and where",
       .run = List},
      {.pattern = "attach",
       .summary = "Give a volume to a client, and wait until it is there",
       .parameters = {volume,
                      {.word = "client",
                       .value = "ID",
                       .kind = Kind::kNumber,
                       .help = "1 to 4095; see service list.",
                       .required = true,
                       .min = 1,
                       .max = kClientIdMax},
                      {.word = "mode",
                       .value = "ro|rw",
                       .kind = Kind::kChoice,
                       .help = "Read only, or read and write; else rw.",
                       .choices = {"ro", "rw"}},
                      {.word = "timeout",
                       .value = "SECONDS",
                       .kind = Kind::kNumber,
                       .help = "How long to wait for the client; else for ever.",
                       .min = 1,
                       .max = 86400},
                      {.word = "noWait",
                       .kind = Kind::kFlag,
                       .help = "Do not wait for the client."}},
       .details = "Says where the volume is now: an NBD address. With timeout, the volume stays "
                  "attached when the time is over; the client has it as soon as it runs.",
       .example = "attach volume db1 client 1",
       .run = Attach},
      {.pattern = "detach",
       .summary = "Take a volume from a client, or from all",
       .parameters = {volume,
                      {.word = "client",
                       .value = "ID|all",
                       .kind = Kind::kNumber,
                       .help = "1 to 4095, or all.",
                       .min = 1,
                       .max = kClientIdMax,
                       .choices = {"all"}},
                      {.word = "all", .kind = Kind::kFlag, .help = "From every client."},
                      {.word = "force",
                       .value = "yes",
                       .kind = Kind::kChoice,
                       .help = "Also while it is open there, or the client does not answer: its "
                               "requests fail from now on.",
                       .choices = {"yes"}}},
       .details = "The client lets requests under way end first. A volume that is open stays, "
                  "unless forced.",
       .example = "detach volume db1 client 1",
       .run = Detach},
  };
}

}  // namespace storpool::cli
