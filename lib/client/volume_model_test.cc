// Random requests over nodes that lose connections, answers and epochs, against a byte model: what
// was acknowledged is there, nothing runs twice, no answer is missing. Of a plain volume and of a
// clone; with snapshots and promotions in between.
#include <array>

#include "lib/base/random.h"
#include "lib/client/fill_session.h"
#include "lib/client/store_fixture.h"

namespace storpool::client {
namespace {

constexpr uint64_t kArea = 64 << 10;  // small, so that requests collide; over a chunk border
constexpr uint64_t kAreaStart = kChunkBytes - kArea / 2;

class VolumeModelTest : public StoreFixture {
 protected:
  VolumeModelTest() {
    for (uint16_t i = 0; i < 4; ++i) truth_[i] = Config(i, 2, {1, 2, 3}, true);
  }

  void Serve(ScriptedNodes::Node& node, const wire::Message& message) override {
    if (const auto* write = std::get_if<wire::WriteRequest>(&message)) {
      OnWrite(node, *write);
    } else if (const auto* read = std::get_if<wire::ReadRequest>(&message)) {
      OnRead(node, *read);
    } else if (const auto* hint = std::get_if<wire::LineHint>(&message)) {
      Teach(hint->line);
    }
  }

  wire::Result Judge(const ScriptedNodes::Node& node, ChainId chain, Epoch epoch, bool head) {
    const model::ChainConfig& config = truth_[chain.index()];
    if (config.epoch != epoch) return wire::Result::kWrongEpoch;
    const model::Member& member = head ? config.head() : config.tail();
    return node.address == "n" + std::to_string(member.disk.value()) ? wire::Result::kOk
                                                                     : wire::Result::kNotServing;
  }

  void OnWrite(ScriptedNodes::Node& node, const wire::WriteRequest& request) {
    wire::Result result = Judge(node, request.chain, request.epoch, true);
    if (result == wire::Result::kOk) {
      size_t at = 0;
      size_t piece = 4096 - request.first_sector % 8 * 512;
      for (uint32_t sum : request.checksums.span()) {
        const size_t size = std::min(piece, request.payload.size() - at);
        ASSERT_EQ(sum, Crc32c(request.payload.data() + at, size));
        at += size, piece = 4096;
      }
      ASSERT_EQ(at, request.payload.size());
      result = store.Write(request);
    }
    if (random_.OneIn(1, 30)) return nodes.Break(node.address);  // the answer is lost
    Answer(node.address, request, result);
    if (random_.OneIn(1, 20)) Answer(node.address, request, result);  // and comes twice
    if (result == wire::Result::kWrongEpoch) {
      nodes.Deliver(node, wire::ConfigHint{truth_[request.chain.index()]});
    }
  }

  void OnRead(ScriptedNodes::Node& node, const wire::ReadRequest& request) {
    wire::ReadAnswer answer;
    answer.chain = request.chain;
    answer.number = request.number;
    answer.result = Judge(node, request.chain, request.epoch, false);
    if (answer.result == wire::Result::kOk) {
      answer = store.Read(request, pool);
      if (random_.OneIn(1, 40)) {  // of another shape
        answer.checksums = Checksums(answer.checksums.span().size() + 1, pool);
      }
    }
    if (random_.OneIn(1, 30)) return nodes.Break(node.address);
    nodes.Deliver(node, answer);
    if (answer.result == wire::Result::kWrongEpoch) {
      nodes.Deliver(node, wire::ConfigHint{truth_[request.chain.index()]});
    }
  }

  void ChangeAChain() {
    const auto index = static_cast<uint16_t>(random_.Below(4));
    std::vector<uint16_t> disks = {1, 2, 3};
    std::swap(disks[0], disks[random_.Below(3)]);
    if (random_.OneIn(1, 2)) disks.pop_back();
    truth_[index] = Config(index, truth_[index].epoch.value() + 1, disks, true);
    if (random_.OneIn(1, 2)) Learn(truth_[index]);  // else a member has to tell
  }

  // One request; its effect on what must be read afterwards is settled when it completes.
  void StartOne() {
    const uint64_t offset = kAreaStart + random_.Below(kArea / 512) * 512;
    const uint64_t size = std::min((1 + random_.Below(40)) * 512, kAreaStart + kArea - offset);
    const auto fill = static_cast<uint8_t>(1 + random_.Below(255));
    block::TestIo* io = random_.OneIn(1, 8) ? Start(block::BlockOp::kTrim, offset, size)
                                            : Write(offset, size, fill);
    const bool trim = io->op == block::BlockOp::kTrim;
    for (uint64_t i = 0; i < size; ++i) expected_[offset + i - kAreaStart] = trim ? 0 : fill;
    open_.push_back(io);
  }

  void Settle() {
    for (int i = 0; i < 400 && volume->busy(); ++i) {
      Pass(50);
      volume->OnTick();
      if (fill_ != nullptr) fill_->volume().OnTick();
    }
    ASSERT_FALSE(volume->busy()) << "a request is never answered";
    for (const block::TestIo* io : open_) {
      ASSERT_EQ(io->done, 1);
      ASSERT_TRUE(io->status.ok()) << io->status;
    }
    open_.clear();
  }

  // Blocks of both ancestors, data and holes.
  void MakeBase() {
    for (uint64_t at = 0; at < kArea; at += kBlockBytes) {
      const uint64_t offset = kAreaStart + at;
      const auto chunk = ChunkIndex(static_cast<uint32_t>(offset / kChunkBytes));
      const auto block = static_cast<uint32_t>(offset % kChunkBytes / kBlockBytes);
      uint8_t seen = 0;
      for (const auto& [lineage, layer] :
           {std::pair(kGrandparent, kGrandparentLayer), std::pair(kParent, kParentLayer)}) {
        const uint64_t choice = random_.Below(3);
        if (choice == 0) continue;
        seen = choice == 1 ? 0 : static_cast<uint8_t>(1 + random_.Below(255));
        if (choice == 1) {
          store.Put(lineage, layer, chunk, block, std::nullopt);
        } else {
          PutBlock(lineage, layer, offset, seen);
        }
      }
      std::fill_n(expected_.begin() + static_cast<std::ptrdiff_t>(at), kBlockBytes, seen);
    }
  }

  void TakeSnapshot() {
    model::Line line = store.LineOf(kLineage);
    line.version = LineVersion(line.version.value() + 1);
    const LayerId layer(line.newest().id.value() + 1);
    line.layers.push_back({.id = layer, .size_bytes = kSize, .cut_bytes = kSize});
    if (random_.OneIn(1, 2)) store.SetLine(line);  // else the client has to teach it
    Learn(line);
    const uint64_t id = ++snapshots_;
    volume->Hold(id, layer, Duration::Millis(20));
    if (fill_ != nullptr) fill_->volume().Hold(id, layer, Duration::Millis(20));
    if (random_.OneIn(1, 2)) reactor.RunTurn();
    if (random_.OneIn(1, 2)) volume->Release(id);  // else it is lost
  }

  void StartFill() {
    VolumeIdentity id = identity;
    id.session.generation = Generation(8);
    fill_ = std::make_unique<FillSession>(context, id, *this, 0, 2, false, [] {});
    fill_->Start();
  }
  void Deliver(const wire::WriteAnswer& answer) override {
    if (fill_ != nullptr) fill_->volume().OnWriteAnswer(answer);
    volume->OnWriteAnswer(answer);
  }
  void OnConnectionReady(NodeConnection& connection) override {
    VolumeFixture::OnConnectionReady(connection);
    if (fill_ != nullptr) fill_->volume().OnConnectionReady(connection);
  }
  void OnConnectionLost(NodeConnection& connection, bool ready, const absl::Status& why) override {
    VolumeFixture::OnConnectionLost(connection, ready, why);
    if (fill_ != nullptr) fill_->volume().OnConnectionLost(connection, ready);
  }
  void Learn(const model::Line& line) {
    VolumeFixture::Learn(line);
    if (fill_ != nullptr) fill_->volume().OnMap();
  }
  void Learn(const model::ChainConfig& config) {
    VolumeFixture::Learn(config);
    if (fill_ != nullptr) fill_->volume().OnChain(config.chain);
  }
  void Rounds(int rounds, const std::function<void()>& between);

  Random random_{42};
  uint64_t snapshots_ = 0;
  std::array<model::ChainConfig, 4> truth_;
  std::vector<uint8_t> expected_ = std::vector<uint8_t>(kArea);
  std::vector<block::TestIo*> open_;
  std::unique_ptr<FillSession> fill_;
};

// Rounds of colliding requests while chains change; `between` comes between starting and settling.
void VolumeModelTest::Rounds(int rounds, const std::function<void()>& between) {
  for (int round = 0; round < rounds; ++round) {
    // Later overlapping writes win: the session keeps their order, whatever happens on the way.
    for (uint64_t i = 1 + random_.Below(12); i > 0; --i) StartOne();
    if (random_.OneIn(1, 3)) ChangeAChain();
    if (random_.OneIn(1, 2)) reactor.RunTurn();
    between();
    if (random_.OneIn(1, 4)) ChangeAChain();
    Settle();
    const uint64_t at = random_.Below(kArea / 512) * 512;
    const uint64_t size = std::min((1 + random_.Below(60)) * 512, kArea - at);
    block::TestIo* read = Read(kAreaStart + at, size);
    open_.push_back(read);
    Settle();
    const std::vector<uint8_t> want(expected_.begin() + static_cast<std::ptrdiff_t>(at),
                                    expected_.begin() + static_cast<std::ptrdiff_t>(at + size));
    ASSERT_EQ(read->bytes, want) << "round " << round;
  }
  EXPECT_GT(truth_[0].epoch.value() + truth_[1].epoch.value(), 10u);  // something did happen
  EXPECT_GT(nodes.At("n1").opened, 3);
}

TEST_F(VolumeModelTest, EveryAcknowledgedByteIsReadBack) {
  Rounds(120, [] {});
}

TEST_F(VolumeModelTest, EveryByteOfACloneIsItsOwnOrItsParents) {
  MakeClone();
  MakeBase();
  Rounds(120, [] {});
  EXPECT_GT(store.fills, 10);
}

TEST_F(VolumeModelTest, SnapshotsAndAPromotionChangeNoByte) {
  MakeClone();
  MakeBase();
  StartFill();
  Rounds(100, [this] {
    if (random_.OneIn(1, 3)) TakeSnapshot();
  });
  for (int i = 0; i < 2000 && !fill_->done(); ++i) {
    Pass(50);
    fill_->volume().OnTick();
  }
  ASSERT_TRUE(fill_->done()) << fill_->next();
  // The parent is cut: all is here.
  model::Line line = store.LineOf(kLineage);
  line.version = LineVersion(line.version.value() + 1);
  line.foreign_parent.reset();
  SetLine(line);
  block::TestIo* read = Read(kAreaStart, kArea);
  open_.push_back(read);
  Settle();
  EXPECT_EQ(read->bytes, expected_);
  EXPECT_GT(released.size(), 10u);
}

}  // namespace
}  // namespace storpool::client
