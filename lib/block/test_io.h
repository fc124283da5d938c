// A request that remembers its outcome, for unit tests of block devices.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lib/block/block_device.h"

namespace storpool::block {

class TestIo final : public BlockIo {
 public:
  void OnDone(const absl::Status& s) override {
    ++done;
    status = s;
  }

  int done = 0;
  absl::Status status;
  std::vector<uint8_t> bytes;
  std::array<Extent, 16> room;
};

inline TestIo* Prepare(TestIo* io, BlockOp op, uint64_t offset_bytes, uint64_t size_bytes) {
  io->op = op;
  io->offset_bytes = offset_bytes;
  io->size_bytes = size_bytes;
  if (op == BlockOp::kRead) {
    io->bytes.assign(size_bytes, 0xEE);
    io->target = io->bytes;
  }
  io->extents = io->room.data();
  io->extents_max = static_cast<uint32_t>(io->room.size());
  return io;
}

inline TestIo* PrepareWrite(TestIo* io, BufferPool& pool, uint64_t offset_bytes,
                            uint64_t size_bytes, uint8_t fill) {
  Prepare(io, BlockOp::kWrite, offset_bytes, size_bytes);
  io->payload = pool.Allocate(size_bytes);
  std::fill_n(io->payload.data(), size_bytes, fill);
  return io;
}

}  // namespace storpool::block
