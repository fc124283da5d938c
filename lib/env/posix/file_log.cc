#include "lib/env/posix/file_log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>

#include "absl/strings/str_cat.h"

namespace storpool::env {
namespace {

const char* Name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO ";
    case LogLevel::kWarning:
      return "WARN ";
    case LogLevel::kError:
      return "ERROR";
  }
  return "?";
}

}  // namespace

std::unique_ptr<FileLog> FileLog::ToStderr(LogLevel lowest) {
  return std::unique_ptr<FileLog>(new FileLog(lowest));
}

void FileLog::Log(LogLevel level, std::string_view component, std::string_view text) {
  if (!Enabled(level)) return;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm date;
  gmtime_r(&now.tv_sec, &date);
  char stamp[40];
  const size_t length = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &date);
  std::snprintf(stamp + length, sizeof stamp - length, ".%06ldZ ", now.tv_nsec / 1000);
  std::string line = absl::StrCat(stamp, Name(level), " ");
  line.append(component).append(": ").append(text);
  // One line is one line, whatever a peer or a file name put into it.
  std::replace(line.begin(), line.end(), '\n', ' ');
  line.push_back('\n');
  // A log that cannot be written must not stop the service.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace storpool::env
