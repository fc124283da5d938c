// What a node answers to what it cannot use: clear errors at its start, dropped connections with a
// reason afterwards (design 12).
#include <algorithm>

#include "gtest/gtest.h"
#include "lib/chunkstore/superblock.h"
#include "lib/node/node.h"
#include "lib/node/node_fixture.h"

namespace storpool::node {
namespace {

// A peer that sends bytes of its own making.
class RawPeer : public env::StreamHandler {
 public:
  RawPeer(TestCluster& cluster, const std::string& address)
      : reactor_(cluster.MakeReactor()), network_(cluster.network.Attach(*reactor_, "raw")) {
    stream_ = network_->Connect(address, this);
  }
  void Send(std::span<const uint8_t> bytes) { stream_->Send(bytes); }
  void OnBytes(std::span<const uint8_t>) override {}
  void OnClosed(const absl::Status&) override { closed = true; }
  bool closed = false;

 private:
  env::ManualReactor* reactor_;
  std::unique_ptr<env::Network> network_;
  std::unique_ptr<env::Stream> stream_;
};

std::vector<uint8_t> HelloBytes(BufferPool& pool) {
  wire::Hello hello;
  hello.cluster = {1, 2, 3};
  hello.is_client = true;
  hello.client = ClientId(1);
  std::vector<uint8_t> bytes(wire::kFrameHeadBytesMax);
  wire::Payload payload;
  bytes.resize(wire::Encode(hello, pool, bytes, payload));
  return bytes;
}

TEST(BadInputTest, GarbageAndEveryCorruptedByteOfAHelloCloseTheConnection) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  BufferPool pool;
  const std::vector<uint8_t> hello = HelloBytes(pool);
  for (size_t i = 0; i < hello.size(); i += 5) {
    std::vector<uint8_t> bad = hello;
    bad[i] ^= 0x10;
    RawPeer peer(cluster, "n1:7001");
    cluster.RunFor(Duration());
    peer.Send(bad);
    EXPECT_TRUE(cluster.RunUntil(Duration::Seconds(3), [&] { return peer.closed; })) << i;
  }
  EXPECT_TRUE(node.log.Has("a frame's header does not match its checksum"));
  EXPECT_TRUE(node.log.Has("does not match its checksum"));
  EXPECT_TRUE(node.log.Has("not a frame of this protocol"));
}

TEST(BadInputTest, AMessageBeforeTheHelloIsComplete) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  BufferPool pool;
  RawPeer peer(cluster, "n1:7001");
  cluster.RunFor(Duration());
  peer.Send(HelloBytes(pool));
  std::vector<uint8_t> bytes(wire::kFrameHeadBytesMax);
  wire::Payload payload;
  wire::ReadRequest read;
  read.blocks = {0, 1};
  bytes.resize(wire::Encode(read, pool, bytes, payload));
  peer.Send(bytes);
  EXPECT_TRUE(cluster.RunUntil(Duration::Seconds(1), [&] { return peer.closed; }));
  EXPECT_TRUE(node.log.Has("a message came before the hello was complete"));
}

TEST(BadInputTest, APeerThatSaysNothingIsClosed) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  RawPeer peer(cluster, "n1:7001");
  EXPECT_TRUE(cluster.RunUntil(Duration::Seconds(3), [&] { return peer.closed; }));
  EXPECT_TRUE(node.log.Has("has not been heard"));
}

TEST(BadInputTest, AWrongSecretIsRefusedByBothSides) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  TestClient client(cluster, 1, "another secret");
  client.Connect(1);
  ASSERT_EQ(client.ends.size(), 1u);
  EXPECT_EQ(client.ends[0], "its cluster secret is not ours");
  cluster.RunFor(Duration::Millis(10));
  EXPECT_TRUE(node.log.Has("refused"));
}

TEST(BadInputTest, AClientMayNotSpeakAsAMember) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  TestClient client(cluster, 1);
  client.Connect(1);
  client.Send(1, wire::Progress{});
  cluster.RunUntil(Duration::Seconds(1), [&] { return !client.ends.empty(); });
  EXPECT_EQ(client.ends.size(), 1u);
  EXPECT_TRUE(node.log.Has("it sent a Progress, as no client may"));
}

TEST(BadInputTest, RequestsForWhatIsNotHereAreAnswered) {
  TestCluster cluster;
  cluster.AddNode(1);
  TestClient client(cluster, 1);
  client.Connect(1);
  EXPECT_EQ(client.Write(1, 0, Bytes(1)), wire::Result::kNotServing);
  EXPECT_EQ(client.Read(1, {0, 1}).result, wire::Result::kNotServing);
}

TEST(BadInputTest, DisksThatAreNotOursAreNamed) {
  TestCluster cluster;
  TestNode unformatted(cluster, 4);
  const absl::Status foreign = unformatted.Start();
  EXPECT_FALSE(foreign.ok());
  EXPECT_NE(foreign.message().find("disk-4"), std::string::npos) << foreign;
  unformatted.Crash();
  unformatted.cluster_uuid = {9, 9};
  ASSERT_TRUE(unformatted.Format().ok());
  unformatted.cluster_uuid = {1, 2, 3};
  const absl::Status other = unformatted.Start();
  EXPECT_FALSE(other.ok());
  EXPECT_NE(other.message().find("cluster"), std::string::npos) << other;
}

// One broken disk does not keep the node's others from their chains.
TEST(BadInputTest, ADiskThatDoesNotOpenIsLeftOutAndTold) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  ASSERT_TRUE(node.Stop().ok());
  ASSERT_TRUE(node.AddSecondDisk().ok());
  std::swap(node.disk, *node.second);  // the broken one is opened first
  for (const uint64_t at : {uint64_t{0}, node.disk.info().size_bytes - (64 << 10)}) {
    node.disk.FlipBit(at + 40, 1);
  }
  const absl::Status status = node.Start();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(node.log.Has("disk disk-1: both superblocks are damaged"));
  ASSERT_TRUE(cluster.NameAndOpen({1}));
  TestClient client(cluster, 1);
  client.Connect(1);
  EXPECT_EQ(client.Write(1, 0, Bytes(1)), wire::Result::kOk);
  cluster.RunFor(Duration::Seconds(1));
  size_t alarms = 0;
  for (const ToMetadata& m : cluster.received) {
    alarms += m.alarm().text().find("node 1 is without disk disk-1: ") != std::string::npos;
  }
  EXPECT_EQ(alarms, 1u);
  EXPECT_TRUE(node.Stop().ok());
}

// What is left of its chains counts for nothing; an operator is told, and so is metadata.
TEST(BadInputTest, ADiskThatHasLostRecordsIsTold) {
  TestCluster cluster;
  TestNode& node = cluster.AddNode(1);
  ASSERT_TRUE(cluster.NameAndOpen({1}));
  ASSERT_TRUE(node.Stop().ok());
  chunkstore::Superblock superblock;
  std::vector<uint8_t> bytes(chunkstore::kSuperblockBytes);
  for (int copy = 0; copy < 2; ++copy) {
    const uint64_t at = chunkstore::SuperblockOffset(node.disk.info().size_bytes, copy);
    node.disk.Read(at, bytes);
    ASSERT_TRUE(chunkstore::DecodeSuperblock(bytes, &superblock).ok());
    superblock.flags |= chunkstore::Superblock::kDamaged;
    chunkstore::EncodeSuperblock(superblock, bytes);
    node.disk.Write(at, bytes);
  }
  ASSERT_TRUE(node.Start().ok());
  cluster.RunFor(Duration::Seconds(2));
  size_t alarms = 0;
  bool damaged = false;
  for (const ToMetadata& m : cluster.received) {
    alarms +=
        m.alarm().text().find("has lost what was durable: 1 of its 1 chains") != std::string::npos;
    for (const auto& disk : m.register_().node().disks()) damaged = damaged || disk.damaged();
  }
  EXPECT_EQ(alarms, 1u);
  EXPECT_TRUE(damaged);
  EXPECT_TRUE(node.Stop().ok());
}

TEST(BadInputTest, APortInUseIsNamed) {
  TestCluster cluster;
  cluster.AddNode(1);
  TestNode second(cluster, 1);
  ASSERT_TRUE(second.Format().ok());
  const absl::Status status = second.Start();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("n1:7001"), std::string::npos) << status;
}

}  // namespace
}  // namespace storpool::node
