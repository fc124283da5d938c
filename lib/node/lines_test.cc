// What a node does with the lines of layers that metadata orders it to keep (design 4.7, 4.8).
#include "gtest/gtest.h"
#include "lib/control/convert.h"
#include "lib/node/node_fixture.h"

namespace storpool::node {
namespace {

constexpr uint64_t kSize = uint64_t{1} << 30;

void AddLayer(model::Line& line) {
  line.layers.push_back({LayerId(line.version.value()), kSize, kSize, false, line.version});
}

// The oldest layer goes into the next one.
void MergeOldest(model::Line& line) {
  line.removed.push_back(
      {line.layers[0].id, line.layers[1].id, line.layers[1].cut_bytes, line.version});
  line.layers.erase(line.layers.begin());
  line.layers[0].changed = line.version;
}

class LinesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (uint16_t id : {1, 2}) cluster.AddNode(id);
    cluster.RunFor(Duration::Millis(100));
    ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
    client = std::make_unique<TestClient>(cluster, 1);
    for (uint16_t id : {1, 2}) client->Connect(id);
  }
  bool Applied(uint32_t version) {
    return cluster.RunUntil(Duration::Seconds(2), [&] {
      return cluster.Kept(1).applied() == version && cluster.Kept(2).applied() == version;
    });
  }
  bool Reads(uint32_t block, std::span<const uint8_t> want) {
    const wire::ReadAnswer answer = client->Read(2, {block, 1});
    return answer.result == wire::Result::kOk && std::ranges::equal(answer.payload.span(), want);
  }
  TestCluster cluster;
  std::unique_ptr<TestClient> client;
};

TEST_F(LinesTest, AreKeptOnEveryDiskAndHandedOver) {
  EXPECT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  EXPECT_EQ(client->Write(1, 1, Bytes(2)), wire::Result::kOk);
  cluster.ChangeLine(AddLayer);
  ASSERT_TRUE(Applied(2));
  EXPECT_EQ(cluster.Kept(1).durable(), 2u);
  EXPECT_EQ(client->Write(1, 1, Bytes(3)), wire::Result::kOk);
  cluster.ChangeLine(MergeOldest);
  ASSERT_TRUE(Applied(3));
  EXPECT_EQ(cluster.Kept(2).chunks_left(), 0u);
  EXPECT_TRUE(Reads(0, Bytes(1)));
  EXPECT_TRUE(Reads(1, Bytes(3)));
  // A snapshot that is gone is "gone", never zeroes.
  wire::ReadRequest r;
  r.chain = cluster.chain();
  r.epoch = cluster.opened().epoch;
  r.session = {VolumeId(9), ClientId(1), Generation(1)};
  r.number = 1000;
  r.line_version = LineVersion(3);
  r.lineage = cluster.line().lineage;
  r.layer = LayerId(1);
  r.blocks = {0, 1};
  client->Send(2, r);
  ASSERT_TRUE(cluster.RunUntil(Duration::Seconds(1), [&] { return client->reads.contains(1000); }));
  EXPECT_EQ(client->reads[1000].result, wire::Result::kGone);
}

TEST_F(LinesTest, AreThereAfterARestartWithoutMetadata) {
  EXPECT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  cluster.ChangeLine(AddLayer);
  cluster.ChangeLine(MergeOldest);
  ASSERT_TRUE(Applied(3));
  client->Disconnect(2);
  cluster.node(2).Crash();
  cluster.received.clear();
  ASSERT_TRUE(cluster.node(2).Start().ok());
  ASSERT_TRUE(cluster.NameAndOpen({1}));
  ASSERT_TRUE(cluster.NameAndOpen({1}, {2}));
  // Nobody has told it the line since: what it kept is what it serves by.
  ASSERT_TRUE(
      cluster.RunUntil(Duration::Seconds(5), [&] { return cluster.promotable.has_value(); }));
  ASSERT_TRUE(cluster.NameAndOpen({1, 2}));
  TestClient other(cluster, 2);
  other.Connect(2);
  const wire::ReadAnswer answer = other.Read(2, {0, 1});
  EXPECT_EQ(answer.result, wire::Result::kOk);
  EXPECT_TRUE(std::ranges::equal(answer.payload.span(), Bytes(1)));
  // Ordered again, it says again how far it is.
  cluster.ChangeLine(AddLayer);
  ASSERT_TRUE(Applied(4));
}

// What was ordered and is done is not looked after any more: not with each heartbeat, and after a
// registration metadata orders again what it waits for.
TEST_F(LinesTest, WhatIsDoneIsNotSaidAgain) {
  EXPECT_EQ(client->Write(1, 0, Bytes(1)), wire::Result::kOk);
  cluster.ChangeLine(AddLayer);
  cluster.ChangeLine(MergeOldest);
  ASSERT_TRUE(Applied(3));
  cluster.received.clear();
  cluster.node(1).link->Break();
  cluster.RunFor(Duration::Millis(700));
  bool registered = false;
  for (const ToMetadata& m : cluster.received) {
    registered = registered || m.has_register_();
    EXPECT_FALSE(m.has_lines_kept());
  }
  EXPECT_TRUE(registered);
  // Ordered again, it says again how far it is.
  cluster.ChangeLine(AddLayer);
  EXPECT_TRUE(Applied(4));
}

// Metadata sends what has changed since a version that this node has not: it asks for the whole.
TEST_F(LinesTest, AGapIsAskedFor) {
  FromMetadata lost;
  model::Line line = cluster.line();
  line.version = LineVersion(7);
  AddLayer(line);
  *lost.mutable_lines()->add_lines() = control::ToMessage(line.Since(LineVersion(6)));
  cluster.received.clear();
  cluster.Broadcast(lost);
  EXPECT_TRUE(cluster.RunUntil(Duration::Seconds(1), [&] {
    for (const ToMetadata& m : cluster.received) {
      if (!m.has_subscribe()) continue;
      for (const SectionVersion& s : m.subscribe().sections()) {
        if (s.section() == "line/5" && s.version() == 0) return true;
      }
    }
    return false;
  }));
  EXPECT_EQ(cluster.Kept(1).durable(), 1u);  // what the client taught it
}

TEST_F(LinesTest, TailsCountWhatLayersHold) {
  EXPECT_EQ(client->Write(1, 0, Bytes(1, 8)), wire::Result::kOk);
  cluster.ChangeLine(AddLayer);
  ASSERT_TRUE(Applied(2));
  EXPECT_EQ(client->Write(1, 2, Bytes(2, 3)), wire::Result::kOk);
  cluster.RunFor(Duration::Millis(100));
  FromMetadata order;
  order.mutable_space()->set_id(17);
  order.mutable_space()->add_lineages(5);
  order.mutable_space()->add_lineages(99);
  cluster.received.clear();
  cluster.Broadcast(order);
  cluster.RunFor(Duration::Millis(50));
  std::map<uint32_t, std::pair<uint64_t, uint64_t>> layers;
  int answers = 0;
  for (const ToMetadata& m : cluster.received) {
    if (!m.has_space()) continue;
    EXPECT_EQ(m.space().id(), 17u);
    answers += !m.space().more();
    for (const LayerSpace& l : m.space().layers()) {
      layers[l.layer()].first += l.stored_bytes();
      layers[l.layer()].second += l.freed_bytes();
    }
  }
  EXPECT_EQ(answers, 2);  // one from each node; only the tail counts
  EXPECT_EQ(layers[1], std::pair(uint64_t{8 * kBlockBytes}, uint64_t{3 * kBlockBytes}));
  EXPECT_EQ(layers[2], std::pair(uint64_t{3 * kBlockBytes}, uint64_t{3 * kBlockBytes}));
}

TEST_F(LinesTest, HeartbeatsCountWhatClientsWereAnswered) {
  for (uint32_t i = 0; i < 5; ++i)
    EXPECT_EQ(client->Write(1, 4 * i, Bytes(i, 2)), wire::Result::kOk);
  for (uint32_t i = 0; i < 3; ++i) client->Read(2, {0, 4});
  cluster.received.clear();
  cluster.RunFor(Duration::Millis(700));
  std::map<uint32_t, DiskRoom> rooms;
  for (const ToMetadata& m : cluster.received) {
    for (const DiskRoom& room : m.heartbeat().disks()) rooms[room.disk()] = room;
  }
  EXPECT_EQ(rooms[2].reads(), 3u);
  EXPECT_EQ(rooms[2].read_bytes(), 3u * 4 * kBlockBytes);
  EXPECT_EQ(rooms[2].writes(), 5u);
  EXPECT_EQ(rooms[2].written_bytes(), 5u * 2 * kBlockBytes);
  EXPECT_EQ(rooms[1].reads(), 0u);
  EXPECT_EQ(rooms[1].writes(), 0u);
}

}  // namespace
}  // namespace storpool::node
