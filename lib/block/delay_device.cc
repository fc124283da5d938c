#include "lib/block/delay_device.h"

#include "lib/base/check.h"

namespace storpool::block {

DelayDevice::DelayDevice(env::Reactor& reactor, BlockDevice& inner, Duration least, Duration most,
                         uint64_t seed)
    : reactor_(reactor),
      inner_(inner),
      least_(least),
      most_(most),
      random_(seed),
      timer_(reactor, [this] { HandOnDue(); }) {
  SP_CHECK(least >= Duration() && most >= least);
}

void DelayDevice::Start(BlockIo* io) {
  if (holding_) {
    held_.Push(io);
    return;
  }
  const auto spread = static_cast<uint64_t>((most_ - least_).nanos());
  const auto extra = static_cast<int64_t>(random_.Below(spread + 1));
  due_.emplace(reactor_.Now() + least_ + Duration::Nanos(extra), io);
  timer_.StartAt(due_.begin()->first);
}

void DelayDevice::Release() {
  holding_ = false;
  while (!held_.empty()) inner_.Start(held_.Pop());
}

void DelayDevice::HandOnDue() {
  while (!due_.empty() && due_.begin()->first <= reactor_.Now()) {
    BlockIo* io = due_.begin()->second;
    due_.erase(due_.begin());
    inner_.Start(io);
  }
  if (!due_.empty()) timer_.StartAt(due_.begin()->first);
}

}  // namespace storpool::block
