#include "lib/node/node.h"

#include <algorithm>

#include "gtest/gtest.h"
#include "lib/control/convert.h"
#include "lib/node/node_fixture.h"

namespace storpool::node {
namespace {

bool Holds(const wire::ReadAnswer& answer, std::span<const uint8_t> bytes) {
  return answer.result == wire::Result::kOk && std::ranges::equal(answer.payload.span(), bytes);
}

size_t CountRole(TestCluster& cluster, uint16_t node, chain::ReplicaStatus::Role role) {
  size_t count = 0;
  for (const ChainHere& c : cluster.node(node).node->chains()) count += c.status.role == role;
  return count;
}

TEST(NodeTest, OneNodeWritesReadsAndRestarts) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  ASSERT_TRUE(cluster.NameAndOpen({1}));
  auto client = std::make_unique<TestClient>(cluster, 1);
  client->Connect(1);
  const std::vector<uint8_t> data = Bytes(1), large = Bytes(2, 64);
  EXPECT_EQ(client->Write(1, 10, data), wire::Result::kOk);
  EXPECT_EQ(client->Write(1, 100, large), wire::Result::kOk);
  EXPECT_TRUE(Holds(client->Read(1, {10, 1}), data));
  EXPECT_TRUE(Holds(client->Read(1, {100, 64}), large));
  const wire::ReadAnswer hole = client->Read(1, {5000, 4});
  EXPECT_EQ(hole.result, wire::Result::kOk);
  EXPECT_EQ(hole.data[0], 0u);

  EXPECT_TRUE(node.Stop().ok());
  client->Disconnect(1);
  ASSERT_TRUE(node.Start().ok());
  ASSERT_TRUE(cluster.NameAndOpen({1}));
  client->Connect(1);
  EXPECT_TRUE(Holds(client->Read(1, {10, 1}), data));
  EXPECT_TRUE(Holds(client->Read(1, {100, 64}), large));
}

class ThreeNodes : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint16_t id : {1, 2, 3}) cluster.AddNode(id);
    cluster.RunFor(Duration::Millis(100));
    ASSERT_TRUE(cluster.NameAndOpen({1, 2, 3}));
    client = std::make_unique<TestClient>(cluster, 1);
    for (uint16_t id : {1, 2, 3}) client->Connect(id);
  }
  TestCluster cluster;
  std::unique_ptr<TestClient> client;
};

TEST_F(ThreeNodes, WritesAreOnAllAndReadAtTheTail) {
  for (uint32_t i = 0; i < 50; ++i) {
    ASSERT_EQ(client->Write(1, i * 8, Bytes(i, 1 + i % 8)), wire::Result::kOk) << i;
  }
  for (uint32_t i = 0; i < 50; ++i) {
    EXPECT_TRUE(Holds(client->Read(3, {i * 8, 1 + i % 8}), Bytes(i, 1 + i % 8))) << i;
  }
  cluster.RunFor(Duration::Millis(100));
  for (uint16_t id : {1, 2, 3}) {
    ASSERT_EQ(cluster.node(id).node->chains().size(), 1u);
    const chain::ReplicaStatus status = cluster.node(id).node->chains()[0].status;
    EXPECT_TRUE(status.opened);
    EXPECT_EQ(status.committed, Version(Epoch(1), 50)) << "node " << id;
    EXPECT_EQ(status.pending, 0u);
  }
}

TEST_F(ThreeNodes, WhoAsksForStatesGetsNoData) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  ASSERT_EQ(client->Write(1, 2, Bytes(2)), wire::Result::kOk);
  wire::ReadRequest r;
  r.chain = cluster.chain();
  r.epoch = cluster.opened().epoch;
  r.session = {VolumeId(9), ClientId(1), Generation(1)};
  r.number = 1000;
  r.line_version = LineVersion(1);
  r.lineage = cluster.line().lineage;
  r.blocks = {0, 3};
  r.states_only = true;
  client->Send(3, r);
  ASSERT_TRUE(cluster.RunUntil(Duration::Seconds(1), [&] { return client->reads.contains(1000); }));
  const wire::ReadAnswer& answer = client->reads[1000];
  EXPECT_EQ(answer.result, wire::Result::kOk);
  EXPECT_EQ(answer.blocks, 3u);
  EXPECT_EQ(answer.data[0], 5u);
  EXPECT_EQ(answer.payload.size(), 0u);
  EXPECT_EQ(answer.checksums.size(), 0u);
}

TEST_F(ThreeNodes, ManyWritesAtOnce) {
  for (uint32_t i = 0; i < 200; ++i) client->StartWrite(1, i, Bytes(i));
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(2), [&] { return client->written.size() == 200; }));
  for (const auto& [number, result] : client->written) EXPECT_EQ(result, wire::Result::kOk);
  for (uint32_t i = 0; i < 200; i += 7) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i)));
}

TEST_F(ThreeNodes, TheTailIsLostAndTheOthersGoOn) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  const uint64_t number = client->StartWrite(1, 1, Bytes(2));
  cluster.node(3).Crash();
  client->Disconnect(3);
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  EXPECT_TRUE(Holds(client->Read(2, {0, 1}), Bytes(1)));
  // What was under way was levelled out or not; repeated, it is done once.
  EXPECT_EQ(client->Write(1, 2, Bytes(3)), wire::Result::kOk);
  EXPECT_TRUE(Holds(client->Read(2, {2, 1}), Bytes(3)));
  EXPECT_LE(client->written.count(number), 1u);
}

TEST_F(ThreeNodes, TheMemberThatWasAwayIsResyncedAndServesAgain) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  cluster.RunFor(Duration::Millis(50));
  ASSERT_TRUE(cluster.node(3).Stop().ok());
  client->Disconnect(3);
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  for (uint32_t i = 1; i < 30; ++i) ASSERT_EQ(client->Write(1, i, Bytes(i + 1)), wire::Result::kOk);
  ASSERT_TRUE(cluster.node(3).Start().ok());
  cluster.RunFor(Duration::Millis(100));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}, {3}));
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return cluster.promotable.has_value(); }));
  EXPECT_EQ(CountRole(cluster, 3, chain::ReplicaStatus::Role::kSyncing), 1u);
  ASSERT_EQ(client->Write(1, 40, Bytes(99)), wire::Result::kOk);
  ASSERT_TRUE(cluster.NameAndOpen({1, 2, 3}));
  client->Connect(3);
  for (uint32_t i = 0; i < 30; ++i) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i + 1))) << i;
  EXPECT_TRUE(Holds(client->Read(3, {40, 1}), Bytes(99)));
}

// A chain moves from one disk of a node to another one of it: both are members on the way, and the
// new one is the tail.
TEST_F(ThreeNodes, AMirrorMovesToAnotherDiskOfItsNode) {
  const uint16_t second = 3 + kSecondDisk;
  ASSERT_TRUE(cluster.node(3).Stop().ok());
  client->Disconnect(3);
  ASSERT_TRUE(cluster.node(3).AddSecondDisk().ok());
  ASSERT_TRUE(cluster.node(3).Start().ok());
  cluster.RunFor(Duration::Millis(100));
  ASSERT_TRUE(cluster.NameAndOpen({1, 3}));
  client->Connect(3);
  for (uint32_t i = 0; i < 30; ++i) ASSERT_EQ(client->Write(1, i, Bytes(i + 1)), wire::Result::kOk);
  ASSERT_TRUE(cluster.NameAndOpen({1, 3}, {second}));
  ASSERT_EQ(client->Write(1, 30, Bytes(31)), wire::Result::kOk);
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return cluster.promotable.has_value(); }));
  EXPECT_EQ(cluster.promotable->disk(), second);
  ASSERT_TRUE(cluster.NameAndOpen({1, 3, second}));
  ASSERT_EQ(client->Write(1, 31, Bytes(32)), wire::Result::kOk);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i + 1))) << i;
  // Without the tail of this node its neighbour waits for the promise that it gave, as another's.
  ASSERT_TRUE(cluster.NameAndOpen({1, 3}));
  ASSERT_EQ(client->Write(1, 32, Bytes(33)), wire::Result::kOk);
  ASSERT_TRUE(cluster.NameAndOpen({1, 3}, {second}));
  cluster.promotable.reset();
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return cluster.promotable.has_value(); }));
  ASSERT_TRUE(cluster.NameAndOpen({1, second}));
  ASSERT_EQ(client->Write(1, 33, Bytes(34)), wire::Result::kOk);
  for (uint32_t i = 0; i < 34; ++i) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i + 1))) << i;
}

TEST_F(ThreeNodes, AllCrashAndEveryAcknowledgedWriteIsThere) {
  for (uint32_t i = 0; i < 20; ++i) ASSERT_EQ(client->Write(1, i, Bytes(i)), wire::Result::kOk);
  Random random(5);
  for (uint16_t id : {1, 2, 3}) {
    cluster.node(id).Crash();
    client->Disconnect(id);
    cluster.node(id).disk.PowerCut(random);
  }
  for (uint16_t id : {1, 2, 3}) ASSERT_TRUE(cluster.node(id).Start().ok());
  cluster.RunFor(Duration::Seconds(2));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2, 3}));
  for (uint16_t id : {1, 2, 3}) client->Connect(id);
  for (uint32_t i = 0; i < 20; ++i) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i))) << i;
}

TEST_F(ThreeNodes, ABrokenLinkBetweenMembersLosesNothing) {
  for (uint32_t i = 0; i < 100; ++i) client->StartWrite(1, i, Bytes(i));
  cluster.network.DropConnections("n1", "n2");
  cluster.RunFor(Duration::Millis(3));
  cluster.network.DropConnections("n2", "n3");
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return client->written.size() == 100; }));
  for (uint32_t i = 0; i < 100; i += 9) EXPECT_TRUE(Holds(client->Read(3, {i, 1}), Bytes(i)));
}

TEST_F(ThreeNodes, AClientThatDisconnectsInTheMiddleOfWritesHarmsNobody) {
  for (uint32_t i = 0; i < 64; ++i) client->StartWrite(1, i, Bytes(i));
  cluster.RunFor(Duration());
  for (uint16_t id : {1, 2, 3}) client->Disconnect(id);
  cluster.RunFor(Duration::Millis(200));
  TestClient other(cluster, 2);
  for (uint16_t id : {1, 2, 3}) other.Connect(id);
  EXPECT_EQ(other.Write(1, 500, Bytes(7)), wire::Result::kOk);
  EXPECT_TRUE(Holds(other.Read(3, {500, 1}), Bytes(7)));
  cluster.RunFor(Duration::Millis(100));  // W has travelled back
  for (uint16_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.node(id).node->chains()[0].status.pending, 0u) << "node " << id;
  }
}

// The last one that a node has sent of the kind that `has` accepts.
template <class Has>
const ToMetadata* LastSent(const TestCluster& cluster, Has has) {
  for (size_t i = cluster.received.size(); i > 0; --i) {
    if (has(cluster.received[i - 1])) return &cluster.received[i - 1];
  }
  return nullptr;
}

TEST_F(ThreeNodes, AResyncIsReportedByItsSourceUntilNothingIsLeft) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  cluster.RunFor(Duration::Millis(50));
  ASSERT_TRUE(cluster.node(3).Stop().ok());
  client->Disconnect(3);
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  constexpr uint32_t kBlocks = 6144;  // 24 MiB: more than a source sends before it is acknowledged
  for (uint32_t block = 0; block < kBlocks; block += 256) {
    ASSERT_EQ(client->Write(1, block, Bytes(block, 256)), wire::Result::kOk);
  }
  ASSERT_TRUE(cluster.node(3).Start().ok());
  cluster.RunFor(Duration::Millis(100));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}, {3}));
  std::vector<chain::ResyncStatus> seen;
  ASSERT_TRUE(cluster.RunUntil(Duration::Seconds(20), [&] {
    const auto chains = cluster.node(2).node->chains();
    for (const auto& resync : chains[0].status.resyncs) seen.push_back(resync);
    return cluster.promotable.has_value();
  }));
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.front().target, DiskId(3));
  EXPECT_EQ(seen.front().left_bytes, uint64_t{kBlocks} * kBlockBytes);
  EXPECT_LT(seen[seen.size() / 2].left_bytes, seen.front().left_bytes);
  EXPECT_EQ(seen.back().left_bytes, 0u);
  EXPECT_GE(seen.back().done_bytes, uint64_t{kBlocks} * kBlockBytes);
  EXPECT_TRUE(cluster.node(1).node->chains()[0].status.resyncs.empty());  // not the source

  cluster.RunFor(Duration::Millis(400));  // a heartbeat
  const ToMetadata* sent =
      LastSent(cluster, [](const ToMetadata& m) { return m.member_bases().resyncs_size() > 0; });
  ASSERT_NE(sent, nullptr);
  EXPECT_EQ(sent->member_bases().resyncs(0).chain(), cluster.chain().raw());
  EXPECT_EQ(sent->member_bases().resyncs(0).epoch(), 3u);
  EXPECT_EQ(sent->member_bases().resyncs(0).disk(), 3u);
  EXPECT_EQ(sent->member_bases().resyncs(0).left_bytes(), 0u);
}

// What the tail scans for a target is room that it must have: else the log of its disk would stand
// still, for all its chains, and nothing could free space any more (4.11).
TEST(NodeTest, AResyncOfMoreThanFitsEndsAndTheDiskGoesOn) {
  TestCluster cluster;
  for (uint16_t id : {1, 2}) cluster.AddNode(id);
  TestNode& small = cluster.AddNode(3, uint64_t{64} << 20);
  cluster.RunFor(Duration::Millis(100));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  TestClient client(cluster, 1);
  for (uint16_t id : {1, 2, 3}) client.Connect(id);
  for (uint32_t i = 0; i < 80; ++i) {
    ASSERT_EQ(client.Write(1, i % 32 * 256, Bytes(i, 256), ChunkIndex(i / 32)), wire::Result::kOk);
  }
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}, {3}));
  ASSERT_TRUE(cluster.RunUntil(Duration::Seconds(20),
                               [&] { return small.log.Has("is too full to be resynced"); }));
  cluster.RunFor(Duration::Seconds(5));
  EXPECT_FALSE(cluster.promotable.has_value());
  const ToMetadata* beat = LastSent(cluster, [](const ToMetadata& m) {
    return m.heartbeat().disks_size() > 0 && m.heartbeat().disks(0).disk() == 3;
  });
  ASSERT_NE(beat, nullptr);
  EXPECT_LE(beat->heartbeat().disks(0).stored_bytes(), beat->heartbeat().disks(0).usable_bytes());

  FromMetadata order;
  order.mutable_drop()->add_lineages(cluster.line().lineage.value());
  cluster.Broadcast(order);
  EXPECT_TRUE(cluster.RunUntil(Duration::Seconds(1), [&] {
    return LastSent(cluster, [](const ToMetadata& m) {
             return m.dropped().disk() == 3 && m.dropped().lineages_size() > 0;
           }) != nullptr;
  })) << "its log stands still";
  ASSERT_EQ(client.Write(1, 7, Bytes(99)), wire::Result::kOk);
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(10), [&] { return cluster.promotable.has_value(); }));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2, 3}));
  EXPECT_TRUE(Holds(client.Read(3, {7, 1}), Bytes(99)));
  EXPECT_TRUE(small.Stop().ok());
}

// Clients wait for what they have under way themselves (5.3f), not for what a node reads for a
// resync or to clean a disk.
TEST_F(ThreeNodes, OtherMemoryThanThatOfRequestsDoesNotPauseClients) {
  const Buffer resync = cluster.node(1).node->pool().Allocate(size_t{300} << 20);
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_EQ(client->Write(1, i, Bytes(i)), wire::Result::kOk);
  }
}

TEST_F(ThreeNodes, BasesAreReportedAsFarAsTheyAreDurable) {
  const auto base_of = [&](uint32_t disk) {
    const ToMetadata* sent = LastSent(cluster, [&](const ToMetadata& m) {
      return m.member_bases().bases_size() > 0 && m.member_bases().bases(0).disk() == disk;
    });
    return sent == nullptr ? Version()
                           : Version::FromRaw(sent->member_bases().bases(0).lowest_base());
  };
  for (uint32_t i = 0; i < 10; ++i) ASSERT_EQ(client->Write(1, i, Bytes(i)), wire::Result::kOk);
  cluster.RunFor(Duration::Seconds(4));  // W has its record, bases have been said
  for (uint32_t disk : {1, 2, 3}) EXPECT_EQ(base_of(disk), Version(Epoch(1), 10)) << disk;

  ASSERT_TRUE(cluster.node(3).Stop().ok());
  client->Disconnect(3);
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  ASSERT_EQ(client->Write(1, 20, Bytes(20)), wire::Result::kOk);
  ASSERT_TRUE(cluster.node(3).Start().ok());
  cluster.RunFor(Duration::Millis(100));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}, {3}));
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return cluster.promotable.has_value(); }));
  cluster.RunFor(Duration::Seconds(4));
  EXPECT_EQ(CountRole(cluster, 3, chain::ReplicaStatus::Role::kSyncing), 1u);
  EXPECT_EQ(base_of(3), Version(Epoch(2), 1));  // scanned in full: the source's W at its beginning
}

TEST_F(ThreeNodes, AChainOfATableThatIsNoMoreIsDropped) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  FromMetadata order;
  order.mutable_drop()->add_gone_chains(cluster.chain().raw());
  cluster.Broadcast(order);
  cluster.RunFor(Duration::Millis(100));
  for (uint16_t id : {1, 2, 3}) {
    EXPECT_EQ(CountRole(cluster, id, chain::ReplicaStatus::Role::kNone), 1u);
  }
  const ToMetadata* sent = LastSent(cluster, [](const ToMetadata& m) { return m.has_dropped(); });
  ASSERT_NE(sent, nullptr);
  EXPECT_EQ(sent->dropped().former_chains(0), cluster.chain().raw());
}

TEST_F(ThreeNodes, AChainThatIsNotHereCountsAsDropped) {
  ASSERT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  ASSERT_TRUE(cluster.node(3).Stop().ok());
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  ASSERT_TRUE(cluster.node(3).Format(/*overwrite=*/true).ok());
  ASSERT_TRUE(cluster.node(3).Start().ok());
  cluster.RunFor(Duration::Millis(100));
  FromMetadata order;
  *order.mutable_drop()->add_former_chains() = control::ToMessage(cluster.opened());
  (*order.mutable_drop()->mutable_former_chains(0)->mutable_members()).RemoveLast();
  cluster.Broadcast(order);
  cluster.RunFor(Duration::Millis(100));
  const ToMetadata* sent = LastSent(cluster, [](const ToMetadata& m) { return m.has_dropped(); });
  ASSERT_NE(sent, nullptr);
  EXPECT_EQ(sent->dropped().disk(), 3u);
  ASSERT_EQ(sent->dropped().former_chains_size(), 1);
  EXPECT_EQ(sent->dropped().former_chains(0), cluster.chain().raw());
  EXPECT_EQ(cluster.node(1).node->chains().size(), 1u);
  EXPECT_TRUE(Holds(client->Read(2, {0, 1}), Bytes(1)));
}

}  // namespace
}  // namespace storpool::node
