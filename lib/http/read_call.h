// From an HTTP request to the commands that it asks for: path, query and JSON are read here, all of
// them sent by anybody who has the token. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "lib/http/call.h"
#include "lib/http/message.h"

namespace storpool::http {

struct ReadyCall {
  Run run;
  bool all_clusters = false;  // the answer is that of a list of clusters
};

// Or the error that answers it. `cluster` is this one's name, "location.cluster".
std::variant<ReadyCall, Response> ReadCall(const std::string& cluster, const Request& request);

// An error of a command as a response. Errors of the cluster come with its generation.
Response ErrorOf(const absl::Status& status, std::optional<uint64_t> generation = std::nullopt);

}  // namespace storpool::http
