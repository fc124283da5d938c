// Reads the values of a command line: what a Parameter's kind makes of words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/words.h"

namespace storpool::cli {

// "7d", "12h", "30m", "45s", "3600": seconds.
absl::StatusOr<uint64_t> ParseDuration(std::string_view text);
// Seconds since 1970, or "2026-12-31", "2026-12-31T18:30", "2026-12-31T18:30:00", in UTC.
absl::StatusOr<uint64_t> ParseMoment(std::string_view text);
// "2026-12-31 18:30:00", UTC; "-" for 0.
std::string FormatMoment(int64_t seconds);
// "50" is 50 MB/s, as StorPool's tool has it; "50M", "1G" with their units. Binary, as all here.
absl::StatusOr<uint64_t> ParseBandwidth(std::string_view text);

// Reads the value that begins at words[at]; moves `at` behind it. Errors say what would be right.
absl::StatusOr<Arguments::Value> ReadValue(const Parameter& parameter,
                                           const std::vector<Word>& words, size_t& at);

}  // namespace storpool::cli
