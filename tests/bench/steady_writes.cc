#include "tests/bench/steady_writes.h"

#include <cstring>

#include "lib/base/check.h"

namespace storpool::bench {

class SteadyWrites::Io final : public block::BlockIo {
 public:
  explicit Io(SteadyWrites& writes) : writes_(writes) {}
  void OnDone(const absl::Status& status) override { writes_.Done(*this, status); }

  Instant began;

 private:
  SteadyWrites& writes_;
};

SteadyWrites::SteadyWrites(block::BlockDevice& device, const env::Clock& clock, uint32_t depth,
                           uint64_t seed)
    : device_(device),
      clock_(clock),
      blocks_(device.info().size_bytes / kBlockBytes),
      content_(device.pool().Allocate(kBlockBytes)),
      random_(seed) {
  SP_CHECK(blocks_ > 1);
  for (size_t i = 0; i < content_.size(); i += sizeof(uint64_t)) {
    const uint64_t value = random_.Next();
    std::memcpy(content_.data() + i, &value, sizeof value);
  }
  for (uint32_t i = 0; i < depth; ++i) {
    Io& io = *ios_.emplace_back(std::make_unique<Io>(*this));
    io.op = block::BlockOp::kWrite;
    io.size_bytes = kBlockBytes;
    io.payload = content_;
  }
  writes_.reserve(1 << 20);
}

SteadyWrites::~SteadyWrites() { SP_CHECK(done()); }

void SteadyWrites::Start() {
  for (const auto& io : ios_) Next(*io);
}

void SteadyWrites::Next(Io& io) {
  if (stopping_) return;
  uint64_t block = 0;
  do {
    block = random_.Below(blocks_);
  } while (block % kBlocksPerChunk == 0);
  io.offset_bytes = block * kBlockBytes;
  io.began = clock_.Now();
  ++under_way_;
  device_.Start(&io);
}

void SteadyWrites::Done(Io& io, const absl::Status& status) {
  writes_.push_back({io.began, clock_.Now()});
  --under_way_;
  if (!status.ok()) {
    status_ = status;
    stopping_ = true;
  }
  Next(io);
}

}  // namespace storpool::bench
