#include "lib/base/size.h"

#include <cstddef>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace storpool {
namespace {

constexpr std::string_view kUnits = "KMGTP";

absl::Status NotASize(std::string_view text, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(text), "\" is no size: ", why,
      "; write a number of bytes, or one with K, M, G, T or P (binary units), such as 100G"));
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  uint64_t number = 0;
  if (digits == 0) return NotASize(text, "it does not begin with a digit");
  if (!absl::SimpleAtoi(absl::string_view(text.data(), digits), &number)) {
    return NotASize(text, "it is too large");
  }
  std::string unit =
      absl::AsciiStrToUpper(absl::string_view(text.data() + digits, text.size() - digits));
  if (unit.size() == 3 && unit.substr(1) == "IB") unit.resize(1);
  if (unit.size() == 2 && unit[1] == 'B') unit.resize(1);
  if (unit.empty() || unit == "B") return number;
  const size_t power = kUnits.find(unit[0]);
  if (unit.size() != 1 || power == std::string_view::npos) return NotASize(text, "unknown unit");
  const uint64_t factor = uint64_t{1} << (10 * (power + 1));
  if (number > std::numeric_limits<uint64_t>::max() / factor) {
    return NotASize(text, "it is too large");
  }
  return number * factor;
}

std::string FormatSize(uint64_t size_bytes) {
  if (size_bytes < 1024) return absl::StrCat(size_bytes, " B");
  size_t power = 1;
  while (power < kUnits.size() && size_bytes >> (10 * (power + 1)) != 0) ++power;
  // 1023.96 of a unit rounds to 1024 of it: that is one of the next.
  double value = static_cast<double>(size_bytes) / static_cast<double>(uint64_t{1} << (10 * power));
  if (value >= 1023.5 && power < kUnits.size()) {
    value /= 1024;
    ++power;
  }
  const bool exact = size_bytes % (uint64_t{1} << (10 * power)) == 0;
  const int decimals = exact || value >= 99.95 ? 0 : 1;
  return absl::StrFormat("%.*f %ciB", decimals, value, kUnits[power - 1]);
}

}  // namespace storpool
