// What a request asks for, by its path and query:
//
//   /ctrl/1.0/[RemoteCommand/CLUSTER/][MultiCluster/][AllClusters/]QUERY[/ARGUMENT...][?json=...]
//
// Pure; reads what anybody may send.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace storpool::http {

struct Path {
  std::string remote_cluster;  // of RemoteCommand/, else empty
  bool multi_cluster = false;  // clients of several clusters send it to a single one too
  bool all_clusters = false;
  std::vector<std::string> words;  // query and arguments, at least one, percent-decoded
  std::string json;                // of ?json=, percent-decoded
};

// kNotFound: not below /ctrl/1.0/. kInvalidArgument: a bad escape, or nothing is asked for.
absl::StatusOr<Path> ParsePath(std::string_view target);

}  // namespace storpool::http
