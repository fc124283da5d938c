#include "lib/metadata/volume_limits.h"

#include <algorithm>

namespace storpool::metadata {
namespace {

uint64_t PerGib(uint64_t limit, uint64_t size_bytes) {
  if (limit == 0) return 0;
  const unsigned __int128 product = static_cast<unsigned __int128>(limit) * size_bytes >> 30;
  return product > UINT64_MAX ? UINT64_MAX : std::max<uint64_t>(1, static_cast<uint64_t>(product));
}

}  // namespace

void Merge(const LimitsUpdate& update, Limits& limits) {
  if (update.has_iops()) limits.set_iops(update.iops());
  if (update.has_bandwidth_bytes()) limits.set_bandwidth_bytes(update.bandwidth_bytes());
  if (update.has_per_gib()) limits.set_per_gib(update.per_gib());
}

bool IsLimited(const Limits& limits) { return limits.iops() != 0 || limits.bandwidth_bytes() != 0; }

Limits InForce(const Limits& limits, uint64_t size_bytes) {
  Limits result = limits;
  if (!limits.per_gib()) return result;
  result.set_iops(PerGib(limits.iops(), size_bytes));
  result.set_bandwidth_bytes(PerGib(limits.bandwidth_bytes(), size_bytes));
  result.set_per_gib(false);
  return result;
}

}  // namespace storpool::metadata
