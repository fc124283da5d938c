// A writer and a reader of a volume change places, and one of them refuses.
#include <gtest/gtest.h>

#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

// Client 1 writes, client 2 reads.
class SwapTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    ASSERT_TRUE(cluster.CreateVolume("v").ok());
    cluster.AddClient(1);
    cluster.AddClient(2);
    cluster.Run(Duration::Millis(200));
    Attach(1, READ_WRITE);
    Attach(2, READ_ONLY);
  }
  void Attach(uint32_t client, Rights rights) {
    Command command;
    command.mutable_attach()->set_volume("v");
    command.mutable_attach()->set_client(client);
    command.mutable_attach()->set_rights(rights);
    ASSERT_TRUE(cluster.Do(command).ok());
    cluster.Run(Duration::Millis(300));
  }
  void Swap(Duration time) {
    Command move;
    ReassignRequest::One& entry = *move.mutable_reassign()->add_entries();
    entry.set_volume("v");
    entry.add_ro(1);
    entry.add_rw(2);
    ASSERT_TRUE(cluster.Do(move).ok());
    cluster.Run(time);
  }
  // Speaks again, and is told again what it has not answered.
  void Unmute(uint32_t client) {
    cluster.client(client).mute = false;
    cluster.client(client).Cut();
    cluster.Run(Duration::Seconds(1));
  }
  void ExpectRights(uint32_t client, Rights rights) {
    const Attachment* a = cluster.client(client).Find("v");
    ASSERT_NE(a, nullptr) << client;
    EXPECT_EQ(a->rights(), rights) << client;
    EXPECT_TRUE(a->granted()) << client;
  }
  FakeCluster cluster;
};

TEST_F(SwapTest, BothAgree) {
  Swap(Duration::Seconds(2));
  ExpectRights(1, READ_ONLY);
  ExpectRights(2, READ_WRITE);
}

TEST_F(SwapTest, TheWriterThatHasLetGoReadsAlsoIfTheReaderRefuses) {
  cluster.client(2).holds_open = "v";
  cluster.client(2).mute = true;
  Swap(Duration::Seconds(2));
  ExpectRights(1, READ_ONLY);  // it waits for nobody
  Unmute(2);
  ExpectRights(1, READ_ONLY);
  ExpectRights(2, READ_ONLY);
}

TEST_F(SwapTest, TheReaderThatHasLetGoReadsAgainIfTheWriterRefuses) {
  cluster.client(1).holds_open = "v";
  cluster.client(1).mute = true;
  Swap(Duration::Seconds(2));
  ASSERT_NE(cluster.client(2).Find("v"), nullptr);
  EXPECT_FALSE(cluster.client(2).Find("v")->granted());
  Unmute(1);
  ExpectRights(1, READ_WRITE);
  ExpectRights(2, READ_ONLY);
}

// Else both would write.
TEST_F(SwapTest, TheReaderThatStillLetsGoReadsAgainIfTheWriterRefuses) {
  cluster.client(1).holds_open = "v";
  cluster.node(2).raises = false;
  Swap(Duration::Millis(500));
  ASSERT_FALSE(cluster.state().fences().empty());
  cluster.node(2).raises = true;
  cluster.Run(Duration::Seconds(2));
  ExpectRights(1, READ_WRITE);
  ExpectRights(2, READ_ONLY);
}

}  // namespace
}  // namespace storpool::metadata
