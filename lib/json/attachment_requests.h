// Requests that change attachments, read from JSON (reference 3.4).
#pragma once

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// The array of VolumesReassign, or the object of VolumesReassignWait, which takes the bare array
// too: with `wait` the answer comes when clients have what they are to have. kInvalidArgument says
// which field is wrong.
absl::StatusOr<ReassignRequest> ReadReassign(const Json& body, bool wait);

}  // namespace storpool::json
