#include "lib/embed/program.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
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

}  // namespace

Ending::Ending() {
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that file
  signal(SIGPIPE, SIG_IGN);  // so is a pipe that nobody reads: the daemon outlives its log
  // --help shows the daemon's own flags; Abseil's rule wants the file named as the program.
  absl::FlagsUsageConfig usage;
  usage.contains_help_flags = [](absl::string_view file) {
    return absl::StrContains(file, "daemons/");
  };
  absl::SetFlagsUsageConfig(usage);
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

absl::StatusOr<env::LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return env::LogLevel::kDebug;
  if (text == "info") return env::LogLevel::kInfo;
  if (text == "warning") return env::LogLevel::kWarning;
  if (text == "error") return env::LogLevel::kError;
  return absl::InvalidArgumentError(absl::StrCat("--log_level=", std::string(text),
                                                 " is none of debug, info, warning and error"));
}

std::vector<std::string> SplitList(std::string_view text) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), ',', absl::SkipEmpty());
}

int StartFailed(std::string_view program, const absl::Status& why) {
  const std::string text(why.message());
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
               text.c_str());
  return 1;
}

}  // namespace storpool::embed
