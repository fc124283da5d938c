#include "lib/embed/node_server.h"

#include <gtest/gtest.h>

namespace storpool::embed {
namespace {

TEST(CheckListen, TakesWhatOthersCanBeTold) {
  for (const char* address : {"127.0.0.1:0", "10.0.0.2:7481", "localhost:7481", "[fe80::1]:7481"}) {
    EXPECT_TRUE(CheckListen(address).ok()) << address;
  }
}

TEST(CheckListen, RefusesAnAddressThatIsEveryMachines) {
  for (const char* address : {"0.0.0.0:7481", "[::]:7481", "[0:0::0]:0", ":7481"}) {
    const absl::Status status = CheckListen(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_NE(status.message().find(address), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find("--listen="), absl::string_view::npos) << status;
  }
  EXPECT_FALSE(CheckListen("nowhere").ok());
}

TEST(NodeServer, DoesNotStartWhereNobodyFindsIt) {
  NodeServerOptions options;
  options.listen = "0.0.0.0:0";
  EXPECT_EQ(NodeServer::Start(options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace storpool::embed
