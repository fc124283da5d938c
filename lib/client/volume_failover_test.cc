// What a volume does when chains change, nodes fail and answers are lost or wrong.
#include "lib/client/volume_fixture.h"

namespace storpool::client {
namespace {

class VolumeFailoverTest : public VolumeFixture {};

TEST_F(VolumeFailoverTest, ALostConnectionIsMadeAgainAndTheSameNumberRepeated) {
  block::TestIo* io = Write(0, 4096);
  Run();
  nodes.Take<wire::WriteRequest>("n1");  // its answer is lost with the connection
  nodes.Break("n1");
  Run();
  Pass(20);
  EXPECT_EQ(nodes.At("n1").opened, 2);
  const auto again = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(again.number, 1u);
  EXPECT_EQ(io->done, 0);
  Answer("n1", again);
  Run();
  EXPECT_TRUE(io->status.ok());
  EXPECT_EQ(io->done, 1);
}

TEST_F(VolumeFailoverTest, ANewConfigResendsWhatIsOutInOrderToTheNewHead) {
  for (uint64_t i = 0; i < 3; ++i) Write(i * 4096, 4096);
  Run();
  nodes.At("n1").received.clear();
  LearnOpened(3, {2, 3});
  Run();
  for (uint64_t number = 1; number <= 3; ++number) {
    const auto request = nodes.Take<wire::WriteRequest>("n2");
    EXPECT_EQ(request.number, number);
    EXPECT_EQ(request.epoch, Epoch(3));
    Answer("n2", request);
  }
  Run();
  EXPECT_FALSE(volume->busy());
}

TEST_F(VolumeFailoverTest, AMerelyNamedConfigChangesNothingUntilTheOldOneRefuses) {
  block::TestIo* io = Write(0, 4096);
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  Learn(Config(IndexOf(0), 3, {2, 3}, false));
  Run();
  EXPECT_EQ(nodes.At("n2").opened, 0);
  Answer("n1", request, wire::Result::kWrongEpoch);
  Run();
  const auto asked = nodes.Take<wire::WriteRequest>("n2");
  EXPECT_EQ(asked.epoch, Epoch(3));
  Answer("n2", asked, wire::Result::kNotServing);  // adopted, not opened yet
  Run();
  EXPECT_TRUE(nodes.At("n2").received.empty());
  LearnOpened(3, {2, 3});
  Run();
  const auto again = nodes.Take<wire::WriteRequest>("n2");
  EXPECT_EQ(again.number, 1u);
  Answer("n2", again);
  Run();
  EXPECT_TRUE(io->status.ok());
}

TEST_F(VolumeFailoverTest, AMembersHintIsEnoughToFollowAChange) {
  block::TestIo* io = Write(0, 4096);
  Run();
  Answer("n1", nodes.Take<wire::WriteRequest>("n1"), wire::Result::kWrongEpoch);
  nodes.Deliver("n1", wire::ConfigHint{Config(IndexOf(0), 4, {3, 2}, true)});
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n3");
  EXPECT_EQ(request.epoch, Epoch(4));
  Answer("n3", request);
  Run();
  EXPECT_TRUE(io->status.ok());
}

TEST_F(VolumeFailoverTest, ADeadHeadIsLookedForAtTheOtherMembers) {
  nodes.At("n1").reachable = false;
  block::TestIo* io = Write(0, 4096);
  Write(8192, 4096);
  Run();
  Pass(30);
  // One request is enough to ask; the answer brings the config that the member has adopted.
  ASSERT_EQ(nodes.At("n2").received.size(), 1u);
  Answer("n2", nodes.Take<wire::WriteRequest>("n2"), wire::Result::kWrongEpoch);
  nodes.Deliver("n2", wire::ConfigHint{Config(IndexOf(0), 3, {2, 3}, true)});
  Run();
  ASSERT_EQ(nodes.At("n2").received.size(), 2u);
  Answer("n2", nodes.Take<wire::WriteRequest>("n2"));
  Answer("n2", nodes.Take<wire::WriteRequest>("n2"));
  Run();
  EXPECT_TRUE(io->status.ok());
  EXPECT_FALSE(volume->busy());
}

TEST_F(VolumeFailoverTest, AnOutageIsWaitedForHazard112) {
  for (const char* address : {"n1", "n2", "n3"}) nodes.At(address).reachable = false;
  block::TestIo* write = Write(0, 4096);
  block::TestIo* read = Read(0, 4096);
  Pass(120'000);
  EXPECT_EQ(write->done + read->done, 0);
  EXPECT_LT(nodes.At("n1").opened, 1000);
  for (const char* address : {"n1", "n2", "n3"}) nodes.At(address).reachable = true;
  nodes.set_script([this](ScriptedNodes::Node& node, const wire::Message& message) {
    if (const auto* w = std::get_if<wire::WriteRequest>(&message)) {
      Answer(node.address, *w,
             node.address == "n1" ? wire::Result::kOk : wire::Result::kNotServing);
    } else if (const auto* r = std::get_if<wire::ReadRequest>(&message)) {
      wire::ReadAnswer answer = Filled(*r, 5);
      if (node.address != "n3") {
        answer = {};
        answer.chain = r->chain;
        answer.number = r->number;
        answer.result = wire::Result::kNotServing;
      }
      nodes.Deliver(node.address, answer);
    }
  });
  Pass(2000);
  EXPECT_TRUE(write->done == 1 && write->status.ok());
  EXPECT_TRUE(read->done == 1 && read->status.ok());
}

TEST_F(VolumeFailoverTest, ASilentNodeIsAskedAgainElsewhereAndThenConnectedAnew) {
  block::TestIo* io = Write(0, 4096);
  Run();
  nodes.Take<wire::WriteRequest>("n1");
  nodes.At("n1").silent = true;  // its host has lost power: no reset
  for (int i = 0; i < 6; ++i) {
    Pass(250);
    volume->OnTick();
  }
  Run();
  ASSERT_EQ(nodes.At("n2").received.size(), 1u);
  EXPECT_EQ(nodes.Take<wire::WriteRequest>("n2").number, 1u);
  nodes.At("n1").silent = false;
  for (int i = 0; i < 40; ++i) {
    Pass(250);
    volume->OnTick();
    while (!nodes.At("n1").received.empty()) Answer("n1", nodes.Take<wire::WriteRequest>("n1"));
  }
  EXPECT_EQ(io->done, 1);
}

TEST_F(VolumeFailoverTest, NothingGoesToAChainBelowItsFloorS2) {
  identity.floors[ChainId(kTable, IndexOf(0))] = Epoch(4);
  Open();
  block::TestIo* io = Write(0, 4096);
  Read(0, 4096);
  LearnOpened(3, {1, 2, 3});
  Pass(5000);
  EXPECT_EQ(nodes.At("n1").opened + nodes.At("n3").opened, 0);
  LearnOpened(4, {1, 2, 3});
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(request.epoch, Epoch(4));
  Answer("n1", request);
  Run();
  EXPECT_EQ(io->done, 1);
}

TEST_F(VolumeFailoverTest, AFencedSessionEndsAsAWhole) {
  block::TestIo* first = Write(0, 4096);
  block::TestIo* waiting = Write(0, 4096, 2);
  block::TestIo* read = Read(kChunkBytes, 4096);
  Run();
  Answer("n1", nodes.Take<wire::WriteRequest>("n1"), wire::Result::kFenced);
  Run();
  for (const block::TestIo* io : {first, waiting, read}) {
    EXPECT_EQ(io->done, 1);
    EXPECT_TRUE(absl::IsAborted(io->status)) << io->status;
  }
  EXPECT_TRUE(nodes.At("n1").received.empty());
  EXPECT_TRUE(absl::IsAborted(Ended(Read(0, 512))));
}

TEST_F(VolumeFailoverTest, AStaleLineIsTaughtAndFetched) {
  block::TestIo* io = Write(0, 4096);
  Run();
  Answer("n1", nodes.Take<wire::WriteRequest>("n1"), wire::Result::kStaleLine);
  Run();
  EXPECT_EQ(nodes.Take<wire::LineHint>("n1").line, Line(1));
  EXPECT_EQ(lines_needed, 1);
  // Behind the hint, at once; if that did not help, it is this client that is behind.
  const auto taught = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(taught.line_version, LineVersion(1));
  Answer("n1", taught, wire::Result::kStaleLine);
  Run();
  EXPECT_TRUE(nodes.At("n1").received.empty());
  Learn(Line(2));
  Run();
  const auto again = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(again.number, 1u);
  EXPECT_EQ(again.line_version, LineVersion(2));
  EXPECT_EQ(again.layer, LayerId(2));
  Answer("n1", again);
  Run();
  EXPECT_TRUE(io->status.ok());
}

TEST_F(VolumeFailoverTest, AGoneLineEndsTheVolumeOnceMetadataSaysSo) {
  block::TestIo* io = Write(0, 4096);
  Run();
  Answer("n1", nodes.Take<wire::WriteRequest>("n1"), wire::Result::kGone);
  Run();
  EXPECT_EQ(lines_needed, 1);
  EXPECT_EQ(io->done, 0);
  model::Line dropped = Line(2);
  dropped.dropped = true;
  Learn(dropped);
  EXPECT_TRUE(io->done == 1 && absl::IsNotFound(io->status));
}

TEST_F(VolumeFailoverTest, AnAnswerOfTheWrongShapeIsAskedForAgainAndNeverReturned) {
  block::TestIo* io = Read(0, 4096);
  Run();
  wire::ReadAnswer bad = Filled(nodes.Take<wire::ReadRequest>("n3"), 7);
  bad.checksums = Checksums();
  nodes.Deliver("n3", bad);
  Run();
  EXPECT_EQ(io->done, 0);
  const auto again = nodes.Take<wire::ReadRequest>("n3");
  EXPECT_NE(again.number, bad.number);
  nodes.Deliver("n3", bad);  // a late copy of the former answer means nothing
  nodes.Deliver("n3", Filled(again, 8));
  Run();
  EXPECT_TRUE(io->done == 1 && io->status.ok());
  EXPECT_EQ(io->bytes[100], 8);

  block::TestIo* lost = Read(0, 4096);
  Run();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(lost->done, 0);
    wire::ReadAnswer answer = Filled(nodes.Take<wire::ReadRequest>("n3"), 7);
    answer.checksums = Checksums();
    nodes.Deliver("n3", answer);
    Run();
  }
  EXPECT_TRUE(lost->done == 1 && absl::IsInternal(lost->status)) << lost->status;
}

TEST_F(VolumeFailoverTest, AnswersOfTheWrongShapeAreNotUsed) {
  block::TestIo* io = Read(0, 8192);
  Run();
  wire::ReadAnswer answer = Filled(nodes.Take<wire::ReadRequest>("n3"), 7);
  answer.blocks = 1;
  nodes.Deliver("n3", answer);
  Run();
  answer = Filled(nodes.Take<wire::ReadRequest>("n3"), 7);
  answer.payload = answer.payload.Slice(0, 4096);
  nodes.Deliver("n3", answer);
  Run();
  EXPECT_EQ(io->done, 0);
  nodes.Deliver("n3", Filled(nodes.Take<wire::ReadRequest>("n3"), 7));
  Run();
  EXPECT_TRUE(io->status.ok());
  EXPECT_EQ(io->bytes[8191], 7);
}

TEST_F(VolumeFailoverTest, NoSpaceIsFinalForTheLastCopyOnlyHazard13) {
  block::TestIo* io = Write(0, 4096);
  Run();
  const auto first = nodes.Take<wire::WriteRequest>("n1");
  LearnOpened(3, {2, 3});
  Run();
  const auto second = nodes.Take<wire::WriteRequest>("n2");
  EXPECT_EQ(second.number, first.number);
  EXPECT_EQ(second.attempt, first.attempt + 1);
  Answer("n2", first, wire::Result::kNoSpace);  // late, about a copy that is not out any more
  Run();
  EXPECT_EQ(io->done, 0);
  Answer("n2", second, wire::Result::kNoSpace);
  Run();
  EXPECT_TRUE(io->done == 1 && absl::IsResourceExhausted(io->status)) << io->status;
}

TEST_F(VolumeFailoverTest, ADamagedBlockIsAFinalError) {
  block::TestIo* io = Read(0, 4096);
  Run();
  wire::ReadAnswer answer;
  const auto request = nodes.Take<wire::ReadRequest>("n3");
  answer.chain = request.chain;
  answer.number = request.number;
  answer.result = wire::Result::kMediaError;
  nodes.Deliver("n3", answer);
  Run();
  EXPECT_TRUE(io->done == 1 && absl::IsDataLoss(io->status)) << io->status;
}

}  // namespace
}  // namespace storpool::client
