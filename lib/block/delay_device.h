// A device that is slow, or stands still: each request reaches the inner device only after a
// delay between two bounds, so requests overtake each other; while held, none does. For tests of
// what is above. Every request is handed on exactly once.
#pragma once

#include <map>

#include "lib/base/random.h"
#include "lib/block/block_device.h"
#include "lib/block/io_queue.h"
#include "lib/env/reactor.h"

namespace storpool::block {

class DelayDevice final : public BlockDevice {
 public:
  // `reactor` and `inner` must outlive this device. Delays are uniform in [least, most].
  DelayDevice(env::Reactor& reactor, BlockDevice& inner, Duration least, Duration most,
              uint64_t seed);

  BlockDeviceInfo info() const override { return inner_.info(); }
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return inner_.pool(); }

  // From now on requests wait for Release, which hands them on in order, without a delay.
  void Hold() { holding_ = true; }
  void Release();

 private:
  void HandOnDue();

  env::Reactor& reactor_;
  BlockDevice& inner_;
  Duration least_;
  Duration most_;
  Random random_;
  bool holding_ = false;
  IoQueue held_;
  std::multimap<Instant, BlockIo*> due_;
  env::Timer timer_;
};

}  // namespace storpool::block
