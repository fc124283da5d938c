// How far everything jumps when metadata is restored from a backup, so that it lies above what was
// given out after the backup was made: far above a year of changes, far below the counters' ends
// (R22).
#pragma once

#include <cstdint>

namespace storpool::metadata {

inline constexpr uint32_t kEpochJump = 1 << 16;
inline constexpr uint32_t kGenerationJump = 1 << 24;
inline constexpr uint32_t kLineVersionJump = 1 << 20;
inline constexpr uint64_t kIdJump = uint64_t{1} << 32;
inline constexpr uint32_t kLayerJump = 1 << 20;
inline constexpr uint32_t kTableJump = 64;

}  // namespace storpool::metadata
