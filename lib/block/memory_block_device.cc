#include "lib/block/memory_block_device.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::block {

MemoryBlockDevice::MemoryBlockDevice(env::Reactor& reactor, BlockDeviceInfo info)
    : reactor_(reactor), info_(info) {
  SP_CHECK(info.size_bytes % kSectorBytes == 0);
}

void MemoryBlockDevice::Start(BlockIo* io) {
  if (queued_.empty()) reactor_.Post([this] { RunQueued(); });
  queued_.Push(io);
}

void MemoryBlockDevice::RunQueued() {
  IoQueue now;
  now.Swap(queued_);
  while (!now.empty()) {
    BlockIo* io = now.Pop();
    io->OnDone(Perform(*io));
  }
}

absl::Status MemoryBlockDevice::Perform(BlockIo& io) {
  if (io.op == BlockOp::kFlush) return absl::OkStatus();
  if (io.offset_bytes > info_.size_bytes || io.size_bytes > info_.size_bytes - io.offset_bytes) {
    return absl::OutOfRangeError(absl::StrCat("request of ", io.size_bytes, " bytes at ",
                                              io.offset_bytes, " ends beyond the device's ",
                                              info_.size_bytes, " bytes"));
  }
  if (io.op == BlockOp::kRead) {
    Read(io.offset_bytes, io.target);
    return absl::OkStatus();
  }
  if (io.op == BlockOp::kBlockStatus) {
    Status(io);
    return absl::OkStatus();
  }
  if (info_.read_only) return absl::PermissionDeniedError("the device is read-only");
  if (io.op == BlockOp::kWrite) {
    Write(io.offset_bytes, io.payload.span());
  } else {
    Zero(io.offset_bytes, io.size_bytes);
  }
  return absl::OkStatus();
}

void MemoryBlockDevice::Read(uint64_t offset_bytes, std::span<uint8_t> target) const {
  while (!target.empty()) {
    const size_t within = offset_bytes % kBlockBytes;
    const size_t size_bytes = std::min<size_t>(kBlockBytes - within, target.size());
    const auto it = blocks_.find(offset_bytes / kBlockBytes);
    if (it == blocks_.end()) {
      std::memset(target.data(), 0, size_bytes);
    } else {
      std::memcpy(target.data(), it->second->data() + within, size_bytes);
    }
    offset_bytes += size_bytes;
    target = target.subspan(size_bytes);
  }
}

MemoryBlockDevice::Block& MemoryBlockDevice::BlockForWrite(uint64_t index) {
  std::unique_ptr<Block>& block = blocks_[index];
  if (block == nullptr) block = std::make_unique<Block>();  // Zeroes.
  return *block;
}

void MemoryBlockDevice::Write(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const size_t within = offset_bytes % kBlockBytes;
    const size_t size_bytes = std::min<size_t>(kBlockBytes - within, bytes.size());
    Block& block = BlockForWrite(offset_bytes / kBlockBytes);
    std::memcpy(block.data() + within, bytes.data(), size_bytes);
    offset_bytes += size_bytes;
    bytes = bytes.subspan(size_bytes);
  }
}

void MemoryBlockDevice::Zero(uint64_t offset_bytes, uint64_t size_bytes) {
  const uint64_t end = offset_bytes + size_bytes;
  for (auto it = blocks_.lower_bound(offset_bytes / kBlockBytes);
       it != blocks_.end() && it->first * kBlockBytes < end;) {
    const uint64_t begin_of_block = it->first * kBlockBytes;
    const uint64_t from = std::max(offset_bytes, begin_of_block);
    const uint64_t to = std::min(end, begin_of_block + kBlockBytes);
    if (to - from == kBlockBytes) {
      it = blocks_.erase(it);
      continue;
    }
    std::memset(it->second->data() + (from - begin_of_block), 0, to - from);
    ++it;
  }
}

void MemoryBlockDevice::Status(BlockIo& io) const {
  const uint64_t end = io.offset_bytes + io.size_bytes;
  uint64_t at = io.offset_bytes;
  io.extents_count = 0;
  while (at < end) {
    const auto it = blocks_.lower_bound(at / kBlockBytes);
    const bool hole = it == blocks_.end() || it->first != at / kBlockBytes;
    // Up to the next stored block, or to the end of this one.
    uint64_t to = end;
    if (!hole) {
      to = std::min(end, (it->first + 1) * kBlockBytes);
    } else if (it != blocks_.end()) {
      to = std::min(end, it->first * kBlockBytes);
    }
    if (io.extents_count > 0 && io.extents[io.extents_count - 1].hole == hole) {
      io.extents[io.extents_count - 1].size_bytes += to - at;
    } else if (io.extents_count == io.extents_max) {
      return;
    } else {
      io.extents[io.extents_count++] = {to - at, hole};
    }
    at = to;
  }
}

void MemoryBlockDevice::Resize(uint64_t size_bytes) {
  SP_CHECK(size_bytes % kSectorBytes == 0);
  if (size_bytes < info_.size_bytes) Zero(size_bytes, info_.size_bytes - size_bytes);
  info_.size_bytes = size_bytes;
}

}  // namespace storpool::block
