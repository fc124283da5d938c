#include "cli/words.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace storpool::cli {
namespace {

// Insertions, deletions, replacements and swaps of neighbours that make `a` from `b`.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({replace, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::vector<Word> SplitWords(const std::vector<std::string>& arguments) {
  std::vector<Word> words;
  for (const std::string& argument : arguments) {
    const std::vector<std::string> pieces =
        absl::StrSplit(argument, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
    for (const std::string& piece : pieces) words.push_back({piece, piece, 1});
    const bool begins = !pieces.empty() && argument.compare(0, pieces[0].size(), pieces[0]) == 0;
    if (begins) {
      Word& first = words[words.size() - pieces.size()];
      first.argument = argument;
      first.words_of_argument = pieces.size();
    }
  }
  return words;
}

std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates) {
  constexpr size_t kWordBytesMax = 64;  // nothing of ours is near a longer one
  if (word.size() > kWordBytesMax) return "";
  const std::string lower = absl::AsciiStrToLower({word.data(), word.size()});
  std::string_view best;
  size_t best_distance = 3;
  for (const std::string_view candidate : candidates) {
    const std::string other = absl::AsciiStrToLower({candidate.data(), candidate.size()});
    size_t distance = EditDistance(lower, other);
    // The beginning of a word is near it; two thirds of a short word are not.
    if (lower.size() >= 2 && other.compare(0, lower.size(), lower) == 0) distance = 1;
    if (distance >= best_distance || distance * 2 > other.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace storpool::cli
