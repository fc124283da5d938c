#include "lib/json/limits_json.h"

#include "lib/json/units.h"

namespace storpool::json {

void AddLimits(const Limits& limits, Json& json) {
  // Rounded up: a limit below one unit is not "none".
  const uint64_t units = (limits.bandwidth_bytes() + kBandwidthUnitBytes - 1) / kBandwidthUnitBytes;
  json["bw"] = units == 0 ? Json("-") : Json(units);
  json["iops"] = limits.iops() == 0 ? Json("-") : Json(limits.iops());
  json["limitType"] = limits.per_gib() ? "perGiB" : "total";
}

}  // namespace storpool::json
