// Both ends of the talk with metadata, over loopback.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/env/posix/posix_network.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/rpc/control_link.h"
#include "lib/rpc/control_service.h"

namespace storpool::rpc {
namespace {

constexpr Duration kLimit = Duration::Seconds(30);
constexpr int kMessages = 300;

class SilentLog final : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

ToMetadata Alarm(const std::string& text) {
  ToMetadata message;
  message.mutable_alarm()->set_text(text);
  return message;
}

FromMetadata Answer(uint64_t number) {
  FromMetadata message;
  message.mutable_snapshot_over()->set_id(number);
  return message;
}

// A metadata daemon: notes what it hears of peers.
class Daemon final : public control::PeerHandler {
 public:
  explicit Daemon(env::Reactor& reactor) : service_(reactor, *this) {}

  // On `port`, 0 for any.
  void Start(int port = 0) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Stop() {
    server_->Shutdown(std::chrono::system_clock::time_point());
    server_.reset();
  }
  int port() const { return port_; }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  void OnPeer(control::Peer* peer) override { peers.push_back(peer); }
  void OnPeerMessage(control::Peer* peer, const ToMetadata& message) override {
    EXPECT_TRUE(std::find(peers.begin(), peers.end(), peer) != peers.end());
    if (message.has_alarm()) heard.push_back(message.alarm().text());
  }
  void OnPeerGone(control::Peer* peer, bool refused) override {
    EXPECT_EQ(std::erase(peers, peer), 1u);
    gone.push_back(refused);
  }

  std::vector<control::Peer*> peers;
  std::vector<std::string> heard;
  std::vector<bool> gone;  // whether each was refused

 private:
  ControlService service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// A node or client: notes what its link tells.
class Owner final : public control::MetadataLink::Handler {
 public:
  void OnLinkUp() override { ++ups; }
  void OnLinkMessage(const FromMetadata& message) override {
    heard.push_back(message.snapshot_over().id());
  }
  void OnLinkDown(const absl::Status& reason) override {
    EXPECT_FALSE(reason.ok());
    ++downs;
  }

  int ups = 0;
  int downs = 0;
  std::vector<uint64_t> heard;
};

class ControlTest : public testing::Test {
 protected:
  void TearDown() override {
    link_.reset();
    daemon_.Stop();
    EXPECT_TRUE(Until([this] { return daemon_.peers.empty(); }));
  }

  void Connect(std::vector<std::string> addresses) {
    link_ = std::make_unique<ControlLink>(reactor_, log_, std::move(addresses));
    link_->Start(&owner_);
    ASSERT_TRUE(Until([this] { return owner_.ups == 1 && !daemon_.peers.empty(); }));
  }
  bool Until(const std::function<bool()>& done) { return reactor_.RunUntil(done, kLimit); }
  // Connects as a node that listens at `address`, and lets its link go again.
  void ComeAndGo(const std::string& address) {
    Connect({daemon_.address()});
    ToMetadata hello;
    hello.mutable_register_()->mutable_node()->set_address(address);
    link_->Send(hello);
    link_->Send(Alarm("registered"));
    ASSERT_TRUE(Until([this] { return !daemon_.heard.empty(); }));
    link_.reset();
    ASSERT_TRUE(Until([this] { return !daemon_.gone.empty(); }));
  }

  env::PosixReactor reactor_;
  SilentLog log_;
  Daemon daemon_{reactor_};
  Owner owner_;
  std::unique_ptr<ControlLink> link_;
};

TEST_F(ControlTest, MessagesArriveInOrderBothWays) {
  daemon_.Start();
  Connect({daemon_.address()});
  std::vector<std::string> said;
  std::vector<uint64_t> answered;
  for (int i = 0; i < kMessages; ++i) {
    // Some are large, so that writes take time and queue up.
    said.push_back(absl::StrCat(i, std::string(i % 50 == 0 ? 100000 : 0, 'x')));
    link_->Send(Alarm(said.back()));
    answered.push_back(static_cast<uint64_t>(i) + 1);
    daemon_.peers[0]->Send(Answer(answered.back()));
  }
  EXPECT_TRUE(owner_.heard.empty() && daemon_.heard.empty());  // never from within Send
  ASSERT_TRUE(Until([&] {
    return owner_.heard.size() == answered.size() && daemon_.heard.size() == said.size();
  }));
  EXPECT_EQ(owner_.heard, answered);
  EXPECT_EQ(daemon_.heard, said);
  EXPECT_EQ(owner_.downs, 0);
}

TEST_F(ControlTest, ConnectsAgainWhenMetadataStartsAgain) {
  daemon_.Start();
  Connect({daemon_.address()});
  daemon_.Stop();
  ASSERT_TRUE(Until([this] { return owner_.downs == 1 && daemon_.peers.empty(); }));
  link_->Send(Alarm("lost"));  // the link is down
  daemon_.Start(daemon_.port());
  ASSERT_TRUE(Until([this] { return owner_.ups == 2 && daemon_.peers.size() == 1; }));
  link_->Send(Alarm("again"));
  daemon_.peers[0]->Send(Answer(5));
  ASSERT_TRUE(Until([this] { return !daemon_.heard.empty() && !owner_.heard.empty(); }));
  EXPECT_EQ(daemon_.heard, std::vector<std::string>{"again"});
  EXPECT_EQ(owner_.heard, std::vector<uint64_t>{5});
}

TEST_F(ControlTest, TriesTheNextAddressAndFollowsTheLeader) {
  daemon_.Start();
  Daemon follower(reactor_);
  follower.Start();
  link_ = std::make_unique<ControlLink>(
      reactor_, log_, std::vector<std::string>{"127.0.0.1:1", follower.address()});
  link_->Start(&owner_);
  ASSERT_TRUE(Until([&] { return follower.peers.size() == 1; }));
  FromMetadata elsewhere;
  elsewhere.mutable_not_leader()->set_leader_address(daemon_.address());
  follower.peers[0]->Send(elsewhere);
  ASSERT_TRUE(Until([&] { return daemon_.peers.size() == 1 && follower.peers.empty(); }));
  ASSERT_TRUE(Until([&] { return owner_.ups >= 1 && owner_.downs == owner_.ups - 1; }));
  follower.Stop();
  daemon_.peers[0]->Send(Answer(3));
  ASSERT_TRUE(Until([this] { return !owner_.heard.empty(); }));
  EXPECT_EQ(owner_.heard, std::vector<uint64_t>{3});
}

TEST_F(ControlTest, APeerWhoseAddressRefusesIsGone) {
  daemon_.Start();
  env::PosixNetwork network(reactor_);
  auto listener = network.Listen(
      "127.0.0.1:0", [](std::unique_ptr<env::Stream>) -> env::StreamHandler* { return nullptr; });
  ASSERT_TRUE(listener.ok());
  const std::string address = (*listener)->address();
  (*listener).reset();  // as when a process ends: its sockets are closed
  ComeAndGo(address);
  EXPECT_EQ(daemon_.gone, std::vector<bool>{true});
}

TEST_F(ControlTest, APeerThatListensStillIsMerelyAway) {
  daemon_.Start();
  env::PosixNetwork network(reactor_);
  auto listener = network.Listen(
      "127.0.0.1:0", [](std::unique_ptr<env::Stream>) -> env::StreamHandler* { return nullptr; });
  ASSERT_TRUE(listener.ok());
  ComeAndGo((*listener)->address());
  EXPECT_EQ(daemon_.gone, std::vector<bool>{false});
}

TEST_F(ControlTest, NothingIsHeardOfAPeerThatWasClosed) {
  daemon_.Start();
  Connect({daemon_.address()});
  daemon_.peers[0]->Send(Answer(1));  // still goes out
  daemon_.peers[0]->Close();
  daemon_.peers.clear();
  link_->Send(Alarm("too late"));
  ASSERT_TRUE(Until([this] { return owner_.downs == 1; }));
  EXPECT_EQ(owner_.heard, std::vector<uint64_t>{1});
  ASSERT_TRUE(Until([this] { return owner_.ups == 2 && daemon_.peers.size() == 1; }));
  EXPECT_TRUE(daemon_.heard.empty());
  EXPECT_TRUE(daemon_.gone.empty());
}

}  // namespace
}  // namespace storpool::rpc
