// The client's talk with metadata: registering, attachments, detaches, sessions.
#include "lib/client/client.h"

#include <gtest/gtest.h>

#include <deque>

#include "lib/base/digest.h"
#include "lib/base/random.h"
#include "lib/client/volume_fixture.h"

namespace storpool::client {
namespace {

class FakeLink final : public control::MetadataLink {
 public:
  void Start(Handler* to) override { handler = to; }
  void Send(const ToMetadata& message) override { sent.push_back(message); }
  ToMetadata Take() {
    SP_CHECK(!sent.empty());
    ToMetadata message = sent.front();
    sent.pop_front();
    return message;
  }
  Handler* handler = nullptr;
  std::deque<ToMetadata> sent;
};

class SeededEntropy final : public env::Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_.Next());
  }

 private:
  Random random_{7};
};

class ClientTest : public testing::Test, public ClientEvents {
 protected:
  ClientTest() {
    client.Start();
    link.handler->OnLinkUp();
  }

  std::string OnAttached(Volume& volume) override {
    attached.push_back(volume.name());
    return "nbd://here/" + volume.name();
  }
  absl::Status OnDetach(Volume&) override { return detach_answer; }
  void OnGone(Volume& volume, const absl::Status& reason) override {
    gone.push_back(volume.name());
    EXPECT_FALSE(reason.ok());
  }
  void OnRefused(std::string_view reason, bool) override { refused = reason; }

  void Register(uint64_t term = 1) {
    link.sent.clear();
    FromMetadata message;
    message.mutable_registered()->set_term(term);
    message.mutable_registered()->set_heartbeat_ms(300);
    link.handler->OnLinkMessage(message);
  }
  FromMetadata NewSection(const std::string& name, uint64_t version, Section** section) {
    FromMetadata message;
    *section = message.mutable_sections()->add_sections();
    (*section)->set_name(name);
    (*section)->set_version(version);
    return message;
  }
  void SendMap() {
    Section* section = nullptr;
    FromMetadata table = NewSection("table/1", 1, &section);
    section->mutable_table()->set_table(1);
    section->mutable_table()->set_chains(4);
    section->mutable_table()->set_complete(true);
    link.handler->OnLinkMessage(table);
  }
  void SendAttachment(uint64_t version, uint32_t generation, bool granted, bool detaching = false) {
    Section* section = nullptr;
    FromMetadata message = NewSection("attachments/9", version, &section);
    AttachmentsSection& content = *section->mutable_attachments();
    Attachment& a = *content.add_attachments();
    a.set_volume(5);
    a.set_volume_name("disk1");
    a.set_client(9);
    a.set_rights(READ_WRITE);
    a.set_generation(generation);
    a.set_granted(granted);
    a.set_detaching(detaching);
    storpool::Volume& v = *content.add_volumes();
    v.set_id(5);
    v.set_name("disk1");
    v.set_lineage(70);
    Line& line = *content.add_lines();
    line.set_lineage(70);
    line.set_volume(5);
    line.set_table(1);
    line.set_version(1);
    storpool::Layer& layer = *line.add_layers();
    layer.set_id(1);
    layer.set_size_bytes(1 << 20);
    layer.set_cut_bytes(1 << 20);
    link.handler->OnLinkMessage(message);
  }
  void SendNoAttachments(uint64_t version) {
    Section* section = nullptr;
    FromMetadata message = NewSection("attachments/9", version, &section);
    section->mutable_attachments();
    link.handler->OnLinkMessage(message);
  }
  // The newest AttachmentReady that was sent, or none.
  AttachmentReady LastReady() {
    AttachmentReady ready;
    for (const ToMetadata& message : link.sent) {
      if (message.has_attachment_ready()) ready = message.attachment_ready();
    }
    return ready;
  }
  void Attach() {
    Register();
    SendAttachment(1, 3, true);
    SendMap();
    ASSERT_NE(client.FindVolume("disk1"), nullptr);
  }

  env::ManualReactor reactor;
  BufferPool pool;
  ScriptedNodes nodes{reactor};
  SeededEntropy entropy;
  QuietLog log;
  FakeLink link;
  std::vector<std::string> attached, gone;
  absl::Status detach_answer;
  std::string refused;
  Client client{{.id = ClientId(9),
                 .name = "host",
                 .cluster = {1, 2, 3},
                 .secret = "s3cret",
                 .nbd_address = "127.0.0.1:10809"},
                reactor,
                nodes,
                entropy,
                log,
                pool,
                link,
                *this};
};

TEST_F(ClientTest, RegistersWithAProofOfTheSecretAndFollowsItsSections) {
  const ToMetadata hello = link.Take();
  ASSERT_TRUE(hello.has_register_());
  EXPECT_EQ(hello.register_().client().id(), 9u);
  EXPECT_EQ(hello.register_().cluster().size(), 16u);
  EXPECT_NE(hello.register_().process(), 0u);
  const Digest proof = ProofOf(SecretKey("s3cret"), hello.register_().nonce());
  EXPECT_EQ(hello.register_().proof(), std::string(proof.begin(), proof.end()));
  Register();
  const ToMetadata subscribe = link.Take();
  ASSERT_EQ(subscribe.subscribe().sections_size(), 2);
  EXPECT_EQ(subscribe.subscribe().sections(0).section(), "attachments/9");
  EXPECT_EQ(subscribe.subscribe().sections(1).section(), "disks");
  reactor.AdvanceBy(Duration::Millis(300));
  EXPECT_TRUE(link.Take().has_heartbeat());
}

TEST_F(ClientTest, AVolumeIsThereOnceGrantedAndItsMapIsKnown) {
  Register();
  SendAttachment(1, 3, false);
  SendMap();
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  SendAttachment(2, 3, true);
  ASSERT_NE(client.FindVolume("disk1"), nullptr);
  EXPECT_EQ(client.FindVolume("disk1")->session().generation, Generation(3));
  EXPECT_EQ(attached, std::vector<std::string>{"disk1"});
  EXPECT_TRUE(LastReady().attached());
  EXPECT_EQ(LastReady().device(), "nbd://here/disk1");
  EXPECT_EQ(client.FindVolume("other"), nullptr);
}

TEST_F(ClientTest, AfterABrokenLinkItSaysAgainWhatItHas) {
  Attach();
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  link.handler->OnLinkUp();
  ASSERT_TRUE(link.sent.back().has_register_());
  Register(2);
  EXPECT_EQ(link.sent.front().subscribe().sections_size(), 4);
  EXPECT_TRUE(LastReady().attached());
  EXPECT_NE(client.FindVolume("disk1"), nullptr);
}

TEST_F(ClientTest, AFormerLeaderIsNotListenedTo) {
  Register(5);
  link.handler->OnLinkDown(absl::UnavailableError("gone"));
  link.handler->OnLinkUp();
  Register(4);
  SendAttachment(1, 3, true);
  SendMap();
  EXPECT_FALSE(client.registered());
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
}

TEST_F(ClientTest, APlainDetachWaitsForRequestsAndTheirOwner) {
  Attach();
  detach_answer = absl::FailedPreconditionError("nbd client 10.0.0.7 has it open");
  SendAttachment(2, 3, true, true);
  EXPECT_EQ(LastReady().error(), "nbd client 10.0.0.7 has it open");
  EXPECT_NE(client.FindVolume("disk1"), nullptr);

  SendAttachment(3, 3, true, false);
  block::TestIo io;  // no config of its chain is known: it waits
  Volume* volume = client.FindVolume("disk1");
  volume->Start(block::PrepareWrite(&io, pool, 0, 4096, 1));
  detach_answer = absl::OkStatus();
  link.sent.clear();
  SendAttachment(4, 3, true, true);
  reactor.AdvanceBy(Duration::Millis(600));
  EXPECT_EQ(io.done, 0);
  EXPECT_EQ(LastReady().volume(), 0u);  // nothing was said yet
  SendNoAttachments(5);                 // forced after all
  EXPECT_EQ(io.done, 1);
  EXPECT_TRUE(absl::IsAborted(io.status));
  EXPECT_EQ(gone, std::vector<std::string>{"disk1"});
}

// Found by the simulator: the detach of a client that has died meanwhile hung for ever.
TEST_F(ClientTest, ADetachOfWhatAFormerLifeHadOpenIsConfirmed) {
  Register();
  SendAttachment(1, 3, true, true);
  EXPECT_EQ(LastReady().volume(), 5u);
  EXPECT_EQ(LastReady().generation(), 3u);
  EXPECT_FALSE(LastReady().attached());
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
}

TEST_F(ClientTest, ADetachWithNothingUnderWayIsConfirmed) {
  Attach();
  SendAttachment(2, 3, true, true);
  link.sent.clear();
  reactor.AdvanceBy(Duration::Millis(300));
  EXPECT_EQ(LastReady().volume(), 5u);
  EXPECT_FALSE(LastReady().attached());
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  SendNoAttachments(3);
  EXPECT_EQ(gone.size(), 1u);
}

TEST_F(ClientTest, ASessionThatIsOverNeverBeginsAgain58) {
  Attach();
  SendAttachment(2, 4, false);  // fenced: another generation is on its way
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  EXPECT_EQ(gone.size(), 1u);
  SendAttachment(3, 3, true);
  EXPECT_EQ(client.FindVolume("disk1"), nullptr);
  SendAttachment(4, 4, true);
  ASSERT_NE(client.FindVolume("disk1"), nullptr);
  EXPECT_EQ(client.FindVolume("disk1")->session().generation, Generation(4));
  reactor.AdvanceBy(Duration::Seconds(1));
}

TEST_F(ClientTest, ARefusalReachesTheOwner) {
  FromMetadata message;
  message.mutable_refused()->set_reason("wrong cluster secret: copy it from the first node");
  link.handler->OnLinkMessage(message);
  EXPECT_EQ(refused, "wrong cluster secret: copy it from the first node");
}

}  // namespace
}  // namespace storpool::client
