#include "cli/script.h"

#include "absl/strings/str_cat.h"
#include "cli/execute.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kSpaces = " \t\r\n";

bool IsSpace(char c) { return kSpaces.find(c) != std::string_view::npos; }

// Takes one argument that begins at line[at].
absl::StatusOr<std::string> TakeArgument(std::string_view line, size_t& at) {
  std::string argument;
  char quote = 0;
  for (; at < line.size() && (quote != 0 || !IsSpace(line[at])); ++at) {
    const char c = line[at];
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && at + 1 < line.size()) {
      argument += line[++at];
    } else {
      argument += c;
    }
  }
  if (quote != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the quote ", std::string(1, quote), " does not end"));
  }
  return argument;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitLine(std::string_view line) {
  std::vector<std::string> arguments;
  size_t at = 0;
  for (;;) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at == line.size()) return arguments;
    // Names of volumes may begin with #: only where none can stand it begins a comment.
    const bool alone = at + 1 == line.size() || IsSpace(line[at + 1]);
    if (line[at] == '#' && (arguments.empty() || alone)) return arguments;
    absl::StatusOr<std::string> argument = TakeArgument(line, at);
    if (!argument.ok()) return argument.status();
    arguments.push_back(*std::move(argument));
  }
}

int ExecuteLine(std::string_view line, const Options& options, const std::vector<Command>& commands,
                World& world, const std::string& where) {
  const absl::StatusOr<std::vector<std::string>> arguments = SplitLine(line);
  if (!arguments.ok()) return ReportUsage(arguments.status(), {}, options.form, world, where);
  if (arguments->empty()) return kOk;
  const absl::StatusOr<Options> own = ParseOptions(*arguments, options);
  if (!own.ok()) return ReportUsage(own.status(), {}, options.form, world, where);
  return Execute(*own, commands, SplitWords(own->words), world, where);
}

int RunScript(std::istream& lines, const std::string& name, const Options& options,
              const std::vector<Command>& commands, World& world) {
  int result = kOk;
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    const std::string where = absl::StrCat(name, name.empty() ? "" : ": ", "line ", number, ": ");
    const int code = ExecuteLine(line, options, commands, world, where);
    if (code == kOk) continue;
    if (result == kOk) result = code;
    if (options.batch) break;
  }
  return result;
}

}  // namespace storpool::cli
