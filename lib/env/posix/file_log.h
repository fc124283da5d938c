// Log lines to standard error or to a file: one write(2) a line, so that lines of several threads
// and processes never mix.
//
//   2026-11-23T00:22:14.123456Z INFO  node: disk 101: opened, incarnation 4
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/env/log_sink.h"

namespace storpool::env {

class FileLog : public LogSink {
 public:
  // Lines below `lowest` are dropped.
  static std::unique_ptr<FileLog> ToStderr(LogLevel lowest);
  // Appends to `path`; made if there is none. Errors name it.
  static absl::StatusOr<std::unique_ptr<FileLog>> ToFile(const std::string& path, LogLevel lowest);
  ~FileLog() override;

  bool Enabled(LogLevel level) const override { return level >= lowest_; }
  void Log(LogLevel level, std::string_view component, std::string_view text) override;

 private:
  FileLog(int fd, bool owned, LogLevel lowest) : fd_(fd), owned_(owned), lowest_(lowest) {}

  const int fd_;
  const bool owned_;
  const LogLevel lowest_;
};

}  // namespace storpool::env
