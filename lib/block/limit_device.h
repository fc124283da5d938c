// The limits of a volume: operations and bytes a second, with a short burst (design 9.1).
//
// Below its limits a request passes at once, in the caller's turn; above them requests wait in
// order. Reads, writes, trims and zeroes count as one operation each, reads and writes with their
// bytes; flush and block status never wait, since neither moves data nor depends on what waits.
#pragma once

#include "lib/block/block_device.h"
#include "lib/block/io_queue.h"
#include "lib/block/token_bucket.h"
#include "lib/env/reactor.h"

namespace storpool::block {

// 0: no limit.
struct Limits {
  uint64_t operations_per_second = 0;
  uint64_t bytes_per_second = 0;
  bool operator==(const Limits&) const = default;
};

class LimitDevice final : public BlockDevice {
 public:
  // `reactor` and `inner` must outlive this device.
  LimitDevice(env::Reactor& reactor, BlockDevice& inner, Limits limits);

  BlockDeviceInfo info() const override { return inner_.info(); }
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return inner_.pool(); }

  // Takes effect at once, also for what waits.
  void SetLimits(Limits limits);
  // Nothing waits here.
  bool idle() const { return waiting_.empty(); }
  Limits limits() const { return {operations_.rate(), bytes_.rate()}; }

 private:
  Instant FreeAt() const;
  void Pass(BlockIo* io, Instant now);
  void PassWaiting();

  env::Reactor& reactor_;
  BlockDevice& inner_;
  TokenBucket operations_;
  TokenBucket bytes_;
  IoQueue waiting_;
  env::Timer timer_;
};

}  // namespace storpool::block
