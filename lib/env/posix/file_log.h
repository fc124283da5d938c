// Log lines to standard error: one write(2) a line, so that lines of several threads and processes
// never mix.
//
//   2026-11-23T00:22:14.123456Z INFO  node: disk 101: opened, incarnation 4
#pragma once

#include <memory>
#include <string_view>

#include "lib/env/log_sink.h"

namespace storpool::env {

class FileLog : public LogSink {
 public:
  // Lines below `lowest` are dropped.
  static std::unique_ptr<FileLog> ToStderr(LogLevel lowest);

  bool Enabled(LogLevel level) const override { return level >= lowest_; }
  void Log(LogLevel level, std::string_view component, std::string_view text) override;

 private:
  explicit FileLog(LogLevel lowest) : lowest_(lowest) {}

  const LogLevel lowest_;
};

}  // namespace storpool::env
