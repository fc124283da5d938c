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

// The stream's lag is bounded in bytes, too: a target that does not keep up would cost the source
// all its memory (5.6).
TEST(LongLesson, ATargetThatIsFarBehindIsDropped) {
  const std::string begin = R"(
disks 3
name abc
settle
open
settle
crash c
name ab
settle 900
open
settle
start c
name ab sync=c
settle
open
settle
)";
  const auto streamed = [](int count) {
    std::string text;
    for (int i = 1; i <= count; ++i) {
      text += "write " + std::to_string(i) +
              " at=a block=0 count=256\nrun ab\ndeliver ab\nrun b\ndeliver ba\nrun a\n"
              "deliver bc\nrun c\n";
    }
    return text;
  };
  EXPECT_EQ(
      Scenario().Run(begin + streamed(64) + "expect c: syncing 3 open D=0.0 W=0.0 pending=64\n"),
      "");
  EXPECT_EQ(
      Scenario().Run(begin + streamed(65) + "expect c: syncing 3 open D=0.0 W=0.0 pending=0\n"),
      "");
}

}  // namespace
}  // namespace storpool::chain
