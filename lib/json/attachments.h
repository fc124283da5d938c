// Attachments as JSON, in StorPool's shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// `cluster` is shown by calls of several clusters; empty: not.
Json JsonOf(const Attachment& attachment, const std::string& cluster = "");
Json JsonOf(const AttachListAnswer& answer, const std::string& cluster = "");

}  // namespace storpool::json
