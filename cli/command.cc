#include "cli/command.h"

#include <algorithm>
#include <cctype>

#include "lib/base/check.h"

namespace storpool::cli {

std::string Arguments::Text(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? std::string() : it->second.front().text;
}

uint64_t Arguments::Number(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? 0 : it->second.front().number;
}

std::vector<Arguments::Value> Arguments::All(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? std::vector<Value>() : it->second;
}

std::vector<std::string_view> PatternWords(const Command& command) {
  std::vector<std::string_view> words;
  std::string_view rest = command.pattern;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    words.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return words;
}

bool IsOptional(std::string_view word) { return word.starts_with("["); }

bool IsRepeated(std::string_view word) { return word.ends_with("..."); }

std::string_view PlaceholderName(std::string_view word) {
  if (IsOptional(word)) return word.substr(1, word.size() - 2);
  return IsRepeated(word) ? word.substr(0, word.size() - 3) : word;
}

bool IsPlaceholder(std::string_view word) {
  SP_CHECK(!word.empty());
  const char first = word[IsOptional(word) ? 1 : 0];
  return first >= 'A' && first <= 'Z';
}

Parameter ValueOf(const Command& command, std::string_view placeholder) {
  const auto it = std::ranges::find(command.values, placeholder, &Parameter::word);
  if (it != command.values.end()) return *it;
  return {.word = placeholder, .value = placeholder, .help = ""};
}

}  // namespace storpool::cli
