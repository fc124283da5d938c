// Volumes and snapshots share most of what is to be shown: one name space, one kind of object.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/output.h"
#include "cli/session.h"

namespace storpool::cli {

// "volume NAME info", "snapshot NAME info".
absl::StatusOr<Output> InfoOutput(Session& session, const std::string& name, bool snapshot);
// The disks of its chains: "volume NAME describe", "snapshot NAME describe".
absl::StatusOr<Output> DescribeOutput(Session& session, const std::string& name, bool snapshot);

}  // namespace storpool::cli
