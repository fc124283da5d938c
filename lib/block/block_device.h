// A volume as front ends see it: asynchronous reads and writes of byte ranges. client::Volume is
// one; what stacks on it (checks, limits, delays, faults) is one too.
//
// Contract: offsets and sizes are multiples of kSectorBytes and inside the device; any size above
// zero is allowed (implementations split). Completion comes exactly once, never from within the
// call. Requests that overlap in time have no order among themselves. A completed write, trim or
// write-zeroes is durable: flush has nothing left to do (design 9.2). A device is destroyed while a
// request is under way only together with its reactor: a crash, in simulation. Reactor thread only.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/base/buffer.h"

namespace storpool::block {

struct BlockDeviceInfo {
  uint64_t size_bytes = 0;
  bool read_only = false;
};

enum class BlockOp : uint8_t { kRead, kWrite, kTrim, kWriteZeroes, kFlush, kBlockStatus };

// One stretch of the answer to kBlockStatus.
struct Extent {
  uint64_t size_bytes = 0;
  bool hole = false;  // nothing stored; reads as zeroes
};

// One request. The caller owns it and keeps it, and the memory that it names, until OnDone.
class BlockIo {
 public:
  virtual ~BlockIo() = default;
  virtual void OnDone(const absl::Status& status) = 0;

  BlockOp op = BlockOp::kRead;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  // kWrite: size_bytes bytes, which must not change before OnDone. Aligned to kBlockBytes within
  // its memory if the offset is, it is sent without a copy.
  Buffer payload;
  // kRead: where the bytes go, size_bytes of them; filled also for holes (zeroes).
  std::span<uint8_t> target;
  // kBlockStatus: filled by the device, adjacent extents differ, together size_bytes or less
  // (never nothing). Room for `extents_max`.
  Extent* extents = nullptr;
  uint32_t extents_max = 0;
  uint32_t extents_count = 0;
  // For whoever holds the request now, so that queueing it allocates nothing (IoQueue).
  BlockIo* next = nullptr;
};

class BlockDevice {
 public:
  virtual ~BlockDevice() = default;
  virtual BlockDeviceInfo info() const = 0;
  virtual void Start(BlockIo* io) = 0;
  // Where payloads for this device are allocated.
  virtual BufferPool& pool() = 0;
};

}  // namespace storpool::block
