// The client's talk with metadata: registering, attachments, detaches, sessions.
#include "lib/base/digest.h"
#include "lib/client/client_fixture.h"

namespace storpool::client {
namespace {

TEST_F(ClientTest, RegistersWithAProofOfTheSecretAndFollowsItsSections) {
  const ToMetadata hello = link.Take();
  ASSERT_TRUE(hello.has_register_());
  EXPECT_EQ(hello.register_().client().id(), 9u);
  EXPECT_EQ(hello.register_().cluster().size(), 16u);
  EXPECT_NE(hello.register_().process(), 0u);
  EXPECT_EQ(hello.register_().version(), "1.2.3");
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

TEST_F(ClientTest, ItSaysHowNewTheAttachmentsAreThatItActsBy) {
  Attach();
  link.sent.clear();
  SendAttachment(2, 3, true);
  uint64_t said = 0;
  for (const ToMetadata& message : link.sent) {
    for (const SectionVersion& section : message.heartbeat().sections()) {
      EXPECT_EQ(section.section(), "attachments/9");
      said = section.version();
    }
  }
  EXPECT_EQ(said, 2u);
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

TEST_F(ClientTest, LimitsAreThoseOfTheVolumeAndChangeLive91) {
  Attach();
  auto* device = static_cast<block::LimitDevice*>(last_device);
  EXPECT_EQ(device->limits(), block::Limits{});
  Limits limits;
  limits.set_iops(100);
  SendAttachment(2, 3, true, false, limits);
  EXPECT_EQ(device->limits(), (block::Limits{.operations_per_second = 100}));
  limits.set_per_gib(true);
  limits.set_bandwidth_bytes(1 << 20);
  SendAttachment(3, 3, true, false, limits);
  EXPECT_EQ(device->limits(),
            (block::Limits{.operations_per_second = 300, .bytes_per_second = 3 << 20}));

  // What waits for its limit ends with the session.
  std::vector<block::TestIo> ios(50);
  for (block::TestIo& io : ios) device->Start(block::Prepare(&io, block::BlockOp::kTrim, 0, 512));
  reactor.RunUntilIdle();
  SendNoAttachments(4);
  reactor.RunUntilIdle();
  for (const block::TestIo& io : ios) EXPECT_EQ(io.done, 1);
}

TEST_F(ClientTest, ADetachWaitsForWhatWaitsForALimit) {
  Attach();
  Limits limits;
  limits.set_iops(1);
  SendAttachment(2, 3, true, false, limits);
  std::vector<block::TestIo> ios(2);  // reads of no block: answered without a chain
  for (block::TestIo& io : ios)
    last_device->Start(block::Prepare(&io, block::BlockOp::kRead, 0, 7));
  reactor.RunUntilIdle();
  EXPECT_EQ(ios[0].done + ios[1].done, 1);
  link.sent.clear();
  SendAttachment(3, 3, true, true, limits);
  reactor.AdvanceBy(Duration::Millis(500));
  EXPECT_EQ(LastReady().volume(), 0u);
  reactor.AdvanceBy(Duration::Millis(1000));
  EXPECT_EQ(ios[1].done, 1);
  EXPECT_EQ(LastReady().volume(), 5u);
}

TEST_F(ClientTest, ARefusalReachesTheOwner) {
  FromMetadata message;
  message.mutable_refused()->set_reason("wrong cluster secret: copy it from the first node");
  link.handler->OnLinkMessage(message);
  EXPECT_EQ(refused, "wrong cluster secret: copy it from the first node");
}

}  // namespace
}  // namespace storpool::client
