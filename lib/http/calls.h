// The calls of the JSON API by what they are about. Used by calls.cc only.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "lib/http/call.h"

namespace storpool::http {

std::vector<Call> ClusterCalls();
std::vector<Call> DiskCalls();
std::vector<Call> PlacementCalls();
std::vector<Call> VolumeCalls();
std::vector<Call> AttachmentCalls();
// Of features that StorPool has and this system has not: each says so.
std::vector<Call> AbsentCalls();

// A request with nothing but its name, as a path's first argument.
template <class Request>
Request Named(const Input& input) {
  Request request;
  request.set_name(input.arguments[0]);
  return request;
}

// reassign.cc
Run Reassign(ReassignRequest request);

// kUnimplemented if the request sets a field that the commands do not know yet: it must not be
// ignored silently.
absl::Status OnlyFields(const google::protobuf::Message& request,
                        std::initializer_list<std::string_view> known);

}  // namespace storpool::http
