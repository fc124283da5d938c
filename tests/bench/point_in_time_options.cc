#include "tests/bench/point_in_time_options.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace storpool::bench {

absl::StatusOr<PointInTimeOptions> ParsePointInTimeOptions(
    const std::vector<std::string>& arguments) {
  PointInTimeOptions options;
  for (const std::string& argument : arguments) {
    const std::vector<std::string> parts = absl::StrSplit(argument, absl::MaxSplits('=', 1));
    uint32_t number = 0;
    const bool is_number = parts.size() == 2 && absl::SimpleAtoi(parts[1], &number) && number > 0;
    if (argument == "--gate") {
      options.gate = true;
    } else if (parts[0] == "--dir" && parts.size() == 2 && !parts[1].empty()) {
      options.folder = parts[1];
    } else if (parts[0] == "--snapshots" && is_number) {
      options.snapshots = number;
    } else if (parts[0] == "--interval-ms" && is_number) {
      options.interval = Duration::Millis(number);
    } else if (parts[0] == "--keep" && is_number) {
      options.keep = number;
    } else if (parts[0] == "--volumes" && is_number) {
      options.volumes = number;
    } else if (parts[0] == "--volume-mib" && is_number && number >= 32) {
      options.volume_bytes = uint64_t{number} << 20;
    } else if (parts[0] == "--disk-mib" && is_number) {
      options.disk_bytes = uint64_t{number} << 20;
    } else if (parts[0] == "--depth" && is_number) {
      options.depth = number;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("option '", argument,
                       "' is unknown or wrong: --snapshots=N --interval-ms=N --keep=N --volumes=N "
                       "--volume-mib=N --disk-mib=N --depth=N --gate --dir=FOLDER"));
    }
  }
  return options;
}

}  // namespace storpool::bench
