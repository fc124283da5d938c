#include "lib/frontends/nbd/operation.h"

#include <algorithm>
#include <memory>

#include "lib/base/limits.h"

namespace storpool::nbd {
namespace {

constexpr uint64_t kExtentBytes = sizeof(block::Extent) * kNbdExtentsMax;

bool IsWrittenZeroes(const Request& request) {
  return request.command == Command::kWriteZeroes && (request.flags & kNoHole) != 0;
}

block::BlockOp OpFor(const Request& request) {
  switch (request.command) {
    case Command::kRead:
      return block::BlockOp::kRead;
    case Command::kTrim:
      return block::BlockOp::kTrim;
    case Command::kBlockStatus:
      return block::BlockOp::kBlockStatus;
    case Command::kFlush:
      return block::BlockOp::kFlush;
    case Command::kWriteZeroes:
      return IsWrittenZeroes(request) ? block::BlockOp::kWrite : block::BlockOp::kWriteZeroes;
    default:
      return block::BlockOp::kWrite;
  }
}

}  // namespace

uint64_t Session::Operation::CostBytes(const Request& request) {
  switch (OpFor(request)) {
    case block::BlockOp::kRead:
      return request.size_bytes;
    case block::BlockOp::kWrite:
      return IsWrittenZeroes(request) ? std::min(request.size_bytes, kRequestBytesMax)
                                      : request.size_bytes;
    case block::BlockOp::kBlockStatus:
      return kExtentBytes;
    default:
      return 0;
  }
}

void Session::Operation::Prepare(const Request& asked, BufferPool& pool) {
  request_ = asked;
  op = OpFor(asked);
  offset_bytes = asked.offset_bytes;
  size_bytes = asked.size_bytes;
  if (op == block::BlockOp::kRead) {
    memory_ = pool.Allocate(asked.size_bytes);
    target = memory_.span();
  } else if (IsWrittenZeroes(asked)) {
    memory_ = pool.AllocateZeroed(CostBytes(asked));
    zeroes_left_bytes_ = asked.size_bytes;
    size_bytes = 0;
  } else if (op == block::BlockOp::kWrite) {
    // As far from a block's border in memory as on the volume: whole blocks lie aligned.
    const size_t within = asked.offset_bytes % kBlockBytes;
    payload = pool.Allocate(within + asked.size_bytes).Slice(within, asked.size_bytes);
  } else if (op == block::BlockOp::kBlockStatus) {
    memory_ = pool.Allocate(kExtentBytes);
    extents = reinterpret_cast<block::Extent*>(memory_.data());
    std::uninitialized_value_construct_n(extents, kNbdExtentsMax);
    extents_max = (asked.flags & kRequestOne) != 0 ? 1 : kNbdExtentsMax;
    extents_count = 0;
  }
}

void Session::Operation::StartOn(block::BlockDevice& device) {
  if (!StartNextPiece(device)) device.Start(this);
}

bool Session::Operation::StartNextPiece(block::BlockDevice& device) {
  if (zeroes_left_bytes_ == 0) return false;
  offset_bytes += size_bytes;
  size_bytes = std::min<uint64_t>(zeroes_left_bytes_, memory_.size());
  zeroes_left_bytes_ -= size_bytes;
  payload = memory_.Slice(0, size_bytes);
  device.Start(this);
  return true;
}

void Session::Operation::Clear() {
  memory_ = Buffer();
  payload = Buffer();
  target = {};
  extents = nullptr;
  zeroes_left_bytes_ = 0;
}

}  // namespace storpool::nbd
