// Attachments, sessions and the fences between them (5.8, 5.9, S2), and deleting volumes.
#include <gtest/gtest.h>

#include <memory>

#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

class AttachmentsTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    ASSERT_TRUE(cluster.CreateVolume("v").ok());
    cluster.AddClient(1);
    cluster.Run(Duration::Millis(200));
  }
  absl::Status Attach(uint32_t client, const std::string& volume = "v") {
    Command command;
    command.mutable_attach()->set_volume(volume);
    command.mutable_attach()->set_client(client);
    const absl::Status status = cluster.Do(command).status();
    cluster.Run(Duration::Millis(300));
    return status;
  }
  absl::Status Detach(uint32_t client, bool force) {
    Command command;
    command.mutable_detach()->set_volume("v");
    command.mutable_detach()->set_client(client);
    command.mutable_detach()->set_force(force);
    return cluster.Do(command).status();
  }
  absl::Status Delete(const std::string& volume) {
    Command command;
    command.mutable_delete_volume()->mutable_remove()->set_name(volume);
    return cluster.Do(command).status();
  }
  FakeCluster cluster;
};

TEST_F(AttachmentsTest, AnAttachmentReachesItsClientWithItsLine) {
  ASSERT_TRUE(Attach(1).ok());
  const Attachment* a = cluster.client(1).Find("v");
  ASSERT_NE(a, nullptr);
  EXPECT_TRUE(a->granted());
  EXPECT_EQ(a->generation(), 1u);
  EXPECT_EQ(a->rights(), READ_WRITE);
  const Section& section = cluster.client(1).sections["attachments/1"];
  ASSERT_EQ(section.attachments().lines_size(), 1);
  EXPECT_EQ(section.attachments().lines(0).layers(0).size_bytes(), 1u << 30);
  EXPECT_EQ(cluster.state().attachments().begin()->second.attachment().device(), "nbd://here/v");
  EXPECT_TRUE(Attach(1).ok());  // it is so already
  EXPECT_EQ(cluster.client(1).Find("v")->generation(), 1u);
}

TEST_F(AttachmentsTest, AnUnknownClientOrVolumeIsRefused) {
  const absl::Status client = Attach(7);
  EXPECT_EQ(ErrorName(client), "invalidParam");
  EXPECT_EQ(client.message(), "No such client registered");
  EXPECT_EQ(ErrorName(Attach(1, "none")), "objectDoesNotExist");
}

TEST_F(AttachmentsTest, ARestartedClientIsGrantedAfterItsFence) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.node(2).raises = false;
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(500));
  const Attachment* a = cluster.client(1).Find("v");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->generation(), 2u);
  EXPECT_FALSE(a->granted());  // node 2 has not raised
  cluster.node(2).raises = true;
  // The order comes again.
  cluster.Run(Duration::Millis(1500));
  a = cluster.client(1).Find("v");
  EXPECT_TRUE(a->granted());
  EXPECT_TRUE(cluster.state().fences().empty());
}

TEST_F(AttachmentsTest, AReconnectedClientKeepsItsSession) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.client(1).Cut();
  cluster.Run(Duration::Millis(500));
  EXPECT_EQ(cluster.client(1).Find("v")->generation(), 1u);
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
}

TEST_F(AttachmentsTest, ChainsThatAreNotOpenAreNamedAgainAndBindTheGrant) {
  ASSERT_TRUE(Attach(1).ok());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Millis(500));
  ASSERT_EQ(cluster.Open(), 0u);
  const uint32_t before = cluster.state().chains().begin()->second.config().named().epoch();
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(500));
  const Attachment* a = cluster.client(1).Find("v");
  ASSERT_TRUE(a->granted());  // no chain is open, and nothing waits for them (S2)
  EXPECT_EQ(a->floors_size(), 64);
  EXPECT_GT(a->floors(0).epoch(), before);
  for (const auto& [raw, chain] : cluster.state().chains()) {
    ASSERT_EQ(chain.config().raises_size(), 1);
    EXPECT_EQ(chain.config().raises(0).generation(), 2u);
  }
  // Named once more before it opens: the raise stays on it.
  cluster.Run(Duration::Seconds(5));
  EXPECT_EQ(cluster.state().chains().begin()->second.config().raises_size(), 1);
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = true;
  cluster.Run(Duration::Seconds(10));
  EXPECT_EQ(cluster.Open(), 64u);
  EXPECT_EQ(cluster.state().chains().begin()->second.config().raises_size(), 0);
}

TEST_F(AttachmentsTest, AnEpochWithoutTheRaiseNeverOpens) {
  ASSERT_TRUE(Attach(1).ok());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Millis(500));
  const auto [raw, chain] = *cluster.state().chains().begin();
  Command open;
  OpenChains::One& one = *open.mutable_open_chains()->add_chains();
  one.set_chain(static_cast<uint32_t>(raw));
  one.set_epoch(chain.config().named().epoch());
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(100));
  ASSERT_TRUE(cluster.Do(open).ok());  // the coordinator's word of the earlier name comes late
  EXPECT_FALSE(cluster.state().FindChain(static_cast<uint32_t>(raw))->config().named().opened());
}

TEST_F(AttachmentsTest, APlainDetachWaitsForTheClientAndTheFence) {
  ASSERT_TRUE(Attach(1).ok());
  ASSERT_TRUE(Detach(1, false).ok());
  cluster.Run(Duration::Millis(500));
  EXPECT_TRUE(cluster.state().attachments().empty());
  EXPECT_EQ(cluster.client(1).Find("v"), nullptr);
  ASSERT_TRUE(Attach(1).ok());
  EXPECT_EQ(cluster.client(1).Find("v")->generation(), 3u);  // above the fence's
}

TEST_F(AttachmentsTest, ADetachOfAnOpenDeviceIsRefusedWithTheReason) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.client(1).holds_open = "v";
  ASSERT_TRUE(Detach(1, false).ok());
  cluster.Run(Duration::Millis(500));
  ASSERT_EQ(cluster.state().attachments().size(), 1u);
  const AttachmentRecord& record = cluster.state().attachments().begin()->second;
  EXPECT_FALSE(record.attachment().detaching());
  EXPECT_EQ(record.detach_error(), "is open at here");
}

TEST_F(AttachmentsTest, AForcedDetachNeedsNoClient) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Millis(100));
  EXPECT_EQ(ErrorName(Detach(1, false)), "busy");
  ASSERT_TRUE(Detach(1, true).ok());
  cluster.Run(Duration::Millis(500));
  EXPECT_TRUE(cluster.state().attachments().empty());
  EXPECT_EQ(ErrorName(Detach(1, true)), "objectDoesNotExist");
}

TEST_F(AttachmentsTest, AFenceSurvivesARestartOfMetadata) {
  ASSERT_TRUE(Attach(1).ok());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).raises = false;
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(300));
  ASSERT_EQ(cluster.state().fences().size(), 1u);
  cluster.StopLeader();
  cluster.StartLeader();
  for (uint32_t id : {1, 2, 3}) cluster.node(id).raises = true;
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.state().fences().empty());
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
}

TEST_F(AttachmentsTest, AFenceThatAnotherOneSupersedesIsForgotten) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.node(2).raises = false;
  const auto restart = [&] {
    cluster.client(1).Kill(true);
    cluster.client(1).Start();
    cluster.Run(Duration::Millis(200));
    return cluster.state().fences().begin()->first;
  };
  const uint64_t first = restart();
  EXPECT_NE(cluster.leader().fences().since(first), Instant());
  ASSERT_NE(restart(), first);
  EXPECT_EQ(cluster.leader().fences().since(first), Instant());
}

TEST_F(AttachmentsTest, AMuteMemberDelaysAGrantForAWhileOnly) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.node(3).raises = false;  // it answers, but cannot drain
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(1800));
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  EXPECT_GT(cluster.client(1).Find("v")->floors_size(), 0);
  EXPECT_EQ(cluster.Open(), 64u);
}

TEST_F(AttachmentsTest, AVolumeIsDeletedWhenNobodyHasIt) {
  ASSERT_TRUE(Attach(1).ok());
  EXPECT_EQ(ErrorName(Delete("v")), "busy");
  ASSERT_TRUE(Detach(1, false).ok());
  cluster.Run(Duration::Millis(500));
  cluster.node(2).Kill(true);  // away while it is deleted (hazard 6.10)
  cluster.Run(Duration::Seconds(1));
  const uint64_t lineage = cluster.state().volumes().begin()->second.lineage();
  cluster.node(1).follows.emplace_back().set_section(LineSectionName(lineage));
  ASSERT_TRUE(Delete("v").ok());
  EXPECT_TRUE(cluster.state().volumes().empty());
  EXPECT_TRUE(cluster.state().FindLine(lineage)->dropped());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().drops().at(lineage).disks_size(), 1);
  EXPECT_TRUE(cluster.node(1).dropped_lineages.contains(lineage));
  cluster.node(2).Start();
  cluster.Run(Duration::Seconds(1));
  EXPECT_TRUE(cluster.node(2).dropped_lineages.contains(lineage));
  EXPECT_TRUE(cluster.state().drops().empty());
  EXPECT_EQ(cluster.state().FindLine(lineage), nullptr);
  EXPECT_EQ(ErrorName(Delete("v")), "objectDoesNotExist");
  ASSERT_TRUE(cluster.CreateVolume("v").ok());
  EXPECT_GT(cluster.state().volumes().begin()->second.lineage(), lineage);  // never used twice
}

TEST_F(AttachmentsTest, AMoveGrantsOnlyWhenTheFormerSessionIsFenced) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.AddClient(2);
  cluster.Run(Duration::Millis(200));
  cluster.node(2).raises = false;
  Command move;
  ReassignRequest::One& entry = *move.mutable_reassign()->add_entries();
  entry.set_volume("v");
  entry.set_detach_all(true);
  entry.add_rw(2);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Millis(500));
  ASSERT_NE(cluster.client(2).Find("v"), nullptr);
  EXPECT_FALSE(cluster.client(2).Find("v")->granted());
  cluster.node(2).raises = true;
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.client(2).Find("v")->granted());
  EXPECT_EQ(cluster.client(1).Find("v"), nullptr);
  EXPECT_FALSE(cluster.Do(move)->changed());  // it is so already
}

// As a host does that gives a volume to the next one and goes on reading it.
TEST_F(AttachmentsTest, AMoveChangesRightsByANewSession) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.AddClient(2);
  cluster.Run(Duration::Millis(200));
  const uint64_t before = cluster.client(1).Find("v")->generation();
  Command move;
  ReassignRequest::One& entry = *move.mutable_reassign()->add_entries();
  entry.set_volume("v");
  entry.add_ro(1);
  entry.add_rw(2);
  cluster.node(2).raises = false;
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Millis(500));
  EXPECT_FALSE(cluster.client(1).Find("v")->granted());
  EXPECT_FALSE(cluster.client(2).Find("v")->granted());
  cluster.node(2).raises = true;
  cluster.Run(Duration::Seconds(2));
  const Attachment* reader = cluster.client(1).Find("v");
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->rights(), READ_ONLY);
  EXPECT_TRUE(reader->granted());
  EXPECT_GT(reader->generation(), before);
  EXPECT_TRUE(cluster.client(2).Find("v")->granted());
  EXPECT_FALSE(cluster.Do(move)->changed());
  // Back, as one entry that detaches the other.
  entry.clear_ro();
  entry.clear_rw();
  entry.add_rw(1);
  entry.set_detach_all(true);
  entry.set_force(true);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.client(1).Find("v")->rights(), READ_WRITE);
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  EXPECT_EQ(cluster.client(2).Find("v"), nullptr);
}

TEST_F(AttachmentsTest, RightsOfAnOpenDeviceStay) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.client(1).holds_open = "v";
  Command move;
  move.mutable_reassign()->add_entries()->set_volume("v");
  move.mutable_reassign()->mutable_entries(0)->add_ro(1);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Millis(500));
  EXPECT_EQ(cluster.client(1).Find("v")->rights(), READ_WRITE);
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  // An order to go, given later, does not bring it back.
  cluster.client(1).holds_open = "";
  cluster.node(2).raises = false;
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Millis(200));
  ASSERT_TRUE(Detach(1, false).ok());
  cluster.node(2).raises = true;
  cluster.Run(Duration::Seconds(2));
  EXPECT_EQ(cluster.client(1).Find("v"), nullptr);
}

TEST_F(AttachmentsTest, AMoveOfAnOpenDeviceIsOffAsAWhole) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.AddClient(2);
  cluster.Run(Duration::Millis(200));
  cluster.client(1).holds_open = "v";
  Command move;
  ReassignRequest::One& entry = *move.mutable_reassign()->add_entries();
  entry.set_volume("v");
  entry.set_detach_all(true);
  entry.add_rw(2);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Millis(500));
  EXPECT_TRUE(cluster.client(1).Find("v")->granted());
  EXPECT_EQ(cluster.client(2).Find("v"), nullptr);
  move.mutable_reassign()->mutable_entries(0)->set_force(true);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Seconds(2));
  EXPECT_TRUE(cluster.client(2).Find("v")->granted());
}

TEST_F(AttachmentsTest, OtherRightsForAClientThatIsDownNeedForce) {
  ASSERT_TRUE(Attach(1).ok());
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Millis(100));
  Command move;
  ReassignRequest::One& entry = *move.mutable_reassign()->add_entries();
  entry.set_volume("v");
  entry.add_ro(1);
  EXPECT_EQ(ErrorName(cluster.Do(move).status()), "busy");
  EXPECT_FALSE(cluster.state().attachments().begin()->second.attachment().detaching());
  entry.set_force(true);
  ASSERT_TRUE(cluster.Do(move).ok());
  cluster.Run(Duration::Seconds(1));
  EXPECT_EQ(cluster.state().attachments().begin()->second.attachment().rights(), READ_ONLY);
  entry.set_force(false);
  EXPECT_TRUE(cluster.Do(move).ok());  // it is so already
}

TEST_F(AttachmentsTest, OneBadEntryChangesNothing) {
  ASSERT_TRUE(Attach(1).ok());
  Command move;
  move.mutable_reassign()->add_entries()->set_volume("v");
  move.mutable_reassign()->mutable_entries(0)->set_detach_all(true);
  move.mutable_reassign()->add_entries()->set_volume("none");
  EXPECT_EQ(ErrorName(cluster.Do(move).status()), "objectDoesNotExist");
  EXPECT_FALSE(cluster.state().attachments().begin()->second.attachment().detaching());
}

TEST_F(AttachmentsTest, WaitUntilEndsWithTheConditionOrTheTime) {
  absl::Status met = absl::UnknownError(""), late = absl::UnknownError("");
  cluster.leader().WaitUntil(
      [](const State& s, const LiveView&) { return !s.attachments().empty(); }, Duration(),
      [&](absl::Status s) { met = s; });
  cluster.leader().WaitUntil([](const State&, const LiveView&) { return false; },
                             Duration::Millis(200), [&](absl::Status s) { late = s; });
  cluster.Run(Duration::Millis(100));
  EXPECT_TRUE(absl::IsUnknown(met));
  ASSERT_TRUE(Attach(1).ok());
  EXPECT_TRUE(met.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(late));
}

TEST_F(AttachmentsTest, WaitUntilEndsWhenItsCallerGoes) {
  absl::Status gone = absl::UnknownError(""), here = absl::UnknownError("");
  const auto never = [](const State&, const LiveView&) { return false; };
  auto going = std::make_shared<const bool>(), staying = std::make_shared<const bool>();
  cluster.leader().WaitUntil(
      never, Duration(), [&](absl::Status s) { gone = s; }, Caller(going));
  cluster.leader().WaitUntil(
      never, Duration(), [&](absl::Status s) { here = s; }, Caller(staying));
  cluster.Run(Duration::Millis(500));
  EXPECT_TRUE(absl::IsUnknown(gone));
  going.reset();
  cluster.Run(Duration::Millis(500));
  EXPECT_TRUE(absl::IsCancelled(gone));
  EXPECT_TRUE(absl::IsUnknown(here));
}

// The raise of a forced detach may rest on a name that no member has heard yet: whoever is granted
// next uses no lower epoch (S2).
TEST_F(AttachmentsTest, TheSessionAfterAForcedDetachIsBoundByItsNames) {
  cluster.AddClient(2);
  ASSERT_TRUE(Attach(1).ok());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Millis(500));
  ASSERT_EQ(cluster.Open(), 0u);
  ASSERT_TRUE(Detach(1, true).ok());
  cluster.Run(Duration::Seconds(1));
  ASSERT_TRUE(cluster.state().attachments().empty());
  ASSERT_TRUE(Attach(2).ok());
  const Attachment* a = cluster.client(2).Find("v");
  ASSERT_NE(a, nullptr);
  ASSERT_EQ(a->floors_size(), 64);
  const ChainRecord& chain = *cluster.state().FindChain(a->floors(0).chain());
  EXPECT_EQ(a->floors(0).epoch(), chain.config().named().epoch());
}

// Fences times chains: each chain is named once, however many sessions one command fences.
TEST_F(AttachmentsTest, AllSessionsOfAClientAreFencedByOneName) {
  ASSERT_TRUE(cluster.CreateVolume("w").ok());
  ASSERT_TRUE(cluster.CreateVolume("x").ok());
  for (const char* volume : {"v", "w", "x"}) ASSERT_TRUE(Attach(1, volume).ok());
  for (uint32_t id : {1, 2, 3}) cluster.node(id).opens = false;
  cluster.node(2).Kill(true);
  cluster.Run(Duration::Millis(500));
  ASSERT_EQ(cluster.Open(), 0u);
  const uint32_t before = cluster.state().chains().begin()->second.config().named().epoch();
  cluster.client(1).Kill(true);
  cluster.client(1).Start();
  cluster.Run(Duration::Millis(50));
  const ChainRecord& chain = cluster.state().chains().begin()->second;
  EXPECT_EQ(chain.config().named().epoch(), before + 1);
  EXPECT_EQ(chain.config().raises_size(), 3);
  for (const char* volume : {"v", "w", "x"}) {
    ASSERT_NE(cluster.client(1).Find(volume), nullptr);
    EXPECT_EQ(cluster.client(1).Find(volume)->floors_size(), 64) << volume;
  }
}

}  // namespace
}  // namespace storpool::metadata
