// A volume with foreign parents (design 9.4): reads go on in them, small writes are filled first.
#include "lib/client/fill_session.h"
#include "lib/client/store_fixture.h"

namespace storpool::client {
namespace {

using Bytes = std::vector<uint8_t>;

class VolumeParentsTest : public StoreFixture {
 protected:
  static Bytes Join(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }
};

TEST_F(VolumeParentsTest, ABlockIsReadFromTheNearestAncestorThatHasAnEntry) {
  MakeClone();
  PutBlock(kGrandparent, kGrandparentLayer, 0, 1);
  PutBlock(kGrandparent, kGrandparentLayer, 4096, 2);
  PutBlock(kGrandparent, LayerId(3), 8192, 99);  // newer than what the parent is a clone of
  PutBlock(kParent, kParentLayer, 4096, 3);
  PutBlock(kParent, LayerId(5), 0, 98);  // newer than what the volume is a clone of
  store.Put(kParent, kParentLayer, ChunkIndex(0), 3, std::nullopt);
  PutBlock(kGrandparent, kGrandparentLayer, 3 * 4096, 97);  // under the parent's hole
  PutBlock(kLineage, LayerId(1), 4 * 4096, 5);
  PutBlock(kParent, kParentLayer, 4 * 4096, 96);  // under the volume's own
  EXPECT_EQ(BytesRead(0, 5 * 4096),
            Join({Bytes(4096, 1), Bytes(4096, 3), Bytes(4096, 0), Bytes(4096, 0), Bytes(4096, 5)}));
  EXPECT_EQ(ReadsTaken(), (std::vector<LineageId>{kLineage, kParent, kGrandparent}));
  EXPECT_EQ(BytesRead(512, 1024), Bytes(1024, 1));
  EXPECT_FALSE(volume->busy());
}

TEST_F(VolumeParentsTest, OfAChunkWithNothingHereOwnChainAndParentAreAskedAtOnce) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  EXPECT_EQ(BytesRead(0, 4096), Bytes(4096, 7));
  ReadsTaken();
  block::TestIo* io = Read(0, 4096);
  reactor.RunTurn();
  EXPECT_EQ(ReadsTaken().size(), 2u);  // before any answer
  Run();
  EXPECT_EQ(io->bytes, Bytes(4096, 7));
  EXPECT_TRUE(reads.empty());
  // Once there is something here, the parent is asked only for what is absent.
  Write(0, 4096, 9);
  Run();
  EXPECT_EQ(BytesRead(0, 4096), Bytes(4096, 9));
  EXPECT_EQ(ReadsTaken(), std::vector<LineageId>{kLineage});
}

TEST_F(VolumeParentsTest, AParentsAnswerCountsOnlyWithNoEntryOfTheSameRead) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  BytesRead(0, 4096);
  PutBlock(kLineage, LayerId(1), 0, 8);  // by another client: both are asked at once, the own wins
  EXPECT_EQ(BytesRead(0, 4096), Bytes(4096, 8));
  EXPECT_EQ(volume->busy(), false);
}

TEST_F(VolumeParentsTest, BeyondTheEndOfAParentThereAreZeroes) {
  MakeClone(4096 + 512, kSize);
  for (uint64_t at : {0, 4096, 8192}) PutBlock(kParent, kParentLayer, at, 7);
  EXPECT_EQ(BytesRead(0, 3 * 4096), Join({Bytes(4096 + 512, 7), Bytes(3 * 4096 - 4608, 0)}));
  MakeClone(kSize, 512);
  store.Put(kParent, kParentLayer, ChunkIndex(1), 0, std::nullopt);
  PutBlock(kGrandparent, kGrandparentLayer, kChunkBytes, 9);
  PutBlock(kGrandparent, kGrandparentLayer, kChunkBytes + 4096, 9);
  EXPECT_EQ(BytesRead(kChunkBytes, 8192), Bytes(8192, 0));
}

TEST_F(VolumeParentsTest, SixRoundsReach32Parents) {
  volume.reset();
  LineageId older(1000);
  store.SetLine(LineOf(older, 1, {1}));
  directory.Apply(store.LineOf(older));
  PutBlock(older, LayerId(1), 0, 42);
  for (uint64_t i = 1; i <= 31; ++i) {
    const model::Line line =
        LineOf(LineageId(1000 + i), 1, {1}, model::ForeignParent{older, LayerId(1), kSize});
    store.SetLine(line);
    directory.Apply(line);
    older = line.lineage;
  }
  store.SetLine(LineOf(kLineage, 2, {1}, model::ForeignParent{older, LayerId(1), kSize}));
  directory.Apply(store.LineOf(kLineage));
  Open();
  block::TestIo* io = Read(0, 4096);
  int rounds = 0;
  for (size_t before = 0; io->done == 0 && rounds < 100; reactor.RunTurn()) {
    if (reads.size() != before) ++rounds;
    before = reads.size();
  }
  EXPECT_EQ(io->bytes, Bytes(4096, 42));
  EXPECT_EQ(reads.size(), 33u);
  EXPECT_LE(rounds, 7);
}

TEST_F(VolumeParentsTest, BlockStatusKnowsTheParents) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 4096, 7);
  PutBlock(kLineage, LayerId(1), 8192, 7);
  PutBlock(kGrandparent, kGrandparentLayer, 4 * 4096, 7);
  block::TestIo* io = Start(block::BlockOp::kBlockStatus, 0, 6 * 4096);
  Run();
  ASSERT_TRUE(io->status.ok()) << io->status;
  ASSERT_EQ(io->extents_count, 5u);
  const std::vector<std::pair<uint64_t, bool>> want = {
      {4096, true}, {8192, false}, {4096, true}, {4096, false}, {4096, true}};
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(io->extents[i].size_bytes, want[i].first) << i;
    EXPECT_EQ(io->extents[i].hole, want[i].second) << i;
  }
}

TEST_F(VolumeParentsTest, ASmallWriteIsFilledAndRepeatedWithItsNumber) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  PutBlock(kGrandparent, kGrandparentLayer, 4096, 8);
  block::TestIo* io = Write(512, 4096, 1);  // pieces of two blocks
  Run();
  ASSERT_EQ(io->done, 1);
  EXPECT_TRUE(io->status.ok()) << io->status;
  ASSERT_EQ(writes.size(), 4u);
  EXPECT_EQ(writes[0].number, 1u);
  EXPECT_EQ(writes[1].op, wire::WriteOp::kFill);
  EXPECT_EQ(writes[2].op, wire::WriteOp::kFill);
  EXPECT_EQ(writes[3].number, 1u);
  EXPECT_EQ(BytesRead(0, 8192), Join({Bytes(512, 7), Bytes(4096, 1), Bytes(8192 - 4608, 8)}));
  EXPECT_EQ(store.fills, 2);
  Write(512, 512, 2);  // the base is here now
  Run();
  EXPECT_EQ(store.fills, 2);
}

TEST_F(VolumeParentsTest, ASmallTrimOrWriteOverNothingIsFilledToo) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  block::TestIo* trim = Start(block::BlockOp::kTrim, 512, 512);
  block::TestIo* write = Write(kChunkBytes + 512, 512, 3);  // no ancestor has anything there
  Run();
  EXPECT_TRUE(trim->done == 1 && trim->status.ok()) << trim->status;
  EXPECT_TRUE(write->done == 1 && write->status.ok()) << write->status;
  EXPECT_EQ(BytesRead(0, 4096), Join({Bytes(512, 7), Bytes(512, 0), Bytes(3072, 7)}));
  EXPECT_EQ(BytesRead(kChunkBytes, 4096), Join({Bytes(512, 0), Bytes(512, 3), Bytes(3072, 0)}));
}

TEST_F(VolumeParentsTest, WritesThatOverlapOneThatWaitsForItsBaseKeepTheirOrder) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  block::TestIo* first = Write(512, 1024, 1);
  block::TestIo* second = Write(1024, 1024, 2);
  block::TestIo* whole = Write(0, 4096, 3);
  block::TestIo* last = Write(0, 512, 4);
  Run();
  for (block::TestIo* io : {first, second, whole, last}) EXPECT_EQ(io->done, 1);
  EXPECT_EQ(BytesRead(0, 4096), Join({Bytes(512, 4), Bytes(3584, 3)}));
}

TEST_F(VolumeParentsTest, AWindowFullOfSmallWritesIsNoDeadlock) {
  MakeClone();
  std::vector<block::TestIo*> ios;
  for (uint64_t i = 0; i < 2000; ++i) ios.push_back(Write(i * 4096 + 512, 4096, 1));
  Run();
  for (block::TestIo* io : ios) ASSERT_EQ(io->done, 1);
  for (const wire::WriteRequest& w : writes) ASSERT_LT(w.number, w.answered_below + kWindowNumbers);
}

TEST_F(VolumeParentsTest, GoneFetchesTheLineAndStartsTheReadAgain) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  model::Line gone = store.LineOf(kParent);
  gone.version = LineVersion(2);
  gone.dropped = true;
  store.SetLine(gone);
  block::TestIo* io = Read(0, 4096);
  block::TestIo* write = Write(8192 + 512, 512, 9);
  Run();
  EXPECT_EQ(io->done + write->done, 0);
  EXPECT_GE(lines_needed, 1);
  // The fill was complete, and the parent was cut.
  PutBlock(kLineage, LayerId(1), 0, 7);
  SetLine(LineOf(kLineage, 3, {1}));
  Run();
  Pass(500);
  EXPECT_EQ(io->done, 1);
  EXPECT_EQ(io->bytes, Bytes(4096, 7));
  EXPECT_EQ(write->done, 1);
  EXPECT_EQ(BytesRead(8192, 4096), Join({Bytes(512, 0), Bytes(512, 9), Bytes(3072, 0)}));
}

TEST_F(VolumeParentsTest, AnAncestorWhoseLineIsNotKnownIsWaitedForNeverZeroes) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  const model::Line other = LineOf(LineageId(61), 1, {1});
  store.SetLine(other);
  PutBlock(LineageId(61), LayerId(1), 0, 8);
  SetLine(LineOf(kLineage, 3, {1}, model::ForeignParent{LineageId(61), LayerId(1), kSize}));
  block::TestIo* io = Read(0, 4096);
  Run();
  Pass(300);
  volume->OnTick();
  EXPECT_EQ(io->done, 0);
  EXPECT_GE(lines_needed, 1);
  Learn(other);
  Run();
  EXPECT_EQ(io->bytes, Bytes(4096, 8));
}

TEST_F(VolumeParentsTest, AnAnswerOfAParentOfTheWrongShapeIsAskedForAgainAndNeverGiven) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  int bad = 2;
  nodes.set_script([&](ScriptedNodes::Node& node, const wire::Message& message) {
    const auto* read = std::get_if<wire::ReadRequest>(&message);
    if (read == nullptr || read->lineage != kParent || bad == 0) return Serve(node, message);
    wire::ReadAnswer answer = store.Read(*read, pool);
    answer.checksums = Checksums();
    --bad;
    nodes.Deliver(node, answer);
  });
  EXPECT_EQ(BytesRead(0, 4096), Bytes(4096, 7));
  EXPECT_EQ(bad, 0);
}

TEST_F(VolumeParentsTest, TheEndOfASessionEndsReadsAndFillsUnderWay) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  for (const char* address : {"n1", "n2", "n3"}) nodes.At(address);
  int answered = 0;
  nodes.set_script([&](ScriptedNodes::Node& node, const wire::Message& message) {
    const auto* read = std::get_if<wire::ReadRequest>(&message);
    if (read != nullptr && read->lineage == kParent) return;  // never answered
    ++answered;
    Serve(node, message);
  });
  block::TestIo* read = Read(0, 4096);
  block::TestIo* write = Write(512, 4096, 1);
  Run();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(read->done + write->done, 0);
  volume->End(absl::AbortedError("taken"));
  EXPECT_TRUE(absl::IsAborted(read->status) && absl::IsAborted(write->status));
  EXPECT_FALSE(volume->busy());
}

TEST_F(VolumeParentsTest, ASnapshotIsReadAtItsLayer) {
  volume.reset();
  const model::Line line = LineOf(kLineage, 3, {1, 2, 3});
  store.SetLine(line);
  directory.Apply(line);
  identity.snapshot = LayerId(2);
  identity.read_only = true;
  Open();
  PutBlock(kLineage, LayerId(1), 0, 1);
  PutBlock(kLineage, LayerId(2), 4096, 2);
  PutBlock(kLineage, LayerId(3), 4096, 3);
  EXPECT_EQ(BytesRead(0, 8192), Join({Bytes(4096, 1), Bytes(4096, 2)}));
  EXPECT_TRUE(volume->info().read_only);
  SetLine(LineOf(kLineage, 4, {1, 3, 4}));
  EXPECT_TRUE(absl::IsNotFound(volume->ended()));
}

// ---- Promotion ---------------------------------------------------------------------------------

class FillSessionTest : public VolumeParentsTest {
 protected:
  std::unique_ptr<FillSession> Promote(uint32_t first, uint32_t end, bool holes = false,
                                       size_t parents_max = kForeignParentsMax) {
    VolumeIdentity fill = identity;
    fill.session.generation = Generation(8);
    fill.parents_max = parents_max;
    auto session = std::make_unique<FillSession>(context, fill, *this, first, end, holes,
                                                 [this] { ++progress; });
    filling = &session->volume();
    session->Start();
    return session;
  }
  void OnConnectionReady(NodeConnection& connection) override {
    VolumeFixture::OnConnectionReady(connection);
    if (filling != nullptr) filling->OnConnectionReady(connection);
  }
  void Deliver(const wire::WriteAnswer& answer) override {
    if (filling != nullptr) filling->OnWriteAnswer(answer);
    VolumeFixture::Deliver(answer);
  }
  ScriptedStore::State Own(uint64_t at) {
    return store.Find(kLineage, LayerId(1), ChunkIndex(static_cast<uint32_t>(at / kChunkBytes)),
                      static_cast<uint32_t>(at % kChunkBytes / kBlockBytes), nullptr);
  }

  Volume* filling = nullptr;
  int progress = 0;
};

TEST_F(FillSessionTest, CopiesWhatTheLineageLacksAndNothingElse) {
  MakeClone(3 * uint64_t{kChunkBytes});
  PutBlock(kParent, kParentLayer, 0, 7);
  PutBlock(kGrandparent, kGrandparentLayer, kChunkBytes + 4096, 8);
  PutBlock(kGrandparent, kGrandparentLayer, 4096, 97);
  store.Put(kParent, kParentLayer, ChunkIndex(0), 1, std::nullopt);  // a hole over it
  PutBlock(kLineage, LayerId(1), 8192, 9);
  PutBlock(kParent, kParentLayer, 8192, 99);
  const auto session = Promote(0, 8);
  Run();
  EXPECT_TRUE(session->done());
  EXPECT_GE(progress, 1);
  EXPECT_EQ(store.fills, 2);
  SetLine(LineOf(kLineage, 3, {1}));  // the parent is cut
  EXPECT_EQ(BytesRead(0, 3 * 4096), Join({Bytes(4096, 7), Bytes(4096, 0), Bytes(4096, 9)}));
  EXPECT_EQ(BytesRead(kChunkBytes + 4096, 4096), Bytes(4096, 8));
  EXPECT_EQ(Own(4096), ScriptedStore::State::kAbsent);
  filling = nullptr;
}

TEST_F(FillSessionTest, ARebaseCopiesHolesTooAndLeavesTheOlderOnes) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  store.Put(kParent, kParentLayer, ChunkIndex(0), 1, std::nullopt);
  PutBlock(kGrandparent, kGrandparentLayer, 4096, 97);
  PutBlock(kGrandparent, kGrandparentLayer, 8192, 8);
  const auto session = Promote(0, 1, true, 1);
  Run();
  EXPECT_TRUE(session->done());
  EXPECT_EQ(Own(8192), ScriptedStore::State::kAbsent);
  SetLine(LineOf(kLineage, 3, {1}, model::ForeignParent{kGrandparent, kGrandparentLayer, kSize}));
  EXPECT_EQ(BytesRead(0, 3 * 4096), Join({Bytes(4096, 7), Bytes(4096, 0), Bytes(4096, 8)}));
  filling = nullptr;
}

TEST_F(FillSessionTest, ItYieldsToRequestsOfUsersAndIsBounded) {
  MakeClone();
  for (uint64_t at = 0; at < kChunkBytes; at += 1 << 20) PutBlock(kParent, kParentLayer, at, 7);
  const auto out = [this] {
    std::set<std::pair<uint32_t, uint32_t>> pieces;
    for (const wire::ReadRequest& read : reads) {
      if (read.lineage == kLineage) pieces.insert({read.chunk.value(), read.blocks.first});
    }
    return pieces.size();
  };
  nodes.set_script([&](ScriptedNodes::Node&, const wire::Message& message) {
    if (const auto* read = std::get_if<wire::ReadRequest>(&message)) reads.push_back(*read);
  });
  auto idle = Promote(0, 1);
  Run();
  EXPECT_EQ(out(), kFillPiecesMax);
  idle->volume().End(absl::CancelledError("done"));
  reads.clear();
  Write(64 << 20, 4096, 1);  // never answered
  auto busy = Promote(0, 1);
  Run();
  EXPECT_EQ(out(), 1u);
  filling = nullptr;
}

TEST_F(FillSessionTest, WhatFailsIsSaidAndTriedAgain) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  bool full = true;
  nodes.set_script([&](ScriptedNodes::Node& node, const wire::Message& message) {
    const auto* write = std::get_if<wire::WriteRequest>(&message);
    if (write == nullptr || !full) return Serve(node, message);
    Answer(node.address, *write, wire::Result::kNoSpace);
  });
  const auto session = Promote(0, 1);
  Run();
  EXPECT_FALSE(session->done());
  EXPECT_NE(session->error(), "");
  full = false;
  Pass(6000);
  EXPECT_TRUE(session->done());
  EXPECT_EQ(session->error(), "");
  filling = nullptr;
}

}  // namespace
}  // namespace storpool::client
