// Attachments and clients as JSON, in StorPool's shape (reference 3.3), and the requests that
// change attachments.
#pragma once

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// `cluster` is shown by calls of several clusters; empty: not.
Json JsonOf(const Attachment& attachment, const std::string& cluster = "");
Json JsonOf(const AttachListAnswer& answer, const std::string& cluster = "");
Json JsonOf(const ClientStatusAnswer& answer);

// The array of VolumesReassign, or the object of VolumesReassignWait, which takes the bare array
// too: with `wait` the answer comes when clients have what they are to have.
absl::StatusOr<ReassignRequest> ReadReassign(const Json& body, bool wait);

}  // namespace storpool::json
