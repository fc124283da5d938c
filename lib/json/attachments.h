// Attachments as JSON, in StorPool's shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const Attachment& attachment);

}  // namespace storpool::json
