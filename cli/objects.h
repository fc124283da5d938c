// Volumes and snapshots share most of what is to be shown: one name space, one kind of object.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/session.h"

namespace storpool::cli {

// Its name; "~globalId" if it has none; with a leading "*" if it is in deletion.
std::string NameOf(const Volume& volume);
// What it is a child of; empty if nothing.
std::string ParentOf(const VolumeInfoAnswer& info);

// "volume NAME info", "snapshot NAME info".
absl::StatusOr<Output> InfoOutput(Session& session, const std::string& name, bool snapshot);
// A line that says why sums of what is stored are too low; empty if they are not.
std::string NotCounted(const std::string& missing);
// The disks of its chains.
absl::StatusOr<Output> DescribeOutput(Session& session, const std::string& name);
// How these are: all, or one.
absl::StatusOr<Output> StatusOutput(Session& session, const std::string& name, bool quick);

}  // namespace storpool::cli
