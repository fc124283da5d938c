// Commands against the real admin commands over metadata in memory: what these say of names and
// kinds, in their own words.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/run.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/metadata/fake_cluster.h"
#include "lib/rpc/admin_service.h"

namespace storpool::cli {
namespace {

class NoEntropy : public env::Entropy {
 public:
  void Fill(std::span<uint8_t>) override {}
};

// The test's thread is metadata's reactor; the program runs on another.
class RealAdmin : public testing::Test {
 protected:
  RealAdmin()
      : admin_((cluster_.Standard(), cluster_.leader()), reactor_.clock(),
               api::Admin::Self{"here", "0"}),
        service_(reactor_, admin_) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    cluster_.Run(Duration::Seconds(5));
  }
  ~RealAdmin() override { server_->Shutdown(); }

  int Run(const std::string& words) {
    out_.str("");
    err_.str("");
    std::istringstream in;
    World world{.in = in,
                .out = out_,
                .err = err_,
                .settings = {},
                .entropy = entropy_,
                .connect =
                    [this](const std::string&) {
                      grpc::ChannelArguments arguments;
                      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
                      return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port_),
                                                       grpc::InsecureChannelCredentials(),
                                                       arguments);
                    },
                .now_seconds = [] { return int64_t{0}; },
                .sleep = [](int64_t) {},
                .open_editor = nullptr};
    const std::vector<std::string> arguments = absl::StrSplit(words, ' ');
    int code = -1;
    std::atomic<bool> ended = false;
    std::thread program([&] {
      code = cli::Run(arguments, world);
      ended = true;
      reactor_.Post([] {});
    });
    while (!ended) {  // every call of the program has a deadline
      reactor_.RunUntil([&] { return ended.load(); }, Duration::Millis(20));
      cluster_.Run(Duration::Millis(50));
    }
    program.join();
    return code;
  }

  void ExpectNotThere(const std::string& words, const std::string& why) {
    EXPECT_EQ(Run(words), kDoesNotExist) << words;
    EXPECT_NE(err_.str().find("Error: objectDoesNotExist: " + why), std::string::npos)
        << words << ": " << err_.str();
  }

  env::PosixReactor reactor_;
  metadata::FakeCluster cluster_;
  api::Admin admin_;
  rpc::AdminService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  NoEntropy entropy_;
  std::ostringstream out_, err_;
};

TEST_F(RealAdmin, WhatIsNotThereIsCalledWhatWasAskedFor) {
  for (const char* words :
       {"volume missing info", "volume missing describe", "volume missing status",
        "volume missing usedSpace", "volume missing list snapshots",
        "volume missing update size 1G", "volume missing snapshot", "volume missing freeze",
        "volume missing delete missing", "relocator volume missing disks"}) {
    ExpectNotThere(words, "volume 'missing' does not exist");
  }
  for (const char* words :
       {"snapshot missing info", "snapshot missing describe", "snapshot missing status",
        "snapshot missing space", "snapshot missing rename other",
        "snapshot missing delete missing", "relocator snapshot missing disks"}) {
    ExpectNotThere(words, "snapshot 'missing' does not exist");
  }
}

TEST_F(RealAdmin, WhatIsOfTheOtherKindIsCalledWhatItIs) {
  ASSERT_TRUE(cluster_.CreateVolume("db1").ok());
  ASSERT_EQ(Run("volume db1 snapshot monday"), kOk) << err_.str();
  for (const char* words : {"volume monday info", "volume monday describe", "volume monday status",
                            "volume monday usedSpace", "volume monday list snapshots",
                            "volume monday tag a=b", "relocator volume monday disks"}) {
    ExpectNotThere(words, "volume 'monday' does not exist: that is a snapshot");
  }
  for (const char* words : {"snapshot db1 info", "snapshot db1 describe", "snapshot db1 status",
                            "snapshot db1 space", "relocator snapshot db1 disks"}) {
    ExpectNotThere(words, "snapshot 'db1' does not exist: that is a volume");
  }
  for (const char* words :
       {"volume db1 info", "volume db1 status", "snapshot monday info", "snapshot monday describe",
        "snapshot monday status", "snapshot monday space", "-j volume usedSpace",
        "-j snapshot monday space", "relocator snapshot monday disks"}) {
    EXPECT_EQ(Run(words), kOk) << words << ": " << err_.str();
  }
}

// As a program that reads rows would take it from a list and say it again.
TEST_F(RealAdmin, WhatHasNoNameIsCalledByItsGlobalIdEverywhere) {
  const auto made = cluster_.CreateVolume("");
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string name = "~" + made->global_id();
  for (const char* list : {"-r volume list", "-r volume status", "-r volume usedSpace"}) {
    ASSERT_EQ(Run(list), kOk) << list << ": " << err_.str();
    EXPECT_EQ(out_.str().find(name + "\t"), 0u) << list << ": " << out_.str();
  }
  ASSERT_EQ(Run("-r volume " + name + " info"), kOk) << err_.str();
  EXPECT_EQ(out_.str().find("volume\t" + name + "\n"), 0u) << out_.str();
  ASSERT_EQ(Run("volume " + name + " describe"), kOk) << err_.str();
  ASSERT_EQ(Run("volume " + name + " freeze"), kOk) << err_.str();
  ASSERT_EQ(Run("-r snapshot list"), kOk) << err_.str();
  EXPECT_EQ(out_.str().find(name + "\t"), 0u) << out_.str();
  ASSERT_EQ(Run("volume child create parent " + name), kOk) << err_.str();
  ASSERT_EQ(Run("-r volume list"), kOk) << err_.str();
  EXPECT_NE(out_.str().find("\t" + name + "\t"), std::string::npos) << out_.str();
  // In deletion as long as its child reads it.
  ASSERT_EQ(Run("snapshot " + name + " delete " + name), kOk) << err_.str();
  ASSERT_EQ(Run("-r snapshot list"), kOk) << err_.str();
  EXPECT_EQ(out_.str().find("*" + name + "\t"), 0u) << out_.str();
  ASSERT_EQ(Run("volume quickStatus"), kOk) << err_.str();
  EXPECT_NE(out_.str().find("\n*" + name + ": deleted"), std::string::npos) << out_.str();
}

}  // namespace
}  // namespace storpool::cli
