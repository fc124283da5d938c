#include "lib/env/posix/file_log.h"

#include <regex>
#include <string>

#include "gtest/gtest.h"

namespace storpool::env {
namespace {

TEST(FileLogTest, WritesLinesWithTimeLevelAndComponent) {
  testing::internal::CaptureStderr();
  const auto log = FileLog::ToStderr(LogLevel::kInfo);
  EXPECT_FALSE(log->Enabled(LogLevel::kDebug));
  log->Log(LogLevel::kDebug, "node", "dropped");
  log->Log(LogLevel::kWarning, "node", "disk 3:\nslow");
  const std::string text = testing::internal::GetCapturedStderr();
  const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z WARN  node: disk 3: slow\n)");
  EXPECT_TRUE(std::regex_match(text, form)) << text;
}

}  // namespace
}  // namespace storpool::env
