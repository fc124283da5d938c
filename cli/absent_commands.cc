// Words of StorPool's tool for what this system has not. The JSON API says the same of its calls
// (lib/json/absent.h).
#include "cli/commands.h"
#include "lib/json/absent.h"

namespace storpool::cli {
namespace {

// All that may follow the words: `[WORDS]`.
Command Absent(std::string_view pattern, std::string_view why) {
  return {.pattern = pattern,
          .summary = why,
          .values = {DiskIdParameter(), {.word = "WORDS", .value = "WORDS", .kind = Kind::kRest}}};
}

}  // namespace

std::vector<Command> AbsentCommands() {
  return {Absent("balancer [WORDS]", json::kNoBalancer),
          Absent("maintenance [WORDS]", json::kNoMaintenance),
          Absent("mgmtConfig [WORDS]", json::kNoSettings),
          Absent("iscsi [WORDS]", json::kNoIscsi),
          Absent("location [WORDS]", json::kNoRemote),
          Absent("cluster [WORDS]", json::kNoRemote),
          Absent("remoteBridge [WORDS]", json::kNoRemote),
          Absent("volume groupBackup [WORDS]", json::kNoRemote),
          Absent("volume NAME backup [WORDS]", json::kNoRemote),
          Absent("disk ID testInfo [WORDS]", json::kNoDiskTest),
          Absent("disk ID maxRecoveryRequestsOverride [WORDS]", json::kNoRecoverySetting),
          Absent("disk ID ignore [WORDS]", json::kNoIgnore),
          Absent("disk ID scrub [WORDS]", json::kNoScrub),
          Absent("disk ID retrim [WORDS]", json::kNoScrub),
          Absent("disk ID activeRequests [WORDS]", json::kNoActiveRequests)};
}

}  // namespace storpool::cli
