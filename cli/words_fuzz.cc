// Any lines as the arguments of a command line, over the real commands: understood, with all that
// the command requires, or an error that can be read; and a word alone in its argument says the
// same as among others.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/parser.h"
#include "cli/words.h"
#include "lib/base/size.h"

namespace storpool::cli {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

bool HasPath(const Command& command) {
  const auto is_path = [](const Parameter& parameter) { return parameter.kind == Kind::kPath; };
  return std::ranges::any_of(command.values, is_path) ||
         std::ranges::any_of(command.parameters, is_path);
}

void CheckUnderstood(const Parsed& parsed, const std::vector<Word>& words) {
  const Command& command = *parsed.command;
  Check(!Usage(command).empty());
  for (const Parameter& parameter : command.parameters) {
    Check(!parameter.required || parsed.arguments.Has(parameter.word));
    if (parameter.kind != Kind::kNumber) continue;
    for (const Arguments::Value& value : parsed.arguments.All(parameter.word)) {
      const bool chosen =
          std::ranges::find(parameter.choices, value.text) != parameter.choices.end();
      Check(chosen || (value.number >= parameter.min && value.number <= parameter.max));
    }
  }
  if (HasPath(command)) return;
  std::vector<std::string> one_by_one;
  for (const Word& word : words) one_by_one.push_back(word.text);
  const std::vector<Command> commands = AllCommands();
  const auto again = Parse(commands, SplitWords(one_by_one));
  Check(again.ok() && again->command->pattern == command.pattern);
}

void CheckSize(std::string_view text) {
  const auto size = ParseSize(text);
  if (!size.ok()) return Check(!size.status().message().empty());
  Check(!FormatSize(*size).empty());
}

void Try(std::string_view input) {
  const absl::string_view text(input.data(), input.size());
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) CheckSize(line);
  const auto options = ParseOptions(lines, Options{});
  if (!options.ok()) return Check(!options.status().message().empty());
  static const std::vector<Command> commands = AllCommands();
  const std::vector<Word> words = SplitWords(options->words);
  const auto parsed = Parse(commands, words);
  if (!parsed.ok()) return Check(!parsed.status().message().empty());
  CheckUnderstood(*parsed, words);
}

}  // namespace
}  // namespace storpool::cli

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  storpool::cli::Try({reinterpret_cast<const char*>(data), size});
  return 0;
}
