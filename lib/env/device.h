// A disk as the chunk store sees it: a file or a raw block device.
//
// Contract: offsets, sizes and memory of reads and writes are multiples of the sector. Requests may
// be done in any order; two writes of one sector are never under way together (hazard 7.8: the
// caller's duty). A write is durable when it was asked to be and has succeeded, or when a flush
// that began after its completion has succeeded; until then power loss may keep any subset of its
// 512-byte sectors. An error is final: the caller fails the disk, nothing is retried (design 4.3).
// The exception is a read that ends with kDataLoss: the medium has lost these bytes, no more.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"

namespace storpool::env {

struct DeviceInfo {
  uint64_t size_bytes = 0;
  uint32_t sector_bytes = 512;  // 512 or 4096
  bool volatile_cache = true;   // a completed write may be lost by power loss until flushed
  bool rotational = false;
  bool can_discard = false;
};

struct IoSlice {
  uint8_t* data = nullptr;
  size_t size_bytes = 0;
};

// One request. The caller owns it, its slices and its memory, and keeps them, unchanged from Queue
// on, until OnDone.
class DeviceIo {
 public:
  enum class Op : uint8_t { kRead, kWrite, kFlush, kDiscard };

  virtual ~DeviceIo() = default;
  // On the reactor. A short read or write arrives as an error.
  virtual void OnDone(const absl::Status& status) = 0;

  Op op = Op::kRead;
  bool durable = false;  // kWrite: done means that it survives power loss
  uint64_t offset_bytes = 0;
  uint64_t discard_bytes = 0;       // kDiscard only
  std::span<const IoSlice> slices;  // kRead, kWrite
  // For implementations: 64 bytes of their own, so that queueing allocates nothing.
  alignas(8) uint8_t scratch[64] = {};
};

class Device {
 public:
  virtual ~Device() = default;  // Nothing may be under way.
  virtual const DeviceInfo& info() const = 0;
  // Queues a request; all that is queued in a turn is submitted together in Phase::kSubmit.
  // Reactor thread only.
  virtual void Queue(DeviceIo* io) = 0;
  // Device writes, reads and flushes so far: for benches and tests.
  struct Counters {
    uint64_t writes = 0, reads = 0, flushes = 0, discards = 0, bytes_written = 0, bytes_read = 0;
    uint64_t submits = 0;        // system calls, where there are any
    uint64_t short_submits = 0;  // of those: the system took fewer requests than it was given
  };
  virtual Counters counters() const = 0;
};

}  // namespace storpool::env
