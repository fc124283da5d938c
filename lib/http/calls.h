// The calls of the JSON API by what they are about. Used by calls.cc only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/http/call.h"

namespace storpool::http {

std::vector<Call> ClusterCalls();
std::vector<Call> DiskCalls();
std::vector<Call> PlacementCalls();
std::vector<Call> VolumeCalls();
std::vector<Call> SnapshotCalls();
std::vector<Call> AttachmentCalls();
std::vector<Call> WorkCalls();
std::vector<Call> KeyValueCalls();
// Of features that StorPool has and this system has not: each says so.
std::vector<Call> AbsentCalls();

using VolumeToJson = Json (*)(const VolumeInfoAnswer& answer, const std::string& cluster);
using LayoutToJson = Json (*)(const VolumeDescribeAnswer& answer, const std::string& cluster);

// A request with nothing but its name, as a path's first argument.
template <class Request>
Request Named(const Input& input) {
  Request request;
  request.set_name(input.arguments[0]);
  return request;
}

// What is known of the volume, or of the snapshot, that the path names.
absl::StatusOr<Run> AskOne(const Input& input, bool snapshot, VolumeToJson to_json);
// One of more than `chunks_max` chunks is invalidParam.
absl::StatusOr<Run> AskLayout(const Input& input, bool snapshot, LayoutToJson to_json,
                              uint64_t chunks_max);

// The id in a path: 0 to `max`.
absl::StatusOr<uint32_t> IdOf(const std::string& text, std::string_view what, uint32_t max);

}  // namespace storpool::http
