// Volumes of a client and who has them open, with metadata and clients of NBD played by the test.
// Chains are unknown here, so reads and writes wait until their session ends.
#include "lib/embed/exports.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/client/client_fixture.h"
#include "lib/frontends/nbd/test_client.h"
#include "lib/frontends/nbd/test_stream.h"

namespace storpool::embed {
namespace {

using nbd::Command;
using nbd::RequestBytes;

// A volume as metadata tells of it; its global id is "g" and its id.
struct Told {
  uint64_t id = 0;
  std::string name;
  uint64_t size_bytes = 0;
  bool detaching = false;
  uint64_t iops = 0;
};

class ExportsTest : public testing::Test {
 protected:
  ExportsTest() {
    EXPECT_TRUE(exports_.server().Listen(network_, "test:10809").ok());
    client_.Start();
    link_.handler->OnLinkUp();
    FromMetadata message;
    message.mutable_registered()->set_term(1);
    message.mutable_registered()->set_heartbeat_ms(300);
    link_.handler->OnLinkMessage(message);
    Section& section = NewSection("table/1", message);
    section.mutable_table()->set_table(1);
    section.mutable_table()->set_chains(4);
    section.mutable_table()->set_complete(true);
    link_.handler->OnLinkMessage(message);
  }
  ~ExportsTest() override { reactor_.RunUntilIdle(); }

  ClientServerOptions Options() {
    ClientServerOptions options;
    options.id = ClientId(9);
    options.log = &log_;
    return options;
  }
  static client::ClientOptions Client9() {
    client::ClientOptions options;
    options.id = ClientId(9);
    return options;
  }
  Section& NewSection(const std::string& name, FromMetadata& message) {
    Section& section = *message.mutable_sections()->add_sections();
    section.set_name(name);
    section.set_version(++version_);
    return section;
  }
  // From now on these are attached, and no others.
  void Tell(const std::vector<Told>& volumes) {
    FromMetadata message;
    AttachmentsSection& content = *NewSection("attachments/9", message).mutable_attachments();
    for (const Told& told : volumes) {
      Attachment& a = *content.add_attachments();
      a.set_volume(told.id);
      a.set_volume_name(told.name);
      a.set_global_id("g" + std::to_string(told.id));
      a.set_client(9);
      a.set_rights(READ_WRITE);
      a.set_generation(3);
      a.set_granted(true);
      a.set_detaching(told.detaching);
      a.set_layer(1);
      storpool::Volume& v = *content.add_volumes();
      v.set_id(told.id);
      v.set_name(told.name);
      v.set_lineage(70 + told.id);
      v.set_size_bytes(told.size_bytes);
      v.mutable_limits()->set_iops(told.iops);
      Line& line = *content.add_lines();
      line.set_lineage(70 + told.id);
      line.set_volume(told.id);
      line.set_table(1);
      line.set_version(1);
      storpool::Layer& layer = *line.add_layers();
      layer.set_id(1);
      layer.set_size_bytes(told.size_bytes);
      layer.set_cut_bytes(told.size_bytes);
    }
    link_.handler->OnLinkMessage(message);
    reactor_.RunUntilIdle();
  }
  // A connection that has opened this export.
  std::shared_ptr<nbd::Wire> Open(std::string_view name) {
    auto wire = network_.ConnectToServer();
    wire->Deliver(nbd::Handshake(name, true));
    EXPECT_FALSE(wire->closed_by_server);
    wire->sent.clear();
    return wire;
  }
  std::string Ask(nbd::Wire& wire, std::string_view bytes) {
    wire.Deliver(bytes);
    reactor_.RunUntilIdle();
    return nbd::Answers(&wire.sent).Next();
  }
  // What metadata was told last of this volume.
  AttachmentReady LastReady(uint64_t volume) {
    AttachmentReady ready;
    for (const ToMetadata& message : link_.sent) {
      if (message.attachment_ready().volume() == volume) ready = message.attachment_ready();
    }
    return ready;
  }

  env::ManualReactor reactor_;
  BufferPool pool_;
  client::ScriptedNodes nodes_{reactor_};
  client::SeededEntropy entropy_;
  nbd::TestLog log_;
  nbd::TestNetwork network_;
  client::FakeLink link_;
  ClientServerOptions options_ = Options();
  Exports exports_{options_, reactor_, pool_};
  client::Client client_{Client9(), reactor_, nodes_, entropy_, log_, pool_, link_, exports_};
  uint64_t version_ = 0;
};

constexpr uint64_t kMib = 1 << 20;

TEST_F(ExportsTest, AVolumeIsFoundByItsNameAndByItsGlobalId) {
  Tell({{1, "db1", kMib}});
  ASSERT_NE(exports_.FindDevice("db1"), nullptr);
  EXPECT_EQ(exports_.FindDevice("~g1"), exports_.FindDevice("db1"));
  EXPECT_EQ(exports_.FindDevice("~g2"), nullptr);
  EXPECT_EQ(LastReady(1).device(), "nbd://test:10809/db1");
  Tell({});
  EXPECT_EQ(exports_.FindDevice("db1"), nullptr);
  EXPECT_TRUE(exports_.List().empty());
}

TEST_F(ExportsTest, WhoeverHasARenamedVolumeOpenKeepsIt) {
  Tell({{1, "db1", kMib}});
  const ClientServer::Device held = exports_.FindDevice("db1");
  const auto wire = Open("db1");
  Tell({{1, "db1-old", kMib}});
  EXPECT_EQ(exports_.FindDevice("db1"), nullptr);
  EXPECT_EQ(exports_.FindDevice("db1-old"), held);
  EXPECT_EQ(LastReady(1).device(), "nbd://test:10809/db1-old");

  // Another volume gets its former name.
  Tell({{1, "db1-old", kMib}, {2, "db1", 2 * kMib}});
  ASSERT_NE(exports_.FindDevice("db1"), nullptr);
  EXPECT_EQ(exports_.FindDevice("db1")->info().size_bytes, 2 * kMib);
  EXPECT_EQ(held->info().size_bytes, kMib);
  EXPECT_EQ(exports_.FindDevice("~g1"), held);
  EXPECT_EQ(exports_.GlobalIdOf("db1-old"), "g1");
  EXPECT_EQ(exports_.GlobalIdOf("db1"), "g2");
  EXPECT_EQ(exports_.GlobalIdOf("none"), "");
  EXPECT_EQ(exports_.List(), (std::vector<std::string>{"db1-old", "db1"}));
  EXPECT_EQ(Ask(*wire, RequestBytes(Command::kRead, 1, kMib, 512)),
            "1 error 22 beyond the end of the export.");

  // Each is detached by itself.
  Tell({{1, "db1-old", kMib}, {2, "db1", 2 * kMib, true}});
  EXPECT_EQ(exports_.FindDevice("db1"), nullptr);
  Tell({{1, "db1-old", kMib}});
  EXPECT_EQ(Ask(*wire, RequestBytes(Command::kFlush, 2, 0, 0)), "2 done");
  Tell({{1, "db1-old", kMib, true}});
  EXPECT_EQ(LastReady(1).error(),
            "volume db1-old is open at client 9: by test:1, the program of this client; end that, "
            "or detach it with force");
  Tell({});
  EXPECT_TRUE(wire->closed_by_server);
}

TEST_F(ExportsTest, TwoVolumesMayExchangeTheirNames) {
  Tell({{1, "a", kMib}, {2, "b", 2 * kMib}});
  Tell({{1, "b", kMib}, {2, "a", 2 * kMib}});
  EXPECT_EQ(exports_.FindDevice("a")->info().size_bytes, 2 * kMib);
  EXPECT_EQ(exports_.FindDevice("b")->info().size_bytes, kMib);
  EXPECT_EQ(LastReady(1).device(), "nbd://test:10809/b");
  EXPECT_EQ(LastReady(2).device(), "nbd://test:10809/a");
}

TEST_F(ExportsTest, ADetachNamesWhoHasTheVolumeOpenByItsGlobalId) {
  Tell({{1, "db1", kMib}});
  const auto wire = Open("~g1");
  Tell({{1, "db1", kMib, true}});
  EXPECT_EQ(LastReady(1).error(),
            "volume db1 is open at client 9: by test:1; end that, or detach it with force");
  EXPECT_NE(exports_.FindDevice("db1"), nullptr);
  EXPECT_EQ(Ask(*wire, RequestBytes(Command::kFlush, 1, 0, 0)), "1 done");
}

TEST_F(ExportsTest, AForcedDetachEndsAConnectionThatWasOpenedByGlobalId) {
  Tell({{1, "db1", kMib}});
  const auto wire = Open("~g1");
  wire->Deliver(RequestBytes(Command::kRead, 1, 0, 512));
  reactor_.RunUntilIdle();
  Tell({});
  EXPECT_EQ(nbd::Answers(&wire->sent).Next().substr(0, 9), "1 error 5");
  EXPECT_TRUE(wire->closed_by_server);
  if (!wire->closed_by_server) Ask(*wire, RequestBytes(Command::kRead, 2, 0, 512));
  EXPECT_EQ(exports_.server().counters().connections_open, 0u);
}

TEST_F(ExportsTest, TheEndWaitsForNoChainForEver) {
  Tell({{1, "down", kMib}, {2, "slow", kMib, false, 1}});
  const auto down = Open("down");
  const auto slow = Open("~g2");
  down->Deliver(RequestBytes(Command::kRead, 1, 0, 512));
  for (int i = 0; i < 50; ++i) slow->Deliver(RequestBytes(Command::kTrim, i, 0, 512));
  reactor_.RunUntilIdle();
  const ClientServer::Device held = exports_.FindDevice("down");
  block::TestIo io;
  held->Start(block::Prepare(&io, block::BlockOp::kRead, 0, 512));
  bool ended = false;
  exports_.Stop(&client_, [&] { ended = true; });
  reactor_.AdvanceBy(Duration::Millis(kClientEndMs - 1));
  EXPECT_FALSE(ended);
  reactor_.AdvanceBy(Duration::Millis(1));
  EXPECT_TRUE(ended);
  EXPECT_EQ(io.status.message(), "client 9 ends");
  EXPECT_EQ(down->sent + slow->sent, "") << "they were cut off, not told of errors";
  EXPECT_EQ(exports_.server().counters().connections_open, 0u);
}

TEST_F(ExportsTest, AnEndWithNothingUnderWayComesAtOnce) {
  Tell({{1, "db1", kMib}});
  const auto wire = Open("db1");
  bool ended = false;
  exports_.Stop(&client_, [&] { ended = true; });
  reactor_.RunUntilIdle();
  EXPECT_TRUE(ended);
  EXPECT_TRUE(wire->closed_by_server);
  EXPECT_TRUE(client_.Volumes().empty());
}

}  // namespace
}  // namespace storpool::embed
