#include "cli/values.h"

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/size.h"

namespace storpool::cli {
namespace {

constexpr uint64_t kDurationSecondsMax = uint64_t{100} * 365 * 86400;

uint64_t SecondsOf(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return 0;
  }
}

std::string Choices(const Parameter& parameter) {
  return absl::StrJoin(parameter.choices, ", ", [](std::string* out, std::string_view word) {
    out->append(word.data(), word.size());
  });
}

absl::Status NotUnderstood(const Parameter& parameter, std::string_view text,
                           const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", std::string(text),
                                                 "\" is not understood for ",
                                                 std::string(parameter.word), ": ", what));
}

absl::StatusOr<uint64_t> ParseNumber(const Parameter& parameter, std::string_view text) {
  uint64_t number = 0;
  if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) &&
      number >= parameter.min && number <= parameter.max) {
    return number;
  }
  const bool bounded = parameter.max != std::numeric_limits<uint64_t>::max();
  return NotUnderstood(
      parameter, text,
      absl::StrCat("a number",
                   bounded ? absl::StrCat(" from ", parameter.min, " to ", parameter.max) : "",
                   parameter.choices.empty() ? "" : " or " + Choices(parameter)));
}

absl::StatusOr<uint64_t> NumberOf(const Parameter& parameter, std::string_view text) {
  switch (parameter.kind) {
    case Kind::kNumber:
      return ParseNumber(parameter, text);
    case Kind::kSize:
      return ParseSize(text);
    case Kind::kBandwidth:
      return ParseBandwidth(text);
    case Kind::kDuration:
      return ParseDuration(text);
    case Kind::kMoment:
      return ParseMoment(text);
    case Kind::kFlag:
    case Kind::kText:
    case Kind::kPath:
    case Kind::kRest:
    case Kind::kTag:
    case Kind::kChoice:
      break;
  }
  return 0;
}

std::string RestOf(const std::vector<Word>& words, size_t& at) {
  std::string text;
  for (; at < words.size(); ++at) absl::StrAppend(&text, text.empty() ? "" : " ", words[at].text);
  return text;
}

}  // namespace

absl::StatusOr<uint64_t> ParseDuration(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const uint64_t unit = digits == text.size() ? 1 : SecondsOf(text[digits]);
  uint64_t number = 0;
  if (digits == 0 || text.size() > digits + 1 || unit == 0 ||
      !absl::SimpleAtoi(absl::string_view(text.data(), digits), &number) ||
      number > kDurationSecondsMax / unit) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text),
                     "\" is no time: write a number of seconds, or one with s, m, h or d, such as "
                     "7d; 100 years at most"));
  }
  return number * unit;
}

absl::StatusOr<uint64_t> ParseMoment(std::string_view text) {
  uint64_t seconds = 0;
  if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &seconds)) return seconds;
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"}) {
    absl::Time time;
    std::string why;
    if (absl::ParseTime(format, absl::string_view(text.data(), text.size()), absl::UTCTimeZone(),
                        &time, &why) &&
        time >= absl::UnixEpoch()) {
      return static_cast<uint64_t>(absl::ToUnixSeconds(time));
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text),
                   "\" is no moment: write seconds since 1970, or such as 2026-12-31T18:30 (UTC)"));
}

std::string FormatMoment(int64_t seconds) {
  if (seconds == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

absl::StatusOr<uint64_t> ParseBandwidth(std::string_view text) {
  const bool plain =
      !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  absl::StatusOr<uint64_t> bytes = ParseSize(plain ? std::string(text) + "M" : std::string(text));
  if (bytes.ok()) return bytes;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text),
                   "\" is no bandwidth: write a number of MB/s, or one with K, M or G, such as "
                   "50M; - for no limit"));
}

absl::StatusOr<Arguments::Value> ReadValue(const Parameter& parameter,
                                           const std::vector<Word>& words, size_t& at) {
  const Word& word = words[at];
  if (parameter.kind == Kind::kPath) {
    at += word.words_of_argument;
    return Arguments::Value{word.argument};
  }
  if (parameter.kind == Kind::kRest) return Arguments::Value{RestOf(words, at)};
  ++at;
  if (std::ranges::find(parameter.choices, word.text) != parameter.choices.end()) {
    return Arguments::Value{word.text};
  }
  if (parameter.kind == Kind::kChoice) {
    return NotUnderstood(parameter, word.text, "one of " + Choices(parameter));
  }
  if (parameter.kind == Kind::kTag && word.text.find('=', 1) == std::string::npos) {
    return NotUnderstood(parameter, word.text,
                         "NAME=VALUE, without spaces; NAME= takes the tag away");
  }
  const absl::StatusOr<uint64_t> number = NumberOf(parameter, word.text);
  if (!number.ok()) return number.status();
  return Arguments::Value{word.text, *number};
}

}  // namespace storpool::cli
