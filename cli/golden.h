// Text compared with a file beside the test. `bazel run //cli:NAME_test` in a workspace writes the
// files anew instead; look at the difference before you commit it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace storpool::cli {

inline std::string GoldenText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void ExpectGolden(const std::string& path, const std::string& text) {
  if (const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY")) {
    std::ofstream(std::string(workspace) + "/" + path, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text, GoldenText(path)) << "differs from " << path;
}

}  // namespace storpool::cli
