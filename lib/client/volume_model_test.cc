// Random requests over nodes that lose connections, answers and epochs, against a byte model: what
// was acknowledged is there, nothing runs twice, no answer is missing.
#include <array>
#include <map>
#include <optional>
#include <set>

#include "lib/base/random.h"
#include "lib/client/volume_fixture.h"

namespace storpool::client {
namespace {

constexpr uint64_t kArea = 64 << 10;  // small, so that requests collide; over a chunk border
constexpr uint64_t kAreaStart = kChunkBytes - kArea / 2;

// The content of all chains, kept by one store that every head and tail of the moment reaches.
class ChainModel {
 public:
  // True if it was done now; a number that was done before is not done again (5.8).
  bool Write(const wire::WriteRequest& request) {
    if (!done_.insert({request.chain, request.number}).second) return false;
    uint64_t at = uint64_t{request.chunk.value()} * kChunkBytes + request.first_sector * 512;
    for (uint32_t i = 0; i < request.sectors * 512; ++i) {
      bytes_[at + i] = request.op == wire::WriteOp::kHole ? 0 : request.payload.data()[i];
    }
    return true;
  }
  bool Has(uint64_t block_at) const {
    const auto it = bytes_.lower_bound(block_at);
    return it != bytes_.end() && it->first < block_at + kBlockBytes;
  }
  uint8_t At(uint64_t at) const {
    const auto it = bytes_.find(at);
    return it == bytes_.end() ? 0 : it->second;
  }

 private:
  std::set<std::pair<ChainId, uint64_t>> done_;
  std::map<uint64_t, uint8_t> bytes_;
};

class VolumeModelTest : public VolumeFixture {
 protected:
  void Script(ScriptedNodes::Node& node, const wire::Message& message) {
    if (const auto* write = std::get_if<wire::WriteRequest>(&message)) {
      OnWrite(node, *write);
    } else if (const auto* read = std::get_if<wire::ReadRequest>(&message)) {
      OnRead(node, *read);
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
    const wire::Result result = Judge(node, request.chain, request.epoch, true);
    if (result == wire::Result::kOk) {
      size_t at = 0;
      size_t piece = 4096 - request.first_sector % 8 * 512;
      for (uint32_t sum : request.checksums.span()) {
        const size_t size = std::min(piece, request.payload.size() - at);
        ASSERT_EQ(sum, Crc32c(request.payload.data() + at, size));
        at += size, piece = 4096;
      }
      ASSERT_EQ(at, request.payload.size());
      model_.Write(request);
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
      answer.blocks = request.blocks.count;
      const uint64_t start = uint64_t{request.chunk.value()} * kChunkBytes +
                             uint64_t{request.blocks.first} * kBlockBytes;
      std::vector<uint8_t> bytes;
      for (uint32_t i = 0; i < answer.blocks; ++i) {
        const uint64_t at = start + uint64_t{i} * kBlockBytes;
        if (!model_.Has(at)) continue;
        answer.data[i / 64] |= uint64_t{1} << (i % 64);
        for (uint32_t b = 0; b < kBlockBytes; ++b) bytes.push_back(model_.At(at + b));
      }
      answer.payload = pool.Copy(bytes);
      answer.checksums = Checksums(bytes.size() / kBlockBytes, pool);
      for (size_t i = 0; i < answer.checksums.size(); ++i) {
        answer.checksums.span()[i] = Crc32c(bytes.data() + i * kBlockBytes, kBlockBytes);
      }
      if (!bytes.empty() && random_.OneIn(1, 40)) answer.payload.data()[5] ^= 1;
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
    }
    ASSERT_FALSE(volume->busy()) << "a request is never answered";
    for (const block::TestIo* io : open_) {
      ASSERT_EQ(io->done, 1);
      ASSERT_TRUE(io->status.ok()) << io->status;
    }
    open_.clear();
  }

  Random random_{42};
  ChainModel model_;
  std::array<model::ChainConfig, 4> truth_;
  std::vector<uint8_t> expected_ = std::vector<uint8_t>(kArea);
  std::vector<block::TestIo*> open_;
};

TEST_F(VolumeModelTest, EveryAcknowledgedByteIsReadBack) {
  for (uint16_t i = 0; i < 4; ++i) truth_[i] = Config(i, 2, {1, 2, 3}, true);
  nodes.set_script(
      [this](ScriptedNodes::Node& node, const wire::Message& message) { Script(node, message); });
  for (int round = 0; round < 120; ++round) {
    // Later overlapping writes win: the session keeps their order, whatever happens on the way.
    for (uint64_t i = 1 + random_.Below(12); i > 0; --i) StartOne();
    if (random_.OneIn(1, 3)) ChangeAChain();
    if (random_.OneIn(1, 2)) reactor.RunTurn();
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
  EXPECT_GT(truth_[0].epoch.value() + truth_[1].epoch.value(), 20u);  // something did happen
  EXPECT_GT(nodes.At("n1").opened, 3);
}

}  // namespace
}  // namespace storpool::client
