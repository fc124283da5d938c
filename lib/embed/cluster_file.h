// The cluster file: what makes a daemon a member of a cluster (design 6.5). Made by
// `storpoolctl metadata init`, copied to every machine by the operator, readable by its owner only.
//
//   cluster 01234567-89ab-cdef-0123-456789abcdef
//   name location.cluster
//   secret 64 hexadecimal digits
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/env/entropy.h"

namespace storpool::embed {

using ClusterUuid = std::array<uint8_t, 16>;

struct ClusterFile {
  ClusterUuid uuid = {};
  std::string name;    // "location.cluster"
  std::string secret;  // as bytes; SecretKey (lib/base/digest.h) makes the key of proofs from it
};

std::string FormatUuid(const ClusterUuid& uuid);
std::string FormatClusterFile(const ClusterFile& file);
// kInvalidArgument names `path` and the line that is wrong.
absl::StatusOr<ClusterFile> ParseClusterFile(std::string_view text, const std::string& path);

// kNotFound, kPermissionDenied with the way out; refuses a file that others may read.
absl::StatusOr<ClusterFile> LoadClusterFile(const std::string& path);
// A new cluster of that name, with a uuid and a secret of its own. kAlreadyExists if there is such
// a file. Durable when it returns.
absl::StatusOr<ClusterFile> CreateClusterFile(const std::string& path, const std::string& name,
                                              env::Entropy& entropy);

}  // namespace storpool::embed
