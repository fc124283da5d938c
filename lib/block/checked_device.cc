#include "lib/block/checked_device.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/base/limits.h"

namespace storpool::block {
namespace {

uint32_t PayloadChecksum(const BlockIo& io) {
  return io.op == BlockOp::kWrite ? Crc32c(io.payload.span()) : 0;
}

void CheckExtents(const BlockIo& io) {
  SP_CHECK(io.extents_count > 0 && io.extents_count <= io.extents_max);
  uint64_t sum_bytes = 0;
  for (uint32_t i = 0; i < io.extents_count; ++i) {
    const Extent& extent = io.extents[i];
    SP_CHECK(extent.size_bytes > 0 && extent.size_bytes % kSectorBytes == 0);
    SP_CHECK(extent.size_bytes <= io.size_bytes - sum_bytes);
    SP_CHECK(i == 0 || extent.hole != io.extents[i - 1].hole);
    sum_bytes += extent.size_bytes;
  }
}

}  // namespace

// Stands for one request of the caller at the inner device.
class CheckedDevice::Check final : public BlockIo {
 public:
  explicit Check(CheckedDevice& device) : device_(device) {}

  void Begin(BlockIo* io) {
    caller_ = io;
    op = io->op;
    offset_bytes = io->offset_bytes;
    size_bytes = io->size_bytes;
    payload = io->payload;
    target = io->target;
    extents = io->extents;
    extents_max = io->extents_max;
    extents_count = 0;
    checksum_ = PayloadChecksum(*this);
  }

  void OnDone(const absl::Status& status) override {
    SP_CHECK(!device_.in_start_);  // Never from within the call.
    SP_CHECK(caller_ != nullptr);  // Once.
    BlockIo* caller = std::exchange(caller_, nullptr);
    // The caller kept the request and its memory as they were.
    SP_CHECK(caller->op == op && caller->offset_bytes == offset_bytes);
    SP_CHECK(caller->size_bytes == size_bytes && caller->extents == extents);
    SP_CHECK(caller->target.data() == target.data() && caller->target.size() == target.size());
    SP_CHECK(caller->payload.data() == payload.data());
    SP_CHECK(PayloadChecksum(*this) == checksum_);
    if (op == BlockOp::kBlockStatus && status.ok()) {
      CheckExtents(*this);
      caller->extents_count = extents_count;
    }
    payload = Buffer();
    device_.idle_.push_back(this);
    caller->OnDone(status);
  }

 private:
  CheckedDevice& device_;
  BlockIo* caller_ = nullptr;
  uint32_t checksum_ = 0;
};

CheckedDevice::CheckedDevice(BlockDevice& inner) : inner_(inner) {}

CheckedDevice::~CheckedDevice() = default;

void CheckedDevice::CheckRequest(const BlockIo& io) const {
  if (io.op == BlockOp::kFlush) return;
  const BlockDeviceInfo info = inner_.info();
  SP_CHECK(io.size_bytes > 0);
  SP_CHECK(io.offset_bytes % kSectorBytes == 0 && io.size_bytes % kSectorBytes == 0);
  SP_CHECK(io.offset_bytes <= info.size_bytes);
  SP_CHECK(io.size_bytes <= info.size_bytes - io.offset_bytes);
  const bool changes =
      io.op == BlockOp::kWrite || io.op == BlockOp::kTrim || io.op == BlockOp::kWriteZeroes;
  SP_CHECK(!(changes && info.read_only));
  if (io.op == BlockOp::kWrite) SP_CHECK(io.payload.size() == io.size_bytes);
  if (io.op == BlockOp::kRead) SP_CHECK(io.target.size() == io.size_bytes);
  if (io.op == BlockOp::kBlockStatus) SP_CHECK(io.extents != nullptr && io.extents_max > 0);
}

void CheckedDevice::Start(BlockIo* io) {
  CheckRequest(*io);
  if (idle_.empty()) {
    checks_.push_back(std::make_unique<Check>(*this));
    idle_.push_back(checks_.back().get());
  }
  Check* check = idle_.front();
  idle_.pop_front();
  check->Begin(io);
  const bool outer = std::exchange(in_start_, true);
  inner_.Start(check);
  in_start_ = outer;
}

}  // namespace storpool::block
