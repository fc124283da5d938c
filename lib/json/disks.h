// Disks as JSON, in StorPool's shape (reference 3.3), with some fields of our own behind it. A disk
// that is down has fewer fields: "generationLeft" tells, -1 says up.
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const DiskInfo& disk);
// By id.
Json JsonOf(const DiskListAnswer& answer);

}  // namespace storpool::json
