// Runs every lesson of testdata/.
#include "lib/chain/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace storpool::chain {
namespace {

std::vector<std::filesystem::path> Lessons() {
  std::vector<std::filesystem::path> files;
  for (const auto& item : std::filesystem::directory_iterator("lib/chain/testdata")) {
    files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

class Lesson : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Lesson, GoesAsWritten) {
  std::ifstream file(GetParam());
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  EXPECT_EQ(Scenario().Run(text.str()), "");
}

INSTANTIATE_TEST_SUITE_P(Chain, Lesson, testing::ValuesIn(Lessons()),
                         [](const auto& info) { return info.param.stem().string(); });

TEST(ScenarioItself, FindsWhatIsNotAsWritten) {
  EXPECT_NE(Scenario().Run("disks 1\nname a\nsettle\nopen\nexpect a: serving 2 open D=0.0"), "");
  EXPECT_NE(Scenario().Run("disks 1\nname a\n> b adopts 1\n"), "");
}

}  // namespace
}  // namespace storpool::chain
