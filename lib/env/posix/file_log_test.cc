#include "lib/env/posix/file_log.h"

#include <filesystem>
#include <fstream>
#include <regex>

#include "gtest/gtest.h"

namespace storpool::env {
namespace {

TEST(FileLogTest, WritesLinesWithTimeLevelAndComponent) {
  const std::string path = testing::TempDir() + "/file_log_test.log";
  std::filesystem::remove(path);
  for (int run = 0; run < 2; ++run) {
    auto log = FileLog::ToFile(path, LogLevel::kInfo);
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_FALSE((*log)->Enabled(LogLevel::kDebug));
    (*log)->Log(LogLevel::kDebug, "node", "dropped");
    (*log)->Log(LogLevel::kWarning, "node", "disk 3:\nslow");
  }
  std::ifstream file(path);
  std::string line;
  const std::regex form(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z WARN  node: disk 3: slow)");
  int lines = 0;
  for (; std::getline(file, line); ++lines) EXPECT_TRUE(std::regex_match(line, form)) << line;
  EXPECT_EQ(lines, 2);
}

TEST(FileLogTest, NamesAFileThatCannotBeWritten) {
  const auto log = FileLog::ToFile("/nowhere/log", LogLevel::kInfo);
  EXPECT_NE(log.status().message().find("/nowhere/log"), absl::string_view::npos);
}

}  // namespace
}  // namespace storpool::env
