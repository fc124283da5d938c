// Where a component's log lines go. Lines say what happened to which named thing and, for
// warnings and errors, what to do about it.
#pragma once

#include <string_view>

namespace storpool::env {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual bool Enabled(LogLevel level) const = 0;
  // Any thread.
  virtual void Log(LogLevel level, std::string_view component, std::string_view text) = 0;
};

}  // namespace storpool::env
