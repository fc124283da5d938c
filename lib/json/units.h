// Units that StorPool's clients count in.
#pragma once

#include <cstdint>

namespace storpool::json {

inline constexpr uint64_t kBandwidthUnitBytes = 1024;  // bandwidth is KiB a second

}  // namespace storpool::json
