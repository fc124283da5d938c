// How volumes, snapshots and templates are kept, and what they may use: the parameters that their
// commands share, and how tables show them.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/table.h"
#include "proto/admin.pb.h"

namespace storpool::cli {

// The help of PlacementParameters: what is not said is another thing in each command.
struct PlacementHelp {
  std::string_view replication, all, head, tail;
};
extern const PlacementHelp kOfNewTemplate, kOfTemplate, kOfNewVolume, kOfVolume;
extern const PlacementHelp kOfEither;  // update or create, whichever it is

// replication, placeAll, placeHead, placeTail.
std::vector<Parameter> PlacementParameters(const PlacementHelp& help);
// iops, bw, limitType.
std::vector<Parameter> LimitParameters();
Parameter TagParameter();
// deleteAfter, targetDeleteDate.
std::vector<Parameter> ExpiryParameters();
std::vector<Parameter> Joined(std::initializer_list<std::vector<Parameter>> some);

// What was given of LimitParameters; nothing if nothing was.
std::optional<LimitsUpdate> GivenLimits(const Arguments& arguments);
void TakeTags(const Arguments& arguments, google::protobuf::RepeatedPtrField<Tag>& tags);

// Takes over ExpiryParameters. A usage error if both were given.
template <class Request>
absl::Status TakeExpiry(const Arguments& arguments, Request& request);

// "1000", "1000/GiB", or "-".
Cell IopsCell(const Limits& limits);
Cell BandwidthCell(const Limits& limits);
// "a=1 b=2".
std::string TagsText(const google::protobuf::RepeatedPtrField<Tag>& tags);

absl::Status BothExpiriesError();

template <class Request>
absl::Status TakeExpiry(const Arguments& arguments, Request& request) {
  if (arguments.Has("deleteAfter") && arguments.Has("targetDeleteDate")) {
    return BothExpiriesError();
  }
  if (arguments.Has("deleteAfter")) {
    request.set_delete_after_seconds(arguments.Number("deleteAfter"));
  }
  if (arguments.Has("targetDeleteDate")) {
    request.set_delete_at_seconds(static_cast<int64_t>(arguments.Number("targetDeleteDate")));
  }
  return absl::OkStatus();
}

}  // namespace storpool::cli
