#include "tests/bench/cases.h"

#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace storpool::bench {
namespace {

std::string SizeName(uint32_t bytes) {
  return bytes >= 1u << 20 ? absl::StrCat(bytes >> 20, "m") : absl::StrCat(bytes >> 10, "k");
}

bool TakeNumber(absl::string_view text, absl::string_view prefix, uint32_t& number) {
  return text.substr(0, prefix.size()) == prefix &&
         absl::SimpleAtoi(text.substr(prefix.size()), &number);
}

bool TakeSize(absl::string_view text, uint32_t& bytes) {
  uint32_t number = 0;
  if (text.size() < 2 || !absl::SimpleAtoi(text.substr(0, text.size() - 1), &number)) return false;
  if (text.back() == 'k' && number <= 1024) bytes = number << 10;
  if (text.back() == 'm' && number <= 1) bytes = number << 20;
  return bytes > 0 && bytes % 4096 == 0;
}

}  // namespace

std::string Case::Name() const {
  return absl::StrCat(read ? "read" : "write", "-", SizeName(block_bytes), "-qd", depth, "-r",
                      replicas, place == Place::kExt4 ? "-ext4" : "-tmpfs",
                      flushed ? "" : "-unflushed");
}

std::vector<Case> GatedCases() {
  std::vector<Case> cases;
  for (const Place place : {Place::kExt4, Place::kTmpfs}) {
    for (const bool read : {false, true}) {
      for (const auto& [block, depth] :
           {std::pair{4096u, 1u}, std::pair{4096u, 32u}, std::pair{1u << 20, 8u}}) {
        cases.push_back({read, block, depth, 3, place, true});
      }
    }
  }
  return cases;
}

absl::StatusOr<Case> ParseCase(std::string_view name) {
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(name.data(), name.size()), '-');
  Case c;
  c.block_bytes = 0;
  bool good = parts.size() == 5 || (parts.size() == 6 && parts[5] == "unflushed");
  if (good) {
    c.read = parts[0] == "read";
    c.place = parts[4] == "ext4" ? Place::kExt4 : Place::kTmpfs;
    c.flushed = parts.size() == 5;
    good = (c.read || parts[0] == "write") && TakeSize(parts[1], c.block_bytes) &&
           TakeNumber(parts[2], "qd", c.depth) && c.depth >= 1 && c.depth <= 1024 &&
           TakeNumber(parts[3], "r", c.replicas) && c.replicas >= 1 && c.replicas <= 3 &&
           (c.place == Place::kExt4 || parts[4] == "tmpfs");
  }
  if (good) return c;
  return absl::InvalidArgumentError(absl::StrCat(
      "'", absl::string_view(name.data(), name.size()),
      "' is no case; one is write-4k-qd1-r3-ext4, and write-4k-qd1-r3-ext4-unflushed"));
}

absl::StatusOr<BenchOptions> ParseOptions(const std::vector<std::string>& arguments) {
  BenchOptions options;
  for (const std::string& argument : arguments) {
    const std::vector<std::string> parts = absl::StrSplit(argument, absl::MaxSplits('=', 1));
    const std::string value = parts.size() == 2 ? parts[1] : "";
    bool good = true;
    uint64_t mib = 0;
    if (argument == "--json") {
      options.json = true;
    } else if (argument == "--counters") {
      options.counters = true;
    } else if (parts[0] == "--dir") {
      good = !(options.folder = value).empty();
    } else if (parts[0] == "--volume-mib") {
      good = absl::SimpleAtoi(value, &mib) && mib >= 32 && mib <= uint64_t{1} << 20;
      options.volume_bytes = mib << 20;
    } else if (parts[0] == "--disk-mib") {
      good = absl::SimpleAtoi(value, &mib) && mib >= 512 && mib <= uint64_t{1} << 20;
      options.disk_bytes = mib << 20;
    } else if (parts[0] == "--case") {
      const absl::StatusOr<Case> c = ParseCase(value);
      if (!c.ok()) return c.status();
      options.cases.push_back(*c);
    } else if (parts[0] == "--seconds") {
      good = absl::SimpleAtod(value, &options.seconds) && options.seconds > 0;
    } else if (parts[0] == "--rounds") {
      good = absl::SimpleAtoi(value, &options.rounds) && options.rounds > 0;
    } else if (parts[0] == "--floor") {
      good = !(options.floor_program = value).empty();
    } else {
      good = false;
    }
    if (!good) {
      return absl::InvalidArgumentError(
          absl::StrCat("option '", argument,
                       "' is unknown or wrong: --case=NAME --seconds=S --rounds=N --json "
                       "--floor=PATH --dir=FOLDER --volume-mib=N --disk-mib=N --counters"));
    }
  }
  if (options.cases.empty()) options.cases = GatedCases();
  return options;
}

}  // namespace storpool::bench
