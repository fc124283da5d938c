#include "lib/sim/site.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace storpool::sim {

void LogBook::Add(std::string_view process, std::string_view text) {
  std::string line = absl::StrFormat("%10.6f ", static_cast<double>(world_.now().nanos()) / 1e9);
  line.append(process).append(": ").append(text);
  if (verbose_) {
    std::fprintf(stderr, "%s\n", line.c_str());
    return;
  }
  last_.push_back(std::move(line));
  if (last_.size() > kKept) last_.pop_front();
}

void ProcessLog::Log(env::LogLevel level, std::string_view component, std::string_view text) {
  static constexpr const char* kNames[] = {"debug", "info", "WARNING", "ERROR"};
  std::string line = absl::StrCat(kNames[static_cast<int>(level)], " ");
  line.append(component).append(": ").append(text);
  book_.Add(process_, line);
}

}  // namespace storpool::sim
