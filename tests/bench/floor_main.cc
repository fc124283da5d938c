// Prints the floor of this machine as one line of JSON, with the options of the reference program:
//   floor --json --replicas 3 --bs 4096 --depth 32 --rw write --sync fdatasync --dir DIR
// That program does not have --keep PREFIX (the same files in several runs) and --from FILE
// (reads).
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "tests/bench/floor.h"

namespace {

using storpool::bench::FloorOptions;
using storpool::bench::FloorSync;

// False if there is no such option or its value is wrong.
bool TakeOption(FloorOptions& options, std::string_view name, const std::string& value) {
  uint32_t number = 0;
  const bool is_number = absl::SimpleAtoi(value, &number);
  if (name == "--replicas") return (options.replicas = number) >= 1 && number <= 3;
  if (name == "--bs") return (options.block_bytes = number) >= 512 && number <= 16u << 20;
  if (name == "--depth") return (options.depth = number) >= 1 && number <= 1024;
  if (name == "--file-mib") return is_number && (options.file_bytes = uint64_t{number} << 20) > 0;
  if (name == "--seconds") return absl::SimpleAtod(value, &options.seconds) && options.seconds > 0;
  if (name == "--dir") return !(options.folder = value).empty();
  if (name == "--keep") return !(options.kept_files = value).empty();
  if (name == "--from") return !(options.read_file = value).empty();
  if (name == "--rw") return (options.read = value == "read") || value == "write";
  if (name != "--sync") return false;
  if (value == "fdatasync") options.sync = FloorSync::kFdatasync;
  if (value == "dsync") options.sync = FloorSync::kDsync;
  return value == "none" || options.sync != FloorSync::kNone;
}

}  // namespace

int main(int argc, char** argv) {
  FloorOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") continue;  // it prints nothing else
    const std::string value = ++i < argc ? argv[i] : "";
    if (!TakeOption(options, name, value)) {
      std::fprintf(stderr, "floor: option %s '%s' is unknown or wrong; see the top of %s\n",
                   name.c_str(), value.c_str(), "tests/bench/floor_main.cc");
      return 2;
    }
  }
  const auto result = storpool::bench::MeasureFloor(options);
  if (!result.ok()) {
    std::fprintf(stderr, "floor: %s\n", std::string(result.status().message()).c_str());
    return 1;
  }
  std::printf("%s\n", storpool::bench::ToJson(options, *result).c_str());
  return 0;
}
