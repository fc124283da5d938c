#include "lib/http/path.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace storpool::http {
namespace {

constexpr std::string_view kPrefix = "/ctrl/1.0/";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// "%41" becomes "A"; nothing if a "%" is not followed by two digits, or makes a NUL.
std::optional<std::string> Decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]), low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

absl::Status BadEscape() {
  return absl::InvalidArgumentError("the path has a '%' that is no escape");
}

absl::Status ReadQuery(std::string_view query, Path& path) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    if (!one.starts_with("json=")) continue;
    const std::optional<std::string> value = Decoded(one.substr(5));
    if (!value) return BadEscape();
    path.json = *value;
  }
  return absl::OkStatus();
}

// Takes the first word off `rest` if it is `word`.
bool Take(std::string_view word, std::string_view& rest) {
  if (!rest.starts_with(word) || rest.size() <= word.size() || rest[word.size()] != '/') {
    return false;
  }
  rest.remove_prefix(word.size() + 1);
  return true;
}

absl::Status ReadWords(std::string_view rest, Path& path) {
  while (true) {
    const size_t end = rest.find('/');
    const std::optional<std::string> word = Decoded(rest.substr(0, end));
    if (!word) return BadEscape();
    path.words.push_back(*word);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (path.words.front().empty()) return absl::InvalidArgumentError("the path asks for nothing");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Path> ParsePath(std::string_view target) {
  if (!target.starts_with(kPrefix)) {
    return absl::NotFoundError(absl::StrCat("the API is below ", std::string(kPrefix)));
  }
  Path path;
  const size_t question = target.find('?');
  std::string_view rest = target.substr(0, question).substr(kPrefix.size());
  if (question != std::string_view::npos) {
    if (absl::Status s = ReadQuery(target.substr(question + 1), path); !s.ok()) return s;
  }
  if (Take("RemoteCommand", rest)) {
    const std::optional<std::string> cluster = Decoded(rest.substr(0, rest.find('/')));
    if (!cluster) return BadEscape();
    if (cluster->empty()) return absl::InvalidArgumentError("RemoteCommand/ names no cluster");
    path.remote_cluster = *cluster;
    const size_t end = rest.find('/');
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  path.multi_cluster = Take("MultiCluster", rest);
  path.all_clusters = Take("AllClusters", rest);
  if (absl::Status s = ReadWords(rest, path); !s.ok()) return s;
  return path;
}

}  // namespace storpool::http
