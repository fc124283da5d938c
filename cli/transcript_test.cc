// Every command against a cluster that answers the same always: what it asks ("> "), what it
// prints, what it complains ("! "), and its exit code where that is not 0 ("= "). The transcripts
// are the input too: each line that begins with "$ storpoolctl" is run.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <streambuf>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/fake_admin.h"
#include "cli/golden.h"
#include "cli/help.h"
#include "cli/run.h"
#include "cli/script.h"

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

std::shared_ptr<grpc::Channel> ChannelTo(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

class Transcript : public testing::Test {
 protected:
  Transcript() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&admin_);
    server_ = builder.BuildAndStart();
  }

  int RunArguments(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    std::istringstream in(in_);
    World world{.in = in,
                .out = out_,
                .err = err_,
                .in_is_terminal = in_is_terminal_,
                .out_is_terminal = out_is_terminal_,
                .err_is_terminal = in_is_terminal_,
                .columns = kTerminalColumns,
                .settings = settings_,
                .entropy = entropy_,
                .connect =
                    [this](const std::string& address) {
                      connected_.push_back(address);
                      return ChannelTo(port_);
                    },
                .now_seconds = [] { return FakeAdmin::kNowSeconds; },
                .sleep = [this](int64_t seconds) { slept_.push_back(seconds); },
                .open_editor = nullptr};
    return cli::Run(arguments, world);
  }

  // One command line and all that comes of it.
  std::string Enact(const std::string& line) {
    const absl::StatusOr<std::vector<std::string>> words = SplitLine(line.substr(14));
    EXPECT_TRUE(words.ok()) << line;
    const int code = RunArguments(*words);
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
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  CountingEntropy entropy_;
  std::map<std::string, std::string> settings_ = {{"SP_OURID", "12"}};
  std::string in_;
  bool in_is_terminal_ = false, out_is_terminal_ = false;
  std::ostringstream out_, err_;
  std::vector<std::string> connected_;
  std::vector<int64_t> slept_;
};

TEST_F(Transcript, Cluster) { Replay("cli/testdata/cluster.txt"); }
TEST_F(Transcript, Disks) { Replay("cli/testdata/disks.txt"); }
TEST_F(Transcript, PlacementGroups) { Replay("cli/testdata/placement_groups.txt"); }
TEST_F(Transcript, Templates) { Replay("cli/testdata/templates.txt"); }
TEST_F(Transcript, Volumes) { Replay("cli/testdata/volumes.txt"); }
TEST_F(Transcript, Snapshots) { Replay("cli/testdata/snapshots.txt"); }
TEST_F(Transcript, Relocator) { Replay("cli/testdata/relocator.txt"); }
TEST_F(Transcript, Attachments) { Replay("cli/testdata/attachments.txt"); }
TEST_F(Transcript, Help) { Replay("cli/testdata/help.txt"); }
TEST_F(Transcript, StorPoolsWordsForWhatIsNotHere) { Replay("cli/testdata/absent.txt"); }

TEST_F(Transcript, AnUnhealthyClusterSaysWhy) {
  admin_.healthy = false;
  EXPECT_EQ(Enact("$ storpoolctl status"),
            "$ storpoolctl status\n> Status\n"
            "cluster sofia.one not healthy: 2/3 nodes up; node 3 is down: start it\n"
            "  64 chains of template three lack a mirror: disks 301\n");
}

TEST_F(Transcript, StatusSaysWhatWasAlarmingInTheLastDay) {
  admin_.alarms = 12;
  admin_.alarm_minutes = 60;
  ASSERT_EQ(RunArguments({"status"}), kOk) << err_.str();
  const std::string text = out_.str();
  EXPECT_NE(text.find("up, 1 volume\n"
                      "  alarm: 2026-11-18 01:06:40 node 3: disk 301 failed: attempt 3\n"),
            std::string::npos)
      << text;
  EXPECT_TRUE(
      text.ends_with("  alarm: 2026-11-18 10:06:40 node 3: disk 301 failed: attempt 12\n"
                     "  and 2 before; status -j has all\n"))
      << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 12);
  ASSERT_EQ(RunArguments({"-j", "status"}), kOk);
  EXPECT_NE(out_.str().find("{\"time\":1794996400,\"from\":\"node 3\",\"text\":\"disk 301 failed: "
                            "attempt 12\"}]"),
            std::string::npos)
      << out_.str();
  EXPECT_NE(out_.str().find("attempt 1\""), std::string::npos) << out_.str();
  admin_.alarm_minutes = 24 * 60;
  ASSERT_EQ(RunArguments({"status"}), kOk);
  EXPECT_EQ(out_.str().find("alarm"), std::string::npos) << out_.str();
}

TEST_F(Transcript, CountsThatLackSomethingSaySoInEveryForm) {
  admin_.not_counted = "node 2 did not answer";
  const std::string line = "not everything stored is counted: node 2 did not answer\n";
  for (const char* words :
       {"volume usedSpace", "snapshot space", "volume status", "volume db1 status"}) {
    ASSERT_EQ(RunArguments({words}), kOk) << words;
    EXPECT_TRUE(out_.str().ends_with(line)) << out_.str();
    EXPECT_EQ(err_.str(), "") << words;
    ASSERT_EQ(RunArguments({"-j", words}), kOk) << words;
    EXPECT_TRUE(out_.str().ends_with("],\"missing\":\"node 2 did not answer\"}\n")) << out_.str();
    for (const char* form : {"-c", "-r"}) {
      ASSERT_EQ(RunArguments({form, words}), kOk) << words;
      EXPECT_EQ(out_.str().find("not everything"), std::string::npos) << out_.str();
      EXPECT_EQ(err_.str(), line) << words;
    }
  }
}

TEST_F(Transcript, ABackupIsAFileThatIsNeverOverwritten) {
  const std::string path = testing::TempDir() + "/back up";
  std::remove(path.c_str());
  EXPECT_EQ(RunArguments({"metadata", "backup", path}), kOk) << err_.str();
  EXPECT_EQ(GoldenText(path), "first second");
  EXPECT_EQ(RunArguments({"metadata", "backup", path}), kFailed);
  EXPECT_EQ(GoldenText(path), "first second");
}

TEST_F(Transcript, ABackupIsForItsOwnerOnly) {
  using std::filesystem::perms;
  const std::string path = testing::TempDir() + "/secret";
  std::filesystem::remove(path);
  // Of an earlier try, and readable by all.
  std::ofstream(path + ".unfinished") << "half";
  std::filesystem::permissions(path + ".unfinished", perms(0644));
  const mode_t before = umask(0);
  EXPECT_EQ(RunArguments({"metadata", "backup", path}), kOk) << err_.str();
  umask(before);
  EXPECT_EQ(std::filesystem::status(path).permissions(), perms(0600));
  EXPECT_EQ(GoldenText(path), "first second");
  EXPECT_FALSE(std::filesystem::exists(path + ".unfinished"));
}

TEST_F(Transcript, ALostAnswerIsNotAskedForAgainIfTheChangeWouldBeMadeTwice) {
  for (const char* words : {"volume db1 update sizeAdd 1G", "volume db1 snapshot",
                            "volume groupSnapshot db1 db2", "volume db1 revert db1-monday"}) {
    admin_.TakeRequests();
    admin_.unreachable_times = 1;
    EXPECT_EQ(RunArguments({"-jB", "--metadata=a:1,b:2", words}), kFailed) << words;
    EXPECT_EQ(admin_.TakeRequests().size(), 1u) << words;
    EXPECT_NE(err_.str().find("look whether it was done"), std::string::npos) << err_.str();
    EXPECT_NE(out_.str().find("\"transient\":false"), std::string::npos) << out_.str();
    EXPECT_TRUE(slept_.empty()) << words;
  }
  for (const char* words : {"volume db1 update size 1G", "volume db1 snapshot monday",
                            "volume groupSnapshot db1=x db2", "volume db1 freeze"}) {
    admin_.unreachable_times = 1;
    EXPECT_EQ(RunArguments({"-B", words}), kOk) << words << err_.str();
  }
  // What metadata itself has refused was not made.
  slept_.clear();
  EXPECT_EQ(RunArguments({"-B", "volume busy update sizeAdd 1G"}), kFailed);
  EXPECT_EQ(slept_.size(), 5u);
}

// A stream like a full disk.
class NowhereBuffer : public std::streambuf {};

TEST_F(Transcript, WhatCannotBePrintedIsAnError) {
  NowhereBuffer nowhere;
  std::streambuf* const there = out_.std::ostream::rdbuf(&nowhere);
  const auto said = [this](const std::vector<std::string>& arguments) {
    const int code = RunArguments(arguments);
    EXPECT_NE(err_.str().find("Error: internalError: "), std::string::npos) << err_.str();
    return code;
  };
  EXPECT_EQ(said({"volume", "list"}), kFailed);
  EXPECT_EQ(said({"-j", "volume", "db1", "update", "size", "1G"}), kFailed);
  EXPECT_EQ(said({"help"}), kFailed);
  EXPECT_EQ(said({"--version"}), kFailed);
  EXPECT_EQ(said({"--man"}), kFailed);
  admin_.work_times = 1000;
  EXPECT_EQ(said({"--watch", "relocator", "status"}), kFailed);  // it does not go on in vain
  admin_.work_times = 0;
  in_ = "volume list\nvolume db1 delete db1\n";
  admin_.TakeRequests();
  EXPECT_EQ(said({"-B", "-f", "-"}), kFailed);
  EXPECT_EQ(admin_.TakeRequests(), (std::vector<std::string>{"VolumeList"}));
  out_.std::ostream::rdbuf(there);
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
  EXPECT_EQ(err_.str().find("Error: busy: metadata at a:1, b:2 cannot be reached"), 0u)
      << err_.str();
}

TEST_F(Transcript, AnOlderReleaseIsNamedAsSuch) {
  admin_.older_release = true;
  EXPECT_EQ(RunArguments({"volume", "db1", "freeze"}), kFailed);
  EXPECT_EQ(err_.str(),
            "Error: notSupported: metadata at 127.0.0.1:7480 is of an older release that cannot do "
            "this (VolumeFreezeRequest): update storpool_metadata\n");
}

TEST_F(Transcript, TheReleaseIsSaidWithoutACluster) {
  EXPECT_EQ(RunArguments({"--version"}), kOk);
  EXPECT_EQ(out_.str(), "storpoolctl 0.1.0\n");
  EXPECT_TRUE(connected_.empty());
}

TEST_F(Transcript, HereIsSaidToBeUnknown) {
  settings_.clear();
  EXPECT_EQ(RunArguments({"attach", "volume", "db1", "here"}), kUsage);
  EXPECT_NE(err_.str().find("SP_OURID in /etc/storpool.conf"), std::string::npos) << err_.str();
}

TEST_F(Transcript, MetadataIsFoundInTheSettings) {
  settings_["STORPOOL_METADATA"] = " c:3,  d:4";
  admin_.unreachable_times = 1;
  EXPECT_EQ(RunArguments({"status"}), kOk);
  EXPECT_EQ(connected_, (std::vector<std::string>{"c:3", "d:4"}));
  connected_.clear();
  settings_["STORPOOL_METADATA"] = "c:3";
  EXPECT_EQ(RunArguments({"status"}), kOk);
  EXPECT_EQ(RunArguments({"--metadata", "d:4", "status"}), kOk);
  EXPECT_EQ(connected_, (std::vector<std::string>{"c:3", "d:4"}));
}

TEST_F(Transcript, CommandsComeFromStandardInput) {
  in_ = "# two commands\n\nvolume 'db1'   delete \"db1\"   # gone\nvolume db2 delete db2\n";
  EXPECT_EQ(RunArguments({}), kOk) << err_.str();
  EXPECT_EQ(out_.str(), "OK\nOK\n");
  EXPECT_EQ(admin_.TakeRequests(),
            (std::vector<std::string>{"VolumeDelete name: \"db1\"", "VolumeDelete name: \"db2\""}));
}

TEST_F(Transcript, AFileOfCommandsNamesTheLineOfAnError) {
  const std::string path = testing::TempDir() + "/commands";
  std::ofstream(path) << "volume missing info\n\nvolume 'db1\nvolume db1 delete db1\n";
  EXPECT_EQ(RunArguments({"-f", path}), kDoesNotExist);
  EXPECT_EQ(out_.str(), "OK\n");
  EXPECT_EQ(err_.str(), path + ": line 1: Error: objectDoesNotExist: there is no missing\n" + path +
                            ": line 3: Error: invalidParam: the quote ' does not end\n");
  EXPECT_EQ(RunArguments({"-B", "-f", path}), kDoesNotExist);
  EXPECT_EQ(out_.str(), "");  // it ended at the first error
  EXPECT_EQ(RunArguments({"-f", path + ".none"}), kUsage);
  EXPECT_EQ(RunArguments({"-f"}), kUsage);
  in_ = "volume missing info\n";
  EXPECT_EQ(RunArguments({"-jf-"}), kDoesNotExist);
  EXPECT_EQ(out_.str(),
            "{\"error\":{\"name\":\"objectDoesNotExist\",\"descr\":\"there is no missing\","
            "\"transient\":false}}\n");
}

TEST_F(Transcript, WatchSaysEachChangeAndEndsWithTheWork) {
  admin_.work_times = 3;
  EXPECT_EQ(RunArguments({"--watch", "volume", "db1", "status"}), kOk) << err_.str();
  const std::string text = out_.str();
  EXPECT_EQ(text.find("0 of 1 up; syncing, 3 GiB left\n0 of 1 up; syncing, 2 GiB left\n"
                      "0 of 1 up; syncing, 1 GiB left\n------"),
            0u)
      << text;
  EXPECT_EQ(slept_, (std::vector<int64_t>{1, 1, 1}));
  admin_.work_times = 2;
  EXPECT_EQ(RunArguments({"--watch", "relocator", "status"}), kOk) << err_.str();
  EXPECT_EQ(out_.str(),
            "relocator on, 2 volumes to relocate: 64 chains to move, 4 moving, 1 GiB done, 3 GiB "
            "left\nrelocator on, no volumes to relocate\n");
}

TEST_F(Transcript, WatchSaysByItsExitCodeThatItDidNotEndWell) {
  admin_.work_times = 1;
  admin_.ends_well = false;
  EXPECT_EQ(RunArguments({"--watch", "volume", "db1", "status"}), kNotWell);
  EXPECT_EQ(slept_.size(), 15u);  // a resync could still have begun
  EXPECT_EQ(RunArguments({"--watch", "relocator", "status"}), kNotWell);
  EXPECT_EQ(RunArguments({"--watch", "volume", "missing", "status"}), kDoesNotExist);
}

TEST_F(Transcript, WatchDrawsInPlaceOnATerminal) {
  admin_.work_times = 2;
  out_is_terminal_ = true;
  EXPECT_EQ(RunArguments({"--watch", "relocator", "status"}), kOk) << err_.str();
  const std::string line =
      "relocator on, 2 volumes to relocate: 64 chains to move, 4 moving, 1 GiB done, 3 GiB left\n";
  EXPECT_EQ(out_.str(), line + "\x1b[1A\r\x1b[J" + line +
                            "\x1b[1A\r\x1b[Jrelocator on, no volumes to relocate\n");
}

TEST_F(Transcript, WatchGivesProgramsTheWholeWheneverItChanges) {
  admin_.work_times = 2;
  EXPECT_EQ(RunArguments({"-j", "--watch", "volume", "db1", "status"}), kOk);
  const std::string text = out_.str();
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
}

TEST_F(Transcript, PropagationAsksOnATerminalOnly) {
  in_is_terminal_ = true;
  in_ = "no\n";
  EXPECT_EQ(RunArguments({"template hybrid update iops 5 propagate"}), kFailed);
  EXPECT_EQ(err_.str(),
            "This changes all volumes and snapshots of template hybrid, and may move much data. Go "
            "on? (yes/no) nothing was changed\n");
  EXPECT_TRUE(admin_.TakeRequests().empty());
  in_ = "yes\n";
  EXPECT_EQ(RunArguments({"template hybrid update iops 5 propagate"}), kOk);
  in_ = "";
  EXPECT_EQ(RunArguments({"template hybrid update iops 5 propagate yes"}), kOk);
  EXPECT_EQ(RunArguments({"-B", "template hybrid update iops 5 propagate"}), kOk);
  EXPECT_EQ(admin_.TakeRequests().size(), 3u);
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

// The walk takes the first candidate's word for what a parameter is.
TEST(Commands, OfOneObjectAgreeOnTheirParameters) {
  std::map<std::string, Parameter> known;
  for (const Command& command : AllCommands()) {
    const std::string object(PatternWords(command)[0]);
    for (const Parameter& parameter : command.parameters) {
      const auto [it, is_new] =
          known.emplace(object + " " + std::string(parameter.word), parameter);
      EXPECT_EQ(it->second.kind, parameter.kind) << command.pattern << ": " << parameter.word;
      EXPECT_EQ(it->second.choices, parameter.choices) << command.pattern;
      EXPECT_EQ(it->second.max, parameter.max) << command.pattern;
      EXPECT_EQ(it->second.repeated, parameter.repeated) << command.pattern;
    }
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
