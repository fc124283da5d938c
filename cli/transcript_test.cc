// Every command against a cluster that answers the same always: what it asks ("> "), what it
// prints, what it complains ("! "), and its exit code where that is not 0 ("= "). The transcripts
// are the input too: each line that begins with "$ storpoolctl" is run.
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/fake_admin.h"
#include "cli/golden.h"
#include "cli/help.h"
#include "cli/run.h"

namespace storpool::cli {
namespace {

class CountingEntropy : public env::Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& byte : bytes) byte = ++last_;
  }

 private:
  uint8_t last_ = 0;
};

class Transcript : public testing::Test {
 protected:
  Transcript() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
  }

  int RunArguments(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    World world{.out = out_,
                .err = err_,
                .err_is_terminal = false,
                .metadata = "",
                .entropy = entropy_,
                .connect =
                    [this](const std::string& address) {
                      connected_.push_back(address);
                      return server_->InProcessChannel({});
                    },
                .now_seconds = [] { return FakeAdmin::kNowSeconds; },
                .sleep = [this](int64_t seconds) { slept_.push_back(seconds); }};
    return cli::Run(arguments, world);
  }

  // One command line and all that comes of it.
  std::string Enact(const std::string& line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    const int code = RunArguments({words.begin() + 2, words.end()});
    std::string text = line + "\n";
    for (const std::string& request : admin_.TakeRequests()) text += "> " + request + "\n";
    text += out_.str();
    const std::vector<std::string> errors = absl::StrSplit(err_.str(), '\n', absl::SkipEmpty());
    for (const std::string& error : errors) text += "! " + error + "\n";
    if (code != 0) text += "= " + std::to_string(code) + "\n";
    return text;
  }

  void Replay(const std::string& path) {
    const std::vector<std::string> lines = absl::StrSplit(GoldenText(path), '\n');
    std::string text;
    for (const std::string& line : lines) {
      if (line.compare(0, 14, "$ storpoolctl ") == 0) {
        text += (text.empty() ? "" : "\n") + Enact(line);
      }
    }
    ASSERT_FALSE(text.empty()) << path;
    ExpectGolden(path, text);
  }

  FakeAdmin admin_;
  std::unique_ptr<grpc::Server> server_;
  CountingEntropy entropy_;
  std::ostringstream out_, err_;
  std::vector<std::string> connected_;
  std::vector<int64_t> slept_;
};

TEST_F(Transcript, Cluster) { Replay("cli/testdata/cluster.txt"); }
TEST_F(Transcript, Disks) { Replay("cli/testdata/disks.txt"); }
TEST_F(Transcript, PlacementGroups) { Replay("cli/testdata/placement_groups.txt"); }
TEST_F(Transcript, Templates) { Replay("cli/testdata/templates.txt"); }
TEST_F(Transcript, Volumes) { Replay("cli/testdata/volumes.txt"); }
TEST_F(Transcript, Attachments) { Replay("cli/testdata/attachments.txt"); }
TEST_F(Transcript, Help) { Replay("cli/testdata/help.txt"); }

TEST_F(Transcript, AnUnhealthyClusterSaysWhy) {
  admin_.healthy = false;
  EXPECT_EQ(Enact("$ storpoolctl status"),
            "$ storpoolctl status\n> Status\n"
            "cluster sofia.one not healthy: 2/3 nodes up; node 3 is down: start it\n"
            "  64 chains of template three lack a mirror: disks 301\n");
}

TEST_F(Transcript, ABackupIsAFileThatIsNeverOverwritten) {
  const std::string path = testing::TempDir() + "/back up";
  std::remove(path.c_str());
  EXPECT_EQ(RunArguments({"metadata", "backup", path}), kOk) << err_.str();
  EXPECT_EQ(GoldenText(path), "first second");
  EXPECT_EQ(RunArguments({"metadata", "backup", path}), kFailed);
  EXPECT_EQ(GoldenText(path), "first second");
}

TEST_F(Transcript, BatchModeTriesTransientErrorsAgain) {
  admin_.unreachable_times = 2;
  EXPECT_EQ(RunArguments({"-B", "volume", "list"}), kOk);
  EXPECT_EQ(slept_, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(RunArguments({"-B", "detach volume busy client 1"}), kFailed);
  EXPECT_EQ(slept_, (std::vector<int64_t>{1, 2, 1, 2, 4, 8, 16}));
  slept_.clear();
  EXPECT_EQ(RunArguments({"-B", "volume missing info"}), kDoesNotExist);
  EXPECT_EQ(RunArguments({"detach volume busy client 1"}), kFailed);
  EXPECT_TRUE(slept_.empty());
}

TEST_F(Transcript, TheNextAddressIsAskedIfOneDoesNotAnswer) {
  admin_.unreachable_times = 1;
  EXPECT_EQ(RunArguments({"--metadata=a:1,b:2", "status"}), kOk);
  EXPECT_EQ(connected_, (std::vector<std::string>{"a:1", "b:2"}));
  admin_.unreachable_times = 2;
  EXPECT_EQ(RunArguments({"--metadata=a:1,b:2", "status"}), kFailed);
  EXPECT_NE(err_.str().find("a:1, b:2 cannot be reached"), std::string::npos) << err_.str();
}

TEST(ManPage, IsWhatTheTableOfCommandsSays) {
  ExpectGolden("docs/man/storpoolctl.8", ManPage(AllCommands()));
}

TEST(Guide, NamesEveryCommand) {
  const std::string guide = GoldenText("docs/cli.md");
  for (const Command& command : AllCommands()) {
    EXPECT_NE(guide.find(std::string(command.pattern)), std::string::npos)
        << "docs/cli.md lacks " << command.pattern;
  }
}

TEST(Commands, EachHasHelp) {
  for (const Command& command : AllCommands()) {
    EXPECT_FALSE(command.summary.empty()) << command.pattern;
    EXPECT_NE(command.summary.back(), '.') << command.pattern;
    for (const Parameter& parameter : command.parameters) {
      EXPECT_FALSE(parameter.help.empty()) << command.pattern << ": " << parameter.word;
    }
  }
}

}  // namespace
}  // namespace storpool::cli
