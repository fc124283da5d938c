// Sizes as people write and read them; all units are binary.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace storpool {

// "2G", "512", "100GiB": bytes. Suffixes K M G T P, in either case, with or without "iB" or "B".
absl::StatusOr<uint64_t> ParseSize(std::string_view text);

// "2 GiB", "1.5 TiB", "512 B": one decimal below 100 where it is not exact.
std::string FormatSize(uint64_t size_bytes);

}  // namespace storpool
