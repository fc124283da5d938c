#include "cli/commands.h"

#include <iterator>
#include <utility>

#include "absl/strings/cord.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

constexpr char kUsagePayload[] = "storpoolctl.usage";

}  // namespace

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (auto commands : {ClusterCommands, MetadataCommands, DiskCommands, PlacementGroupCommands,
                        TemplateCommands, VolumeCommands, AttachCommands}) {
    std::vector<Command> some = commands();
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

absl::StatusOr<uint64_t> GenerationForJson(Session& session) {
  if (!session.json) return 0;
  const absl::StatusOr<StatusAnswer> status =
      session.admin.Call(&Admin::StubInterface::Status, StatusRequest());
  if (!status.ok()) return status.status();
  return status->generation();
}

Output ChangeOutput(const ChangeAnswer& answer) {
  return {json::JsonOfChange(answer.generation(), answer.info()), answer.generation(),
          answer.info().empty() ? "OK\n" : "OK\n" + answer.info() + "\n"};
}

absl::StatusOr<Output> ChangeOutput(const absl::StatusOr<ChangeAnswer>& answer) {
  if (!answer.ok()) return answer.status();
  return ChangeOutput(*answer);
}

Output LocalOutput(json::Json data, std::string text) {
  return {std::move(data), 0, std::move(text)};
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
