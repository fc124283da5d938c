// Limits of the JSON API over HTTP; all others are in limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace storpool {

inline constexpr size_t kJsonDepthMax = 32;  // of arrays and objects in a request

}  // namespace storpool
