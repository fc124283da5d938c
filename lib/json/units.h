// Units that StorPool's clients count in, and how far.
#pragma once

#include <cstdint>

namespace storpool::json {

inline constexpr uint64_t kBandwidthUnitBytes = 1024;  // bandwidth is KiB a second
inline constexpr uint64_t kIopsMax = 1u << 30;         // more is a mistake

}  // namespace storpool::json
