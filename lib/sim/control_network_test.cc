#include "lib/sim/control_network.h"

#include <gtest/gtest.h>

#include <vector>

namespace storpool::sim {
namespace {

struct FakeMetadata : control::PeerHandler {
  void OnPeer(control::Peer* peer) override { peers.push_back(peer); }
  void OnPeerMessage(control::Peer* peer, const ToMetadata& message) override {
    heard.push_back(message.alarm().text());
    FromMetadata answer;
    answer.mutable_refused()->set_reason("to " + message.alarm().text());
    peer->Send(answer);
  }
  void OnPeerGone(control::Peer* peer, bool refused) override {
    std::erase(peers, peer);
    gone += refused;
  }
  std::vector<control::Peer*> peers;
  std::vector<std::string> heard;
  int gone = 0;
};

struct Node : control::MetadataLink::Handler {
  explicit Node(World& world, ControlNetwork& network)
      : reactor(world.MakeReactor()), link(network.MakeLink(*reactor, "node")) {
    link->Start(this);
  }
  void OnLinkUp() override { ++ups; }
  void OnLinkMessage(const FromMetadata& m) override { heard.push_back(m.refused().reason()); }
  void OnLinkDown(const absl::Status&) override { ++downs; }
  void Say(const std::string& text) {
    ToMetadata message;
    message.mutable_alarm()->set_text(text);
    link->Send(message);
  }
  std::unique_ptr<env::ManualReactor> reactor;
  std::unique_ptr<control::MetadataLink> link;
  std::vector<std::string> heard;
  int ups = 0, downs = 0;
};

class ControlNetworkTest : public testing::Test {
 protected:
  World world{1};
  ControlNetwork network{
      world, [this] { return Duration::Micros(static_cast<int64_t>(world.random().Below(99))); }};
  FakeMetadata metadata;
  std::unique_ptr<env::ManualReactor> reactor = world.MakeReactor();
};

TEST_F(ControlNetworkTest, CarriesMessagesInOrder) {
  network.MetadataUp(*reactor, metadata);
  Node node(world, network);
  world.RunFor(Duration::Millis(1));
  ASSERT_EQ(node.ups, 1);
  for (const char* text : {"a", "b", "c", "d"}) node.Say(text);
  world.RunFor(Duration::Millis(1));
  EXPECT_EQ(metadata.heard, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(node.heard, (std::vector<std::string>{"to a", "to b", "to c", "to d"}));
  network.MetadataDown();
}

TEST_F(ControlNetworkTest, AnEndedProcessIsReported) {
  network.MetadataUp(*reactor, metadata);
  {
    Node node(world, network);
    world.RunFor(Duration::Millis(1));
  }
  world.RunFor(Duration::Millis(1));
  EXPECT_EQ(metadata.gone, 1);
  EXPECT_TRUE(metadata.peers.empty());
  network.MetadataDown();
}

TEST_F(ControlNetworkTest, LinksComeBackAfterMetadata) {
  Node node(world, network);
  world.RunFor(Duration::Millis(200));
  EXPECT_EQ(node.ups, 0);
  network.MetadataUp(*reactor, metadata);
  world.RunFor(Duration::Millis(200));
  EXPECT_EQ(node.ups, 1);
  network.MetadataDown();
  world.RunFor(Duration::Millis(200));
  EXPECT_EQ(node.downs, 1);
  network.MetadataUp(*reactor, metadata);
  world.RunFor(Duration::Millis(200));
  EXPECT_EQ(node.ups, 2);
  network.MetadataDown();
}

TEST_F(ControlNetworkTest, ACutLinkIsSilentAndLosesNothing) {
  network.MetadataUp(*reactor, metadata);
  Node node(world, network);
  world.RunFor(Duration::Millis(1));
  network.CutOff("node", true);
  node.Say("late");
  world.RunFor(Duration::Seconds(5));
  EXPECT_TRUE(metadata.heard.empty());
  EXPECT_EQ(node.downs, 0);
  network.CutOff("node", false);
  world.RunFor(Duration::Millis(1));
  EXPECT_EQ(metadata.heard, std::vector<std::string>{"late"});
  network.MetadataDown();
}

TEST_F(ControlNetworkTest, TheSeedDecidesEverything) {
  const auto run = [](uint64_t seed) {
    World world(seed);
    ControlNetwork network(world, [&world] {
      return Duration::Micros(static_cast<int64_t>(world.random().Below(99)));
    });
    FakeMetadata metadata;
    const auto reactor = world.MakeReactor();
    network.MetadataUp(*reactor, metadata);
    Node a(world, network), b(world, network);
    world.RunFor(Duration::Millis(1));
    for (int i = 0; i < 20; ++i) {
      a.Say("a");
      b.Say("b");
    }
    world.RunFor(Duration::Millis(10));
    network.MetadataDown();
    return world.trace().hash();
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace storpool::sim
