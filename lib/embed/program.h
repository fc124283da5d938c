// What the mains of the daemons share: the wait for the end, and the meaning of common flags.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/env/log_sink.h"

namespace storpool::embed {

// SIGTERM and SIGINT end a daemon cleanly. Made first in main, before any thread: they inherit that
// these signals are blocked.
class Ending {
 public:
  Ending();
  // Waits for one of the signals or for Fail. Returns the exit code of the process: 0 or 1.
  int Wait();
  // Any thread: the daemon cannot go on. The reason goes to standard error.
  void Fail(std::string_view reason);

 private:
  std::atomic<bool> failed_ = false;
};

// Parses the command line. --help says `usage` and the flags of daemons/, --version the release;
// both end the program, with exit code 0. A word that is no flag is an error that names it.
void ParseFlags(std::string_view program, std::string_view usage, int argc, char** argv);

// The id of a node or client, as --id or SP_OURID says it, within `min` and `max`. Errors name
// both.
absl::StatusOr<uint16_t> TakeId(std::string_view text, uint16_t min, uint16_t max);

// kInvalidArgument asks for `flag`, "--cluster=FILE", if its value is empty.
absl::Status CheckGiven(std::string_view value, std::string_view flag);

// "debug", "info", "warning" or "error".
absl::StatusOr<env::LogLevel> ParseLogLevel(std::string_view text);

// "a:1,b:2", with commas or blanks between, as in STORPOOL_METADATA for every program.
std::vector<std::string> SplitAddresses(std::string_view text);
// "a,b,c" without empty pieces; blanks around a comma do not count, for a path may have some
// within.
std::vector<std::string> SplitPaths(std::string_view text);

// Prints "PROGRAM: error" to standard error and returns 1, the exit code of a failed start.
int StartFailed(std::string_view program, const absl::Status& why);

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kMetadataAddress = "127.0.0.1:7480";

}  // namespace storpool::embed
