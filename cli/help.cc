#include "cli/help.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "cli/options.h"
#include "cli/table.h"

namespace storpool::cli {
namespace {

constexpr size_t kPagesMax = 3;  // more commands than that are shown as lines

std::string Text(std::string_view text) { return std::string(text); }

std::string UsageOf(const Parameter& parameter) {
  std::string text = Text(parameter.word);
  if (!parameter.value.empty()) absl::StrAppend(&text, " ", Text(parameter.value));
  if (!parameter.required) text = absl::StrCat("[", text, "]");
  if (parameter.repeated) text += "...";
  return text;
}

// Whether the words are the beginning of the command; values may be left out, and given only if
// `with_values`.
bool Begins(const Command& command, const std::vector<Word>& words, bool with_values) {
  const std::vector<std::string_view> pattern = PatternWords(command);
  size_t at = 0;
  for (const Word& word : words) {
    if (at < pattern.size() && pattern[at] == word.text) {
      ++at;
      continue;
    }
    const auto literal =
        std::find(pattern.begin() + static_cast<ptrdiff_t>(std::min(at, pattern.size())),
                  pattern.end(), std::string_view(word.text));
    if (literal != pattern.end()) {  // "volume create": the name is left out
      at = static_cast<size_t>(literal - pattern.begin()) + 1;
      continue;
    }
    if (with_values && at < pattern.size() && IsPlaceholder(pattern[at])) {
      ++at;
      continue;
    }
    // Parameters follow the whole pattern; which ones does not matter.
    return at == pattern.size();
  }
  return true;
}

std::string Indented(const std::string& text, size_t indent) {
  std::string result;
  for (const std::string& line : BreakLines(text, kTerminalColumns - indent)) {
    absl::StrAppend(&result, std::string(indent, ' '), line, "\n");
  }
  return result;
}

std::string Lines(const std::vector<const Command*>& commands) {
  std::string text;
  for (const Command* command : commands) {
    const std::string usage = Text(command->pattern);
    constexpr size_t kUsageColumns = 34;
    const std::vector<std::string> summary =
        BreakLines(Text(command->summary), kTerminalColumns - kUsageColumns - 4);
    absl::StrAppend(&text, "  ", usage,
                    usage.size() > kUsageColumns ? "\n" + std::string(kUsageColumns + 2, ' ')
                                                 : std::string(kUsageColumns - usage.size(), ' '));
    for (size_t i = 0; i < summary.size(); ++i) {
      if (i > 0) text += std::string(kUsageColumns + 2, ' ');
      absl::StrAppend(&text, "  ", summary[i], "\n");
    }
  }
  return text;
}

std::string Page(const Command& command) {
  std::string text = Indented(absl::StrCat("storpoolctl ", Usage(command)), 0);
  absl::StrAppend(&text, "\n", Indented(absl::StrCat(Text(command.summary), "."), 2));
  if (!command.details.empty()) absl::StrAppend(&text, "\n", Indented(Text(command.details), 2));
  std::vector<Parameter> all = command.values;
  all.insert(all.end(), command.parameters.begin(), command.parameters.end());
  if (!all.empty()) text += "\n";
  for (const Parameter& parameter : all) {
    std::string name = Text(parameter.word);
    if (!parameter.value.empty() && parameter.value != parameter.word) {
      absl::StrAppend(&name, " ", Text(parameter.value));
    }
    absl::StrAppend(&text, "  ", name, "\n", Indented(Text(parameter.help), 6));
  }
  if (!command.terms.empty()) text += "\n";
  for (const Term& term : command.terms) {
    absl::StrAppend(&text, "  ", Text(term.word), "\n", Indented(Text(term.meaning), 6));
  }
  if (!command.example.empty()) {
    absl::StrAppend(&text, "\n  For example: storpoolctl ", Text(command.example), "\n");
  }
  return text;
}

}  // namespace

std::string Usage(const Command& command) {
  std::string text = Text(command.pattern);
  for (const Parameter& parameter : command.parameters) {
    absl::StrAppend(&text, " ", UsageOf(parameter));
  }
  return text;
}

std::string Overview(const std::vector<Command>& commands) {
  std::vector<const Command*> all;
  for (const Command& command : commands) all.push_back(&command);
  std::string text = "storpoolctl [OPTIONS] WORDS...\n\n";
  absl::StrAppend(&text, Lines(all), "\n  Parameters: storpoolctl help WORDS\n\n");
  for (const OptionText& option : OptionTexts()) {
    absl::StrAppend(&text, "  ", Text(option.option), "\n", Indented(Text(option.help), 6));
  }
  return text;
}

std::string HelpFor(const std::vector<Command>& commands, const std::vector<Word>& words) {
  std::vector<const Command*> found;
  for (const bool with_values : {false, true}) {
    for (const Command& command : commands) {
      if (Begins(command, words, with_values)) found.push_back(&command);
    }
    if (!found.empty()) break;
  }
  if (found.size() > kPagesMax) return Lines(found);
  std::string text;
  for (const Command* command : found) {
    if (!text.empty()) text += "\n";
    text += Page(*command);
  }
  return text;
}

}  // namespace storpool::cli
