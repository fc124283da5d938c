#include "tests/bench/floor_program.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/bench/child.h"

namespace storpool::bench {

absl::StatusOr<FloorResult> ParseFloor(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  FloorResult result;
  const std::pair<const char*, double*> values[] = {
      {"iops", &result.iops},       {"mean_us", &result.mean_us},
      {"p50_us", &result.p50_us},   {"p99_us", &result.p99_us},
      {"p999_us", &result.p999_us}, {"cpu_us_per_op", &result.cpu_us_per_op}};
  for (const auto& [name, value] : values) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number()) {
      return absl::InternalError(
          absl::StrCat("the floor printed no ", name, ": '", std::string(line), "'"));
    }
    *value = json[name].get<double>();
  }
  if (result.iops <= 0) return absl::InternalError("the floor did nothing in its time");
  return result;
}

std::vector<std::string> FloorWords(const FloorRun& run, const Case& what) {
  // In memory there is nothing to flush, and asking for it would cost the floor a thread.
  const bool flushed = what.flushed && what.place == Place::kExt4;
  std::vector<std::string> words = {run.program,  "--json",
                                    "--replicas", absl::StrCat(what.replicas),
                                    "--bs",       absl::StrCat(what.block_bytes),
                                    "--depth",    absl::StrCat(what.depth),
                                    "--rw",       what.read ? "read" : "write",
                                    "--sync",     flushed ? "fdatasync" : "none",
                                    "--seconds",  absl::StrCat(run.seconds),
                                    "--file-mib", absl::StrCat(run.file_bytes >> 20),
                                    "--dir",      run.folder};
  if (!run.kept_files.empty()) words.insert(words.end(), {"--keep", run.kept_files});
  if (!run.read_file.empty()) words.insert(words.end(), {"--from", run.read_file});
  return words;
}

absl::StatusOr<FloorResult> RunFloor(const FloorRun& run, const Case& what) {
  const absl::StatusOr<std::string> line = RunToEnd({FloorWords(run, what), {}});
  if (!line.ok()) return line.status();
  return ParseFloor(*line);
}

}  // namespace storpool::bench
