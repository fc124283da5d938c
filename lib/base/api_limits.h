// Limits of the JSON API over HTTP; all others are in limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace storpool {

inline constexpr size_t kJsonDepthMax = 32;   // of arrays and objects in a request
inline constexpr size_t kJsonKeysMax = 4096;  // of one object in a request; it is searched linearly
inline constexpr uint32_t kHttpHeaderBytesMax = 16u << 10;
inline constexpr uint64_t kHttpBodyBytesMax = 1u << 20;
// Served at a time, one request each; more get 503. So many are told so at a time, and yet more
// wait in the backlog.
inline constexpr uint32_t kHttpConnectionsMax = 1024;
inline constexpr uint32_t kHttpRefusedMax = 128;
inline constexpr int64_t kHttpReceiveMs = 15000;  // for a client to send its request
inline constexpr int64_t kHttpSendMs = 30000;     // and to take some of its answer
inline constexpr int64_t kHttpDrainMs = 1000;     // and to close after it
// Of a volume, listed one by one: some 100 MiB of JSON while the answer is made (32 TiB of volume).
inline constexpr uint64_t kDescribedChunksMax = 1u << 20;

}  // namespace storpool
