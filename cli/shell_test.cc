// The interactive shell and completion, without a terminal.
#include "cli/shell.h"

#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/execute.h"

namespace storpool::cli {
namespace {

class NoEntropy : public env::Entropy {
 public:
  void Fill(std::span<uint8_t>) override {}
};

class ScriptedEditor : public LineEditor {
 public:
  explicit ScriptedEditor(std::vector<std::string> lines) : lines_(std::move(lines)) {}
  std::optional<std::string> ReadLine(const std::string& prompt, const Complete&) override {
    prompt_ = prompt;
    if (at_ == lines_.size()) return std::nullopt;
    return lines_[at_++];
  }
  const std::vector<std::string> lines_;
  size_t at_ = 0;
  std::string prompt_;
};

class Shell : public testing::Test {
 protected:
  World world_{.in = in_,
               .out = out_,
               .err = err_,
               .settings = {},
               .entropy = entropy_,
               .connect = nullptr,
               .now_seconds = nullptr,
               .sleep = nullptr,
               .open_editor = nullptr};
  std::istringstream in_;
  std::ostringstream out_, err_;
  NoEntropy entropy_;
};

std::vector<std::string> SomeNames(Names names) {
  switch (names) {
    case Names::kVolumes:
      return {"db1", "db2", "web"};
    case Names::kSnapshots:
      return {"golden"};
    case Names::kTemplates:
      return {"hybrid", "three"};
    case Names::kPlacementGroups:
      return {"hdd", "ssd"};
    case Names::kDisks:
      return {"101", "201"};
    case Names::kClients:
      return {"1", "12"};
  }
  return {};
}

std::string After(const std::string& line) {
  static const std::vector<Command> commands = AllCommands();
  return absl::StrJoin(CompletionsOfLine(line, commands, SomeNames), " ");
}

TEST_F(Shell, PromptIsStorPoolsOrTheSettings) {
  EXPECT_EQ(PromptOf(world_), "StorPool> ");
  world_.settings = {{"SP_CLI_PROMPT", "sp ${SP_CLUSTER_NAME} ${SP_NONE}  "},
                     {"SP_CLUSTER_NAME", "sofia"}};
  EXPECT_EQ(PromptOf(world_), "sp sofia> ");
  world_.settings = {{"SP_CLI_PROMPT", "a ${b"}};
  EXPECT_EQ(PromptOf(world_), "a ${b> ");
}

TEST_F(Shell, RunsLinesUntilItIsToldToEnd) {
  const std::vector<Command> commands = AllCommands();
  ScriptedEditor editor({"", "nothing", "help volume list", " quit ", "help"});
  EXPECT_EQ(RunShell(editor, {}, commands, world_), kOk);
  EXPECT_EQ(editor.at_, 4u);
  EXPECT_EQ(editor.prompt_, "StorPool> ");
  EXPECT_NE(out_.str().find("List the volumes"), std::string::npos);
  EXPECT_EQ(err_.str().find("Error: invalidParam: nothing:"), 0u) << err_.str();
  ScriptedEditor ended({"nothing"});
  EXPECT_EQ(RunShell(ended, {}, commands, world_), kUsage);
}

TEST(Completion, KnowsTheWords) {
  EXPECT_EQ(After("v"), "volume");
  EXPECT_EQ(After("help pl"), "placementGroup");
  EXPECT_EQ(After("he"), "help");
  EXPECT_EQ(After("volume db1 fr"), "freeze");
  EXPECT_EQ(After("volume db1 create te"), "template");
  EXPECT_EQ(After("attach mo"), "mode");
  EXPECT_EQ(After("attach mode "), "ro rw");
  EXPECT_EQ(After("volume db1 rebase "), "base");
  EXPECT_EQ(After("disk 101 softEject p"), "pause");
  EXPECT_EQ(After("volume db1 update reu"), "reuseServer");
  EXPECT_EQ(After("-j volume usedSp"), "usedSpace");
  EXPECT_EQ(After("volume list --wa"), "--watch");
  EXPECT_EQ(After("--f"), "--file=");
  EXPECT_EQ(After("nothing here "), "");
  EXPECT_EQ(After("volume 'db"), "");
}

TEST(Completion, KnowsTheNames) {
  EXPECT_EQ(After("volume d"), "db1 db2");
  EXPECT_EQ(After("volume db1 delete "), "db1");
  EXPECT_EQ(After("volume db1 create template "), "hybrid three");
  EXPECT_EQ(After("volume db1 create parent "), "golden");
  EXPECT_EQ(After("volume db1 create baseOn w"), "web");
  EXPECT_EQ(After("volume db1 rename "), "");
  EXPECT_EQ(After("volume db1 snapshot g"), "");  // a new name
  EXPECT_EQ(After("volume db1 revert "), "golden");
  EXPECT_EQ(After("volume groupSnapshot db1 "),
            "bound db1 db2 deleteAfter tag targetDeleteDate web");
  EXPECT_EQ(After("snapshot g"), "golden");
  EXPECT_EQ(After("template h"), "hybrid");
  EXPECT_EQ(After("template t create placeTail "), "hdd ssd");
  EXPECT_EQ(After("placementGroup s"), "ssd");
  EXPECT_EQ(After("placementGroup ssd addDisk "), "101 201");
  EXPECT_EQ(After("disk 2"), "201");
  EXPECT_EQ(After("attach volume db1 client 1"), "1 12");
  EXPECT_EQ(After("detach client a"), "all");
}

}  // namespace
}  // namespace storpool::cli
