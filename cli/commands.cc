#include "cli/commands.h"

#include <iterator>
#include <utility>

#include "absl/strings/cord.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

constexpr char kUsagePayload[] = "storpoolctl.usage";
constexpr char kDeclinedPayload[] = "storpoolctl.declined";

}  // namespace

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (auto commands :
       {ClusterCommands, MetadataCommands, DiskListCommands, DiskCommands, PlacementGroupCommands,
        TemplateCommands, VolumeCommands, VolumeStatusCommands, SpaceCommands, VolumeChangeCommands,
        SnapshotCommands, AttachCommands, RelocatorCommands}) {
    std::vector<Command> some = commands();
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

Output ChangeOutput(const ChangeAnswer& answer) {
  return {.data = json::JsonOfChange(answer.generation(), answer.info()),
          .generation = answer.generation(),
          .text = answer.info().empty() ? "OK\n" : "OK\n" + answer.info() + "\n"};
}

absl::StatusOr<Output> ChangeOutput(const absl::StatusOr<ChangeAnswer>& answer) {
  if (!answer.ok()) return answer.status();
  return ChangeOutput(*answer);
}

Output LocalOutput(json::Json data, std::string text) {
  return {.data = std::move(data), .text = std::move(text)};
}

bool Confirmed(Session& session, const std::string& question) {
  World& world = session.world;
  if (session.options.batch || !world.in_is_terminal || !world.err_is_terminal) return true;
  world.err << question << " Go on? (yes/no) " << std::flush;
  std::string answer;
  std::getline(world.in, answer);
  return answer == "yes" || answer == "y";
}

absl::Status Declined() {
  absl::Status status = absl::CancelledError("nothing was changed");
  status.SetPayload(kDeclinedPayload, absl::Cord());
  return status;
}

bool IsDeclined(const absl::Status& status) {
  return status.GetPayload(kDeclinedPayload).has_value();
}

absl::Status UsageError(const std::string& text) {
  absl::Status status = absl::InvalidArgumentError(text);
  status.SetPayload(kUsagePayload, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsagePayload).has_value();
}

}  // namespace storpool::cli
