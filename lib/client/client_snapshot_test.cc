// What metadata orders of snapshots, clones and fills, and what the client says of them.
#include <set>

#include "lib/client/client_fixture.h"

namespace storpool::client {
namespace {

class ClientSnapshotTest : public ClientTest {
 protected:
  void SendHold(uint64_t id, uint32_t generation) { Send(HoldOf(id, generation)); }
  FromMetadata HoldOf(uint64_t id, uint32_t generation) {
    FromMetadata message;
    SnapshotHold& hold = *message.mutable_snapshot_hold();
    hold.set_id(id);
    hold.set_timeout_ms(100);
    HeldVolume& held = *hold.add_volumes();
    held.set_volume(5);
    held.set_generation(generation);
    *held.mutable_line() = LineWith({1, 2}, 2);
    return message;
  }
  void Send(const FromMetadata& message) { link.handler->OnLinkMessage(message); }
  void SendRelease(uint64_t id) {
    FromMetadata message;
    message.mutable_snapshot_release()->set_id(id);
    link.handler->OnLinkMessage(message);
  }
  Line LineWith(std::vector<uint32_t> layers, uint32_t version) {
    Line line;
    line.set_lineage(70);
    line.set_volume(5);
    line.set_table(1);
    line.set_version(version);
    for (uint32_t id : layers) {
      storpool::Layer& layer = *line.add_layers();
      layer.set_id(id);
      layer.set_size_bytes(1 << 20);
      layer.set_cut_bytes(1 << 20);
    }
    return line;
  }
  // What was said of snapshots since the last call.
  std::vector<std::string> Said() {
    std::vector<std::string> said;
    for (const ToMetadata& m : link.sent) {
      if (m.has_snapshot_held()) said.push_back("held " + std::to_string(m.snapshot_held().id()));
      if (!m.has_snapshot_released()) continue;
      const SnapshotReleased& r = m.snapshot_released();
      said.push_back("released " + std::to_string(r.id()) + (r.held() ? " held" : "") +
                     (r.drained() ? " drained" : ""));
    }
    link.sent.clear();
    return said;
  }
  using Words = std::vector<std::string>;
};

TEST_F(ClientSnapshotTest, AnswersAreKeptOverALostLinkUntilTheSnapshotIsOver93) {
  Attach();
  link.sent.clear();
  SendHold(7, 3);
  EXPECT_EQ(Said(), Words{"held 7"});
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  link.handler->OnLinkUp();
  Register(2);
  EXPECT_EQ(Said(), Words{"held 7"});
  SendRelease(7);
  EXPECT_EQ(Said(), Words{"released 7 held drained"});
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  link.handler->OnLinkUp();
  Register(3);
  EXPECT_EQ(Said(), Words{"released 7 held drained"});
  SendHold(7, 3);  // by a new leader that does not know yet
  EXPECT_EQ(Said(), Words{});
  reactor.AdvanceBy(Duration::Millis(300));
  EXPECT_EQ(Said(), Words{"released 7 held drained"});
  FromMetadata over;
  over.mutable_snapshot_over()->set_id(7);
  link.handler->OnLinkMessage(over);
  reactor.AdvanceBy(Duration::Millis(700));
  EXPECT_EQ(Said(), Words{});
}

TEST_F(ClientSnapshotTest, WhoIsAloneGoesOnAsSoonAsAllIsHeld93) {
  Attach();
  link.sent.clear();
  FromMetadata hold = HoldOf(7, 3);
  hold.mutable_snapshot_hold()->set_alone(true);
  Send(hold);
  reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_EQ(Said(), (Words{"held 7", "released 7 held drained"}));
  SendRelease(7);  // metadata says it all the same
  Send(hold);      // a new leader
  reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_EQ(Said(), Words{});
}

TEST_F(ClientSnapshotTest, WhoIsAloneWaitsForTheLastOfItsGroup93) {
  Attach();
  link.sent.clear();
  FromMetadata hold = HoldOf(7, 3);
  hold.mutable_snapshot_hold()->set_alone(true);
  HeldVolume& other = *hold.mutable_snapshot_hold()->add_volumes();
  other = hold.snapshot_hold().volumes(0);
  other.set_volume(6);  // not open yet
  Send(hold);
  reactor.AdvanceBy(Duration::Millis(50));
  EXPECT_EQ(Said(), Words{"held 7"});
  reactor.AdvanceBy(Duration::Millis(100));
  EXPECT_EQ(Said(), Words{"released 7 drained"});
}

TEST_F(ClientSnapshotTest, ATimeOutWithoutMetadataIsAnsweredLater) {
  Attach();
  SendHold(7, 3);
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  reactor.AdvanceBy(Duration::Millis(150));
  link.handler->OnLinkUp();
  Register(2);
  EXPECT_EQ(Said(), Words{"released 7 drained"});
}

TEST_F(ClientSnapshotTest, ASessionThatOpensDuringAHoldHolds) {
  Register();
  SendAttachment(1, 3, true);  // granted, but the table is not known
  link.sent.clear();
  SendHold(7, 3);
  EXPECT_EQ(Said(), Words{});
  SendMap();
  Volume* volume = client.FindVolume("disk1");
  ASSERT_NE(volume, nullptr);
  EXPECT_EQ(Said(), Words{"held 7"});
  EXPECT_TRUE(volume->held());
  SendRelease(7);
  EXPECT_EQ(Said(), Words{"released 7 held drained"});
}

TEST_F(ClientSnapshotTest, TheHoldOfAFormerSessionIsNotOurs) {
  Attach();
  link.sent.clear();
  SendHold(7, 2);
  reactor.AdvanceBy(Duration::Millis(200));
  EXPECT_EQ(Said(), Words{});
  EXPECT_EQ(client.FindVolume("disk1")->held_for(), 0u);
}

TEST_F(ClientSnapshotTest, AnUnnamedSnapshotIsAttachedForReadingAsItIsShown) {
  Register();
  SendMap();
  Section* section = nullptr;
  FromMetadata message = NewSection("attachments/9", 1, &section);
  Attachment& a = *section->mutable_attachments()->add_attachments();
  a.set_volume(6);
  a.set_volume_name("~d.n.6");
  a.set_global_id("d.n.6");
  a.set_client(9);
  a.set_rights(READ_ONLY);
  a.set_generation(1);
  a.set_granted(true);
  a.set_snapshot(true);
  storpool::Volume& v = *section->mutable_attachments()->add_volumes();
  v.set_id(6);
  v.set_snapshot(true);
  v.set_layer(1);
  v.set_lineage(70);
  *section->mutable_attachments()->add_lines() = LineWith({1, 2}, 2);
  link.handler->OnLinkMessage(message);
  ASSERT_NE(client.FindVolume("~d.n.6"), nullptr);
  EXPECT_TRUE(client.FindVolume("~d.n.6")->info().read_only);
  EXPECT_EQ(client.FindVolume("~d.n.6")->snapshot(), LayerId(1));
}

TEST_F(ClientSnapshotTest, LinesAndTablesOfAllForeignParentsAreFollowed) {
  Register();
  SendMap();
  Section* section = nullptr;
  FromMetadata message = NewSection("line/70", 2, &section);
  *section->mutable_line() = LineWith({1}, 2);
  section->mutable_line()->set_has_foreign_parent(true);
  section->mutable_line()->set_parent_lineage(60);
  section->mutable_line()->set_parent_layer(4);
  section->mutable_line()->set_parent_size_bytes(1 << 20);
  link.handler->OnLinkMessage(message);
  link.sent.clear();
  SendAttachment(1, 3, true);
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  std::set<std::string> followed;
  for (const ToMetadata& m : link.sent) {
    for (const SectionVersion& s : m.subscribe().sections()) followed.insert(s.section());
  }
  EXPECT_TRUE(followed.contains("line/60"));
  message = NewSection("line/60", 1, &section);
  *section->mutable_line() = LineWith({4, 5}, 1);
  section->mutable_line()->set_lineage(60);
  section->mutable_line()->set_table(2);
  link.sent.clear();
  link.handler->OnLinkMessage(message);
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  message = NewSection("table/2", 1, &section);
  section->mutable_table()->set_table(2);
  section->mutable_table()->set_chains(4);
  section->mutable_table()->set_complete(true);
  link.handler->OnLinkMessage(message);
  EXPECT_NE(client.FindVolume("disk1"), nullptr);
}

TEST_F(ClientSnapshotTest, AFillReportsUntilItIsStoppedAndNeverBeginsTwice) {
  Register();
  SendMap();
  FromMetadata message;
  FillOrder& order = *message.mutable_fill();
  order.set_volume(5);
  order.set_generation(9);
  order.set_first(3);
  order.set_end(4);
  *order.mutable_line() = LineWith({1}, 1);  // without a parent nothing is lacking
  link.sent.clear();
  link.handler->OnLinkMessage(message);
  reactor.RunUntilIdle();
  const auto reports = [this] {
    std::vector<FillReport> list;
    for (const ToMetadata& m : link.sent) {
      if (m.has_fill()) list.push_back(m.fill());
    }
    link.sent.clear();
    return list;
  };
  auto list = reports();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].next(), 4u);
  EXPECT_TRUE(list[0].done());
  EXPECT_EQ(list[0].generation(), 9u);
  link.handler->OnLinkMessage(message);  // asked again
  EXPECT_EQ(reports().size(), 1u);
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  link.handler->OnLinkUp();
  Register(2);
  EXPECT_EQ(reports().size(), 1u);
  order.set_stop(true);
  order.set_volume(0);  // it is gone meanwhile
  link.handler->OnLinkMessage(message);
  reports();
  reactor.AdvanceBy(Duration::Seconds(1));
  EXPECT_EQ(reports().size(), 0u);
}

}  // namespace
}  // namespace storpool::client
