// Limits of volumes and templates as JSON: "-" is no limit, bandwidth counts in KiB a second.
#pragma once

#include "lib/json/json.h"
#include "proto/cluster.pb.h"

namespace storpool::json {

// Adds bw, iops and limitType.
void AddLimits(const Limits& limits, Json& json);

}  // namespace storpool::json
