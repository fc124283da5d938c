// How a volume or template is kept, as a request says it: replication, groups, limits.
#pragma once

#include "lib/base/limits.h"
#include "lib/json/fields.h"
#include "lib/json/units.h"

namespace storpool::json {

// Bandwidth comes in KiB a second.
inline constexpr uint64_t kBandwidthUnitsMax = uint64_t{1} << 40;

template <class Request>
void ReadPlacement(Fields& fields, Request& request) {
  if (auto n = fields.Number("replication", 1, kReplicationMax)) {
    request.set_replication(static_cast<uint32_t>(*n));
  }
  if (auto group = fields.Text("placeAll")) request.set_place_all(*group);
  if (auto group = fields.Text("placeHead")) request.set_place_head(*group);
  if (auto group = fields.Text("placeTail")) request.set_place_tail(*group);
  fields.Flag("reuseServer");  // mirrors are on different nodes always
}

// Into Limits or LimitsUpdate.
template <class AnyLimits>
void ReadLimits(Fields& fields, AnyLimits& limits) {
  if (auto iops = fields.Limit("iops", kIopsMax)) limits.set_iops(*iops);
  if (auto units = fields.Limit("bw", kBandwidthUnitsMax)) {
    limits.set_bandwidth_bytes(*units * kBandwidthUnitBytes);
  }
  if (auto type = fields.Text("limitType")) {
    if (*type != "total" && *type != "perGiB") fields.Wrong("limitType", "is total or perGiB");
    limits.set_per_gib(*type == "perGiB");
  }
}

// Adds the limits to the request only if it names one.
template <class Request>
void ReadPolicy(Fields& fields, Request& request) {
  ReadPlacement(fields, request);
  if (fields.has("iops") || fields.has("bw") || fields.has("limitType")) {
    ReadLimits(fields, *request.mutable_limits());
  }
}

}  // namespace storpool::json
