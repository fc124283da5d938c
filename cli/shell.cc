#include "cli/shell.h"

#include "absl/strings/ascii.h"
#include "cli/execute.h"
#include "cli/names.h"
#include "cli/script.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kPrompt = "StorPool";

}  // namespace

std::string PromptOf(const World& world) {
  const std::string set = world.Setting("SP_CLI_PROMPT");
  const std::string pattern = set.empty() ? std::string(kPrompt) : set;
  std::string text;
  for (size_t at = 0; at < pattern.size();) {
    const size_t end =
        pattern.compare(at, 2, "${") == 0 ? pattern.find('}', at) : std::string::npos;
    if (end == std::string::npos) {
      text += pattern[at++];
      continue;
    }
    text += world.Setting(pattern.substr(at + 2, end - at - 2));
    at = end + 1;
  }
  return std::string(absl::StripTrailingAsciiWhitespace(text)) + "> ";
}

std::vector<std::string> CompletionsOfLine(const std::string& line,
                                           const std::vector<Command>& commands,
                                           const NameSource& names) {
  const size_t space = line.find_last_of(" \t");
  const size_t at = space == std::string::npos ? 0 : space + 1;
  const absl::StatusOr<std::vector<std::string>> before = SplitLine(line.substr(0, at));
  if (!before.ok()) return {};
  const absl::StatusOr<Options> options = ParseOptions(*before, {});
  if (!options.ok()) return {};
  return Completions(commands, SplitWords(options->words), line.substr(at), names);
}

int RunShell(LineEditor& editor, const Options& options, const std::vector<Command>& commands,
             World& world) {
  AdminClient admin(options.metadata, world.connect);
  const NameSource names = NamesOf(admin);
  const auto complete = [&](const std::string& line) {
    return CompletionsOfLine(line, commands, names);
  };
  const std::string prompt = PromptOf(world);
  int code = kOk;
  while (const std::optional<std::string> line = editor.ReadLine(prompt, complete)) {
    const std::string said(absl::StripAsciiWhitespace(*line));
    if (said == "exit" || said == "quit") break;
    if (said.empty()) continue;
    code = ExecuteLine(said, options, commands, world, "");
  }
  return code;
}

}  // namespace storpool::cli
