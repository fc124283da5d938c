#include "lib/embed/program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace storpool::embed {
namespace {

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Lines of a terminal, each six columns in.
std::string Indented(const std::string& text) {
  constexpr size_t kColumns = 74;
  std::string lines, line;
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  for (const std::string& word : words) {
    if (!line.empty() && line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&lines, "      ", line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  return absl::StrCat(lines, "      ", line, "\n");
}

// Of the daemon's own flags. Abseil's --help would end with exit code 1.
std::string HelpOfFlags() {
  std::map<std::string, std::string> helps;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "daemons/")) continue;
    const std::string value = flag->DefaultValue();
    std::string& help = helps[std::string(name)];
    help = absl::StrCat(flag->Help(), ".");
    if (!value.empty()) absl::StrAppend(&help, " Default: ", value, ".");
  }
  std::string text;
  for (const auto& [name, help] : helps) {
    absl::StrAppend(&text, "  --", name, "=VALUE\n", Indented(help));
  }
  return text;
}

}  // namespace

Ending::Ending() {
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that file
  signal(SIGPIPE, SIG_IGN);  // so is a pipe that nobody reads: the daemon outlives its log
}

int Ending::Wait() {
  const sigset_t signals = EndingSignals();
  int which = 0;
  sigwait(&signals, &which);
  return failed_ ? 1 : 0;
}

void Ending::Fail(std::string_view reason) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(reason.size()), reason.data());
  failed_ = true;
  kill(getpid(), SIGTERM);
}

void ParseFlags(std::string_view program, std::string_view usage, int argc, char** argv) {
  const bool asks = std::any_of(argv + 1, argv + argc, [](const char* argument) {
    return std::string_view(argument) == "--help";
  });
  if (asks) {
    const std::string text =
        absl::StrCat(std::string(usage), "\n\n", HelpOfFlags(), "  --help\n", "  --version\n");
    std::fputs(text.c_str(), stdout);
    std::exit(0);
  }
  absl::FlagsUsageConfig config;
  config.version_string = [release = absl::StrCat(std::string(program), " ", std::string(kVersion),
                                                  "\n")] { return release; };
  absl::SetFlagsUsageConfig(config);
  absl::SetProgramUsageMessage(std::string(usage));
  const std::vector<char*> left = absl::ParseCommandLine(argc, argv);
  if (left.size() < 2) return;
  std::exit(StartFailed(program, absl::InvalidArgumentError(absl::StrCat(
                                     "\"", left[1], "\" is no flag; a value is one word with its ",
                                     "flag, --flag=VALUE, without blanks; see --help"))));
}

absl::StatusOr<uint16_t> TakeId(std::string_view text, uint16_t min, uint16_t max) {
  const std::string range = absl::StrCat(min, "..", max);
  if (text.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("give --id, or SP_OURID in /etc/storpool.conf: ", range));
  }
  int id = 0;
  if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &id) && id >= min &&
      id <= max) {
    return static_cast<uint16_t>(id);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--id=", std::string(text), " is not in ", range,
                   "; unless it is said, SP_OURID in /etc/storpool.conf stands for it"));
}

absl::Status CheckGiven(std::string_view value, std::string_view flag) {
  if (!value.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("give ", std::string(flag)));
}

absl::StatusOr<env::LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return env::LogLevel::kDebug;
  if (text == "info") return env::LogLevel::kInfo;
  if (text == "warning") return env::LogLevel::kWarning;
  if (text == "error") return env::LogLevel::kError;
  return absl::InvalidArgumentError(absl::StrCat("--log_level=", std::string(text),
                                                 " is none of debug, info, warning and error"));
}

std::vector<std::string> SplitAddresses(std::string_view text) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), absl::ByAnyChar(", \t"),
                        absl::SkipEmpty());
}

std::vector<std::string> SplitPaths(std::string_view text) {
  std::vector<std::string> paths;
  for (const absl::string_view piece :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const absl::string_view path = absl::StripAsciiWhitespace(piece);
    if (!path.empty()) paths.emplace_back(path);
  }
  return paths;
}

int StartFailed(std::string_view program, const absl::Status& why) {
  const std::string text(why.message());
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
               text.c_str());
  return 1;
}

}  // namespace storpool::embed
