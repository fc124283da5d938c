// Snapshots of volumes that are written to (design 9.3), with the part of metadata scripted.
#include <deque>

#include "lib/base/random.h"
#include "lib/client/store_fixture.h"

namespace storpool::client {
namespace {

class VolumeHoldTest : public StoreFixture {
 protected:
  // Layer 2 is made and announced to the client.
  model::Line WithLayer2() {
    model::Line line = Line(1);
    line.version = LineVersion(2);
    line.layers.push_back({.id = LayerId(2), .size_bytes = kSize, .cut_bytes = kSize});
    return line;
  }
  void Hold(uint64_t id = 7, int64_t timeout_ms = 1000) {
    Learn(WithLayer2());
    volume->Hold(id, LayerId(2), Duration::Millis(timeout_ms));
  }
  // Nodes keep what they get until Serve is called with it.
  void KeepWrites() {
    nodes.set_script([this](ScriptedNodes::Node& node, const wire::Message& message) {
      if (std::holds_alternative<wire::WriteRequest>(message)) {
        kept.push_back(std::get<wire::WriteRequest>(message));
      } else {
        Serve(node, message);
      }
    });
  }
  void ServeKept() {
    while (!kept.empty()) {
      Serve(nodes.At("n1"), kept.front());
      kept.pop_front();
    }
    Run();
  }
  std::deque<wire::WriteRequest> kept;
};

TEST_F(VolumeHoldTest, ALineThatComesEarlyChangesNothing) {
  SetLine(WithLayer2());
  Write(0, 4096);
  Run();
  EXPECT_EQ(writes.back().layer, LayerId(1));
  Read(0, 4096);
  Run();
  EXPECT_EQ(reads.back().layer, LayerId());  // as the tail has it
}

TEST_F(VolumeHoldTest, NewWritesWaitThoseUnderWayEndThenBothGoOnInTheNewLayer) {
  KeepWrites();
  block::TestIo* before = Write(0, 4096, 1);
  Run();
  Hold();
  block::TestIo* after = Write(8192, 4096, 2);
  block::TestIo* trim = Start(block::BlockOp::kTrim, 4096, 4096);
  Run();
  EXPECT_EQ(kept.size(), 1u);
  EXPECT_TRUE(held.empty());
  ServeKept();
  EXPECT_EQ(before->done, 1);
  EXPECT_EQ(held, std::vector<uint64_t>{7});
  EXPECT_EQ(BytesRead(0, 4096), std::vector<uint8_t>(4096, 1));  // reads go on
  EXPECT_EQ(hints, 1);                                           // and teach the line
  volume->Hold(7, LayerId(2), Duration::Millis(1000));           // repeated: said again
  EXPECT_EQ(held, (std::vector<uint64_t>{7, 7}));
  volume->Release(7);
  EXPECT_EQ(released, (std::vector<Released>{{7, {true, true, {}}}}));
  Run();
  ASSERT_EQ(kept.size(), 2u);
  for (const wire::WriteRequest& write : kept) EXPECT_EQ(write.layer, LayerId(2));
  ServeKept();
  EXPECT_EQ(after->done + trim->done, 2);
  Pass(2000);
  EXPECT_EQ(released.size(), 1u);
}

TEST_F(VolumeHoldTest, WithNothingUnderWayItIsHeldAtOnceAndATimeOutEndsIt) {
  Hold(7, 50);
  EXPECT_EQ(held, std::vector<uint64_t>{7});
  block::TestIo* io = Write(0, 4096);
  Pass(49);
  EXPECT_EQ(io->done, 0);
  Pass(2);
  Pass(10);
  EXPECT_EQ(released, (std::vector<Released>{{7, {false, true, Duration::Millis(50)}}}));
  EXPECT_EQ(io->done, 1);
  EXPECT_EQ(writes.back().layer, LayerId(2));
  volume->Release(7);  // too late
  EXPECT_EQ(released.size(), 1u);
}

TEST_F(VolumeHoldTest, AfterATimeOutWhatIsOutIsRepeatedInTheNewLayerWithItsNumber) {
  KeepWrites();
  block::TestIo* io = Write(0, 4096, 1);
  Run();
  Hold(7, 50);
  Pass(60);
  EXPECT_TRUE(held.empty());
  EXPECT_EQ(released, (std::vector<Released>{{7, {false, false, Duration::Millis(50)}}}));
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].layer, LayerId(1));
  EXPECT_EQ(kept[1].layer, LayerId(2));
  EXPECT_EQ(kept[1].number, kept[0].number);
  store.SetLine(WithLayer2());
  // A later write in the new layer; then the late copy in the old one is refused, if it was not
  // ordered, and that is about an earlier try.
  block::TestIo* later = Write(4096, 4096, 2);
  Run();
  std::swap(kept[0], kept[2]);
  ServeKept();
  EXPECT_EQ(io->done + later->done, 2);
  EXPECT_TRUE(io->status.ok());
  EXPECT_EQ(released, (std::vector<Released>{{7, {false, false, Duration::Millis(50)}},
                                             {7, {false, true, Duration::Millis(50)}}}));
  EXPECT_EQ(store.Find(kLineage, LayerId(1), ChunkIndex(0), 0, nullptr),
            ScriptedStore::State::kAbsent);
}

// The simulator, SnapshotStepsTest.ANodeDies: else metadata waits for ever to have the session
// moved, and the volume can never have another snapshot.
TEST_F(VolumeHoldTest, WhoAsksAfterATimeOutHearsWhenNothingIsOutToTheOldLayer) {
  KeepWrites();
  block::TestIo* io = Write(0, 4096, 1);
  Run();
  Hold(7, 50);
  Pass(60);
  Hold(8);
  EXPECT_EQ(released, (std::vector<Released>{{7, {false, false, Duration::Millis(50)}}, {8, {}}}));
  store.SetLine(WithLayer2());
  ServeKept();
  EXPECT_TRUE(io->status.ok());
  EXPECT_EQ(released.back(), (Released{8, {.drained = true, .pause = Duration::Millis(50)}}));
}

TEST_F(VolumeHoldTest, ASmallWriteUnderWayIsFilledAndEndsBeforeItIsHeld) {
  MakeClone();
  PutBlock(kParent, kParentLayer, 0, 7);
  KeepWrites();
  block::TestIo* io = Write(512, 512, 1);
  Run();
  model::Line line = store.LineOf(kLineage);
  line.version = LineVersion(3);
  line.layers.push_back({.id = LayerId(2), .size_bytes = kSize, .cut_bytes = kSize});
  SetLine(line);
  volume->Hold(7, LayerId(2), Duration::Millis(1000));
  for (int i = 0; i < 3; ++i) ServeKept();  // the write, its fill, the write again
  EXPECT_EQ(io->done, 1);
  EXPECT_EQ(held, std::vector<uint64_t>{7});
  for (const wire::WriteRequest& write : writes) EXPECT_EQ(write.layer, LayerId(1));
}

TEST_F(VolumeHoldTest, ALineThatShowsTheLayerSealedIsFollowed) {
  model::Line line = WithLayer2();
  line.layers[0].sealed = true;
  SetLine(line);
  Write(0, 4096);
  Run();
  EXPECT_EQ(writes.back().layer, LayerId(2));
}

// ---- A group of volumes ------------------------------------------------------------------------

// Three volumes whose nodes answer after a random time; stamp i goes to volume i mod 3, the next
// only after the previous answer, in `depth` threads each with stamps of its own.
class StampsTest : public StoreFixture {
 protected:
  static constexpr int kVolumes = 3;
  static constexpr int kDepth = 8;

  class Member final : public VolumeEvents {
   public:
    explicit Member(StampsTest& test) : test_(test) {}
    void OnLineNeeded(LineageId) override {}
    void OnHeld(const Session&, uint64_t) override { ++test_.members_held; }
    void OnReleased(const Session&, uint64_t, const HoldEnd& end) override {
      EXPECT_TRUE(end.held);
    }

   private:
    StampsTest& test_;
  };
  class Writer final : public block::BlockIo {
   public:
    Writer(StampsTest& test, uint32_t lane) : test_(test), lane_(lane) {}
    void Next() {
      ++stamp;
      op = block::BlockOp::kWrite;
      offset_bytes =
          (stamp % 8) * kChunkBytes + lane_ * 64 * kBlockBytes + stamp / 24 % 64 * kBlockBytes;
      size_bytes = kBlockBytes;
      payload = test_.pool.Allocate(kBlockBytes);
      std::fill_n(payload.data(), kBlockBytes, 0);
      std::memcpy(payload.data(), &stamp, sizeof(stamp));
      test_.volumes[stamp % kVolumes]->Start(this);
    }
    void OnDone(const absl::Status& status) override {
      EXPECT_TRUE(status.ok());
      Next();
    }
    uint64_t stamp = 0;

   private:
    StampsTest& test_;
    const uint32_t lane_;
  };

  StampsTest() {
    for (int i = 0; i < kVolumes; ++i) {
      VolumeIdentity id = identity;
      id.lineage = LineageId(70 + static_cast<uint64_t>(i));
      id.session.volume = VolumeId(5 + static_cast<uint64_t>(i));
      const model::Line line = LineOf(id.lineage, 1, {1});
      store.SetLine(line);
      directory.Apply(line);
      members.push_back(std::make_unique<Member>(*this));
      volumes.push_back(std::make_unique<Volume>(context, id, *members.back()));
    }
    for (uint32_t lane = 0; lane < kDepth; ++lane) {
      writers.push_back(std::make_unique<Writer>(*this, lane));
    }
    nodes.set_script([this](ScriptedNodes::Node& node, const wire::Message& message) {
      // Ordered when it comes, answered later.
      const auto* write = std::get_if<wire::WriteRequest>(&message);
      if (write == nullptr) return Serve(node, message);
      const wire::Result result = store.Write(*write);
      const int64_t us = random.OneIn(1, 100) ? 3000 : 50 + static_cast<int64_t>(random.Below(200));
      slowest = std::max(slowest, us);
      Later(Duration::Micros(us),
            [this, &node, write = *write, result] { Answer(node.address, write, result); });
    });
  }
  ~StampsTest() override { volumes.clear(); }

  void Later(Duration after, absl::AnyInvocable<void()> fn) {
    auto timer = std::make_unique<env::Timer>(reactor, std::move(fn));
    timer->StartIn(after);
    timers.push_back(std::move(timer));
  }
  void OnConnectionReady(NodeConnection& connection) override {
    for (auto& v : volumes) v->OnConnectionReady(connection);
  }
  void Deliver(const wire::WriteAnswer& answer) override {
    for (auto& v : volumes) v->OnWriteAnswer(answer);
  }
  // The highest stamp of each lane that layer `layer` shows on a volume.
  void ExpectPrefix(LayerId layer) {
    for (uint32_t lane = 0; lane < kDepth; ++lane) {
      std::set<uint64_t> seen;
      for (int v = 0; v < kVolumes; ++v) {
        for (uint32_t chunk = 0; chunk < 8; ++chunk) {
          for (uint32_t block = 0; block < 64; ++block) {
            ScriptedStore::Bytes bytes;
            if (store.Find(LineageId(70 + static_cast<uint64_t>(v)), layer, ChunkIndex(chunk),
                           lane * 64 + block, &bytes) != ScriptedStore::State::kData) {
              continue;
            }
            uint64_t stamp = 0;
            std::memcpy(&stamp, bytes.data(), sizeof(stamp));
            seen.insert(stamp);
          }
        }
      }
      // All of the last round of places up to the newest, without a gap.
      ASSERT_FALSE(seen.empty());
      const uint64_t newest = *seen.rbegin();
      const uint64_t oldest = newest < 1000 ? 1 : newest - 999;
      for (uint64_t stamp = oldest; stamp <= newest; ++stamp) {
        ASSERT_TRUE(seen.contains(stamp))
            << "lane " << lane << " lacks " << stamp << " of " << newest;
      }
    }
  }
  void Snapshot(uint32_t number) {
    for (int v = 0; v < kVolumes; ++v) {
      model::Line line = store.LineOf(LineageId(70 + static_cast<uint64_t>(v)));
      line.version = LineVersion(line.version.value() + 1);
      line.layers.push_back({.id = LayerId(number + 1), .size_bytes = kSize, .cut_bytes = kSize});
      store.SetLine(line);
      directory.Apply(line);
      volumes[v]->OnMap();
    }
    members_held = 0;
    const Instant begun = reactor.Now();
    // Orders and reports take a while, each its own.
    for (int v = 0; v < kVolumes; ++v) {
      Later(Duration::Micros(static_cast<int64_t>(random.Below(300))), [this, v, number] {
        volumes[v]->Hold(number, LayerId(number + 1), Duration::Millis(1000));
      });
    }
    while (members_held < kVolumes) reactor.AdvanceBy(Duration::Micros(10));
    pause = reactor.Now() - begun;
    for (auto& v : volumes) {
      v->Release(number);
      reactor.AdvanceBy(Duration::Micros(static_cast<int64_t>(random.Below(300))));
    }
    for (int v = 0; v < kVolumes; ++v) {
      model::Line line = store.LineOf(LineageId(70 + static_cast<uint64_t>(v)));
      line.version = LineVersion(line.version.value() + 1);
      for (model::Layer& layer : line.layers) layer.sealed = layer.id != line.newest().id;
      store.SetLine(line);
      directory.Apply(line);
      volumes[v]->OnMap();
    }
  }

  Random random{11};
  std::vector<std::unique_ptr<Member>> members;
  std::vector<std::unique_ptr<Volume>> volumes;
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::unique_ptr<env::Timer>> timers;
  int members_held = 0;
  int64_t slowest = 0;
  Duration pause;
};

TEST_F(StampsTest, EachSnapshotOfAGroupHoldsAPrefixAndThePauseIsTheDrain) {
  for (auto& writer : writers) writer->Next();
  reactor.AdvanceBy(Duration::Millis(200));
  for (uint32_t number = 1; number <= 25; ++number) {
    const uint64_t before = writers[0]->stamp;
    Snapshot(number);
    // The orders' own way, then the slowest write that was under way; nothing more.
    EXPECT_LE(pause, Duration::Micros(300 + slowest + 20)) << number;
    ExpectPrefix(LayerId(number));
    reactor.AdvanceBy(Duration::Millis(5));
    EXPECT_GT(writers[0]->stamp, before + 3) << number;
  }
}

}  // namespace
}  // namespace storpool::client
