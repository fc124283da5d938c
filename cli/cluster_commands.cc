// status, service list.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "cli/values.h"
#include "lib/base/limits.h"
#include "lib/json/services.h"
#include "lib/json/work.h"

namespace storpool::cli {
namespace {

constexpr int64_t kAlarmSeconds = 86400;
constexpr size_t kAlarmsShown = 10;

// The newest of the last day, indented as reasons are.
std::string AlarmLines(const StatusAnswer& answer, int64_t now_seconds) {
  std::vector<const RaisedAlarm*> recent;
  for (const RaisedAlarm& alarm : answer.alarms()) {
    if (alarm.at_seconds() > now_seconds - kAlarmSeconds) recent.push_back(&alarm);
  }
  const size_t left_out = recent.size() - std::min(recent.size(), kAlarmsShown);
  std::string text;
  for (size_t i = left_out; i < recent.size(); ++i) {
    absl::StrAppend(&text, "  alarm: ", FormatMoment(recent[i]->at_seconds()), " ",
                    recent[i]->from(), ": ", recent[i]->text(), "\n");
  }
  if (left_out > 0) {
    absl::StrAppend(&text, "  and ", left_out, " before; status -j has all\n");
  }
  return text;
}

absl::StatusOr<Output> Status(Session& session, const Arguments&) {
  const absl::StatusOr<StatusAnswer> answer =
      session.admin.Call(&Admin::StubInterface::Status, StatusRequest());
  if (!answer.ok()) return answer.status();
  std::string text = answer->summary() + "\n";
  // The summary names the first reason.
  for (int i = 1; i < answer->reasons_size(); ++i) {
    absl::StrAppend(&text, "  ", answer->reasons(i), "\n");
  }
  text += AlarmLines(*answer, session.world.now_seconds());
  return Output{.data = json::JsonOf(*answer), .generation = answer->generation(), .text = text};
}

// "3d 04:05:06", or "04:05:06".
std::string UptimeText(int64_t seconds) {
  if (seconds < 0) seconds = 0;  // two clocks that differ
  const int64_t days = seconds / 86400;
  const std::string time =
      absl::StrFormat("%02d:%02d:%02d", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  return days == 0 ? time : absl::StrCat(days, "d ", time);
}

absl::StatusOr<Output> ServiceList(Session& session, const Arguments&) {
  const absl::StatusOr<ServiceListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::ServiceList, ServiceListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"kind"},
               {"id", Table::Align::kRight},
               {"status"},
               {"address"},
               {"ver"},
               {"uptime", Table::Align::kRight, false, Table::Shown::kBelow},
               {"disks", Table::Align::kLeft, true},
               {"name"},
               {"fault set", Table::Align::kLeft, false, Table::Shown::kBelow}});
  json::Json data = json::Json::array();
  for (const Service& service : answer->services()) {
    data.push_back(json::JsonOf(service));
    const std::string status = !service.up() ? "down" : service.active() ? "active" : "running";
    table.AddRow(
        {service.kind(), absl::StrCat(service.id()), status, service.address(), service.version(),
         service.up() ? UptimeText(session.world.now_seconds() - service.up_since_seconds()) : "-",
         absl::StrJoin(service.disks(), " "), service.name(), service.fault_set()});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> ClientStatus(Session& session, const Arguments&) {
  const absl::StatusOr<ClientStatusAnswer> answer =
      session.admin.Call(&Admin::StubInterface::ClientStatus, ClientStatusRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"client", Table::Align::kRight},
               {"status"},
               {"generation", Table::Align::kRight},
               {"client generation", Table::Align::kRight},
               {"delay ms", Table::Align::kRight}});
  json::Json data = json::Json::array();
  for (const ClientStatusAnswer::One& client : answer->clients()) {
    data.push_back(json::JsonOf(client));
    table.AddRow({absl::StrCat(client.id()), client.status(), absl::StrCat(client.generation()),
                  absl::StrCat(client.client_generation()), absl::StrCat(client.delay_ms())});
  }
  return Output{.data = data, .generation = answer->generation(), .table = table};
}

absl::StatusOr<Output> ForgetNode(Session& session, const Arguments& arguments) {
  ServiceForgetRequest request;
  request.set_node(arguments.Id("ID"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::ServiceForget, request));
}

absl::StatusOr<Output> ForgetClient(Session& session, const Arguments& arguments) {
  ServiceForgetRequest request;
  request.set_client(arguments.Id("ID"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::ServiceForget, request));
}

}  // namespace

std::vector<Command> ClusterCommands() {
  return {
      {.pattern = "status",
       .summary = "Show in one line how the cluster is, and why it is not healthy",
       .details = "Further reasons stand below it, and what was alarming in the last day: the "
                  "newest ten, in UTC. The exit code is 0 as long as metadata answers.",
       .run = Status},
      {.pattern = "service list",
       .summary = "List the daemons: metadata, servers (nodes), clients",
       .terms = {{"server", "StorPool's word for a node."},
                 {"active", "The metadata daemon that decides. There is one."},
                 {"fault set", "Nodes of one may fail together; mirrors are never in the same."}},
       .run = ServiceList},
      {.pattern = "service node ID forget",
       .summary = "Forget a node that is down and does not come back",
       .values = {{.word = "ID",
                   .value = "ID",
                   .kind = Kind::kNumber,
                   .help = "0 to 63; see service list.",
                   .max = kNodeIdMax}},
       .details = "Its disks are forgotten first. After metadata restore nothing is decided before "
                  "every known node has registered: then this is for one that never will, also "
                  "with disks. A node that starts again is known again.",
       .example = "service node 3 forget",
       .run = ForgetNode},
      {.pattern = "service client ID forget",
       .summary = "Forget a client that is down and does not come back",
       .values = {{.word = "ID",
                   .value = "ID",
                   .kind = Kind::kNumber,
                   .help = "1 to 4095; see service list.",
                   .min = 1,
                   .max = kClientIdMax}},
       .details = "What it has attached is detached first, with force yes.",
       .example = "service client 7 forget",
       .run = ForgetClient},
      {.pattern = "client status",
       .summary = "Show how far each client is with what was decided: ok, updating, down",
       .run = ClientStatus},
  };
}

}  // namespace storpool::cli
