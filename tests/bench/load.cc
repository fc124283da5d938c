#include "tests/bench/load.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::bench {

Content::Content(BufferPool& pool, uint64_t device_bytes, uint64_t seed)
    : store_(pool.Allocate(size_t{kStoreBlocks} * kBlockBytes)), held_(device_bytes / kBlockBytes) {
  Random random(seed);
  for (size_t i = 0; i < store_.size(); i += sizeof(uint64_t)) {
    const uint64_t value = random.Next();
    std::memcpy(store_.data() + i, &value, sizeof value);
  }
}

Buffer Content::Write(uint64_t first_block, uint32_t count, Random& random) {
  const auto from = static_cast<uint32_t>(random.Below(kStoreBlocks - count + 1));
  for (uint32_t i = 0; i < count; ++i) {
    held_[first_block + i] = static_cast<uint16_t>(from + i);
  }
  return store_.Slice(size_t{from} * kBlockBytes, size_t{count} * kBlockBytes);
}

bool Content::Matches(uint64_t first_block, std::span<const uint8_t> bytes) const {
  for (size_t i = 0; i < bytes.size() / kBlockBytes; ++i) {
    const uint8_t* held = store_.data() + size_t{held_[first_block + i]} * kBlockBytes;
    if (std::memcmp(held, bytes.data() + i * kBlockBytes, kBlockBytes) != 0) return false;
  }
  return true;
}

class Load::Io final : public block::BlockIo {
 public:
  explicit Io(Load& load) : load_(load) {}
  void OnDone(const absl::Status& status) override { load_.Done(*this, status); }

  bool active = false;
  bool measured = false;
  uint64_t place = 0;
  Instant began;
  Buffer memory;  // of reads

 private:
  Load& load_;
};

Load::Load(block::BlockDevice& device, const env::Clock& clock, Content& content,
           const LoadOptions& options)
    : device_(device),
      clock_(clock),
      content_(content),
      options_(options),
      blocks_(options.block_bytes / kBlockBytes),
      places_(device.info().size_bytes / options.block_bytes),
      random_(options.seed) {
  SP_CHECK(blocks_ > 0 && places_ >= 2 * uint64_t{options.depth});
  for (uint32_t i = 0; i < options.depth; ++i) {
    Io& io = *ios_.emplace_back(std::make_unique<Io>(*this));
    io.op = options.read ? block::BlockOp::kRead : block::BlockOp::kWrite;
    io.size_bytes = options.block_bytes;
    if (!options.read) continue;
    io.memory = device.pool().Allocate(options.block_bytes);
    io.target = io.memory.span();
  }
  latencies_.Reserve(1 << 20);
}

Load::~Load() { SP_CHECK(done()); }

void Load::Start() {
  for (const auto& io : ios_) Next(*io);
}

// A place where nothing is under way: else its content would not be known.
bool Load::Choose(uint64_t& place) {
  if (options_.sequential) {
    place = next_place_;
    return next_place_++ < places_;
  }
  const auto busy = [&](const auto& io) { return io->active && io->place == place; };
  do {
    place = random_.Below(places_);
  } while (std::any_of(ios_.begin(), ios_.end(), busy));
  return true;
}

void Load::Next(Io& io) {
  if (stopping_ || !Choose(io.place)) return;
  const uint64_t first_block = io.place * blocks_;
  io.active = true;
  io.offset_bytes = io.place * options_.block_bytes;
  if (!options_.read) io.payload = content_.Write(first_block, blocks_, random_);
  ++under_way_;
  io.measured = measuring_;
  io.began = clock_.Now();
  device_.Start(&io);
}

void Load::Done(Io& io, const absl::Status& status) {
  const Instant now = clock_.Now();
  if (io.measured && measuring_) latencies_.Add(static_cast<uint64_t>((now - io.began).nanos()));
  io.active = false;
  --under_way_;
  if (!status.ok()) {
    status_ = status;
  } else if (options_.read && !content_.Matches(io.place * blocks_, io.target)) {
    status_ = absl::DataLossError(
        absl::StrCat("the bytes read at ", io.offset_bytes, " are not those written"));
  }
  if (!status_.ok()) Stop();
  Next(io);
}

}  // namespace storpool::bench
