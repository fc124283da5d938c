// How fast a volume may be: limits as they are asked for, and as they are in force. Pure.
#pragma once

#include "proto/admin_volumes.pb.h"
#include "proto/cluster.pb.h"

namespace storpool::metadata {

// What is present replaces what was.
void Merge(const LimitsUpdate& update, Limits& limits);
bool IsLimited(const Limits& limits);
// With perGiB worked out for a volume of that size; a limit never becomes 0, which would be none.
Limits InForce(const Limits& limits, uint64_t size_bytes);

}  // namespace storpool::metadata
