#include "lib/block/limit_device.h"

#include <algorithm>

namespace storpool::block {
namespace {

uint64_t MovedBytes(const BlockIo& io) {
  return io.op == BlockOp::kRead || io.op == BlockOp::kWrite ? io.size_bytes : 0;
}

}  // namespace

LimitDevice::LimitDevice(env::Reactor& reactor, BlockDevice& inner, Limits limits)
    : reactor_(reactor), inner_(inner), timer_(reactor, [this] { PassWaiting(); }) {
  SetLimits(limits);
}

Instant LimitDevice::FreeAt() const { return std::max(operations_.FreeAt(), bytes_.FreeAt()); }

void LimitDevice::Start(BlockIo* io) {
  if (io->op == BlockOp::kFlush || io->op == BlockOp::kBlockStatus) {
    inner_.Start(io);
    return;
  }
  const Instant now = reactor_.Now();
  if (waiting_.empty() && FreeAt() <= now) {
    Pass(io, now);
    return;
  }
  if (waiting_.empty()) timer_.StartAt(FreeAt());
  waiting_.Push(io);
}

void LimitDevice::Pass(BlockIo* io, Instant now) {
  operations_.Take(1, now);
  bytes_.Take(MovedBytes(*io), now);
  inner_.Start(io);
}

void LimitDevice::PassWaiting() {
  const Instant now = reactor_.Now();
  while (!waiting_.empty() && FreeAt() <= now) Pass(waiting_.Pop(), now);
  if (waiting_.empty()) {
    timer_.Stop();
  } else {
    timer_.StartAt(FreeAt());
  }
}

void LimitDevice::SetLimits(Limits limits) {
  const Instant now = reactor_.Now();
  operations_.SetRate(limits.operations_per_second, now);
  bytes_.SetRate(limits.bytes_per_second, now);
  PassWaiting();
}

}  // namespace storpool::block
