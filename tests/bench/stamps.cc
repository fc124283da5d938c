#include "tests/bench/stamps.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::bench {

void FillStamp(uint64_t stamp, std::span<uint8_t> block) {
  SP_CHECK(block.size() == kBlockBytes);
  for (size_t i = 0; i < block.size(); i += sizeof stamp) {
    std::memcpy(block.data() + i, &stamp, sizeof stamp);
  }
}

absl::StatusOr<uint64_t> ReadStamp(std::span<const uint8_t> block) {
  SP_CHECK(block.size() == kBlockBytes);
  uint64_t stamp = 0;
  std::memcpy(&stamp, block.data(), sizeof stamp);
  for (size_t i = 0; i < block.size(); i += sizeof stamp) {
    if (std::memcmp(block.data() + i, &stamp, sizeof stamp) != 0) {
      return absl::DataLossError(absl::StrCat("a block begins with stamp ", stamp,
                                              " and goes on with something else at ", i));
    }
  }
  return stamp;
}

absl::StatusOr<uint64_t> CheckPrefix(const StampPlaces& places, std::span<const uint64_t> found) {
  SP_CHECK(found.size() == places.count());
  const uint64_t last = *std::max_element(found.begin(), found.end());
  std::vector<uint64_t> wanted(found.size());
  const uint64_t first = last > places.count() ? last - places.count() + 1 : 1;
  for (uint64_t stamp = first; stamp <= last; ++stamp) {
    wanted[places.device(stamp) * places.chunks + places.chunk(stamp)] = stamp;
  }
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] == wanted[i]) continue;
    return absl::DataLossError(absl::StrCat("stamp ", last, " is there, and chunk ",
                                            i % places.chunks, " of device ", i / places.chunks,
                                            " has ", found[i], " instead of ", wanted[i]));
  }
  return last;
}

class StampWriter::Io final : public block::BlockIo {
 public:
  explicit Io(StampWriter& writer) : writer_(writer) {}
  void OnDone(const absl::Status& status) override { writer_.Done(status); }

 private:
  StampWriter& writer_;
};

StampWriter::StampWriter(std::vector<block::BlockDevice*> devices, StampPlaces places)
    : devices_(std::move(devices)), places_(places), io_(std::make_unique<Io>(*this)) {
  SP_CHECK(devices_.size() == places_.devices);
  for (const block::BlockDevice* device : devices_) {
    SP_CHECK(device->info().size_bytes >= uint64_t{places_.chunks} * kChunkBytes);
  }
  io_->op = block::BlockOp::kWrite;
  io_->size_bytes = kBlockBytes;
}

StampWriter::~StampWriter() { SP_CHECK(done()); }

void StampWriter::Start() { Next(); }

void StampWriter::Next() {
  if (stopping_) return;
  block::BlockDevice& device = *devices_[places_.device(next_)];
  io_->payload = device.pool().Allocate(kBlockBytes);
  FillStamp(next_, io_->payload.span());
  io_->offset_bytes = places_.offset_bytes(next_);
  under_way_ = true;
  device.Start(io_.get());
}

void StampWriter::Done(const absl::Status& status) {
  under_way_ = false;
  if (!status.ok()) {
    status_ = status;
    return;
  }
  ++next_;
  Next();
}

}  // namespace storpool::bench
