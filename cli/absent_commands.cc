// Words of StorPool's tool for what this system has not. The JSON API says the same of its calls
// (lib/http/calls_absent.cc).
#include "cli/commands.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kBalancer =
    "there is no balancer that computes allocations of its own: chains are spread over the disks "
    "of their groups by capacity, and the relocator moves them (relocator status)";
constexpr std::string_view kMaintenance =
    "there is no maintenance mode: stop the node; it has ten minutes to come back before other "
    "disks take its chains";
constexpr std::string_view kSettings =
    "there are no settings of the cluster, but for relocator on and off";
constexpr std::string_view kIscsi = "there is no iSCSI target; attach volumes over NBD";
constexpr std::string_view kRemote = "there are no remote locations, bridges or backups";
constexpr std::string_view kTest =
    "a disk that was ejected is not tested here; disk ID return lets it in again";
constexpr std::string_view kRecovery = "how much a disk recovers at a time cannot be set";
constexpr std::string_view kIgnore =
    "each chain waits for its own mirrors only; disk ID forget names a disk that is gone";
constexpr std::string_view kScrub = "disks are not scrubbed or retrimmed on request";
constexpr std::string_view kRequests = "requests under way are not listed";

// All that may follow the words: `[WORDS]`.
Command Absent(std::string_view pattern, std::string_view why) {
  return {.pattern = pattern,
          .summary = why,
          .values = {DiskIdParameter(), {.word = "WORDS", .value = "WORDS", .kind = Kind::kRest}}};
}

}  // namespace

std::vector<Command> AbsentCommands() {
  return {Absent("balancer [WORDS]", kBalancer),
          Absent("maintenance [WORDS]", kMaintenance),
          Absent("mgmtConfig [WORDS]", kSettings),
          Absent("iscsi [WORDS]", kIscsi),
          Absent("location [WORDS]", kRemote),
          Absent("cluster [WORDS]", kRemote),
          Absent("remoteBridge [WORDS]", kRemote),
          Absent("volume groupBackup [WORDS]", kRemote),
          Absent("volume NAME backup [WORDS]", kRemote),
          Absent("disk ID testInfo [WORDS]", kTest),
          Absent("disk ID maxRecoveryRequestsOverride [WORDS]", kRecovery),
          Absent("disk ID ignore [WORDS]", kIgnore),
          Absent("disk ID scrub [WORDS]", kScrub),
          Absent("disk ID retrim [WORDS]", kScrub),
          Absent("disk ID activeRequests [WORDS]", kRequests)};
}

}  // namespace storpool::cli
