#include "lib/block/switch_device.h"

#include <utility>

#include "lib/base/check.h"

namespace storpool::block {

SwitchDevice::SwitchDevice(env::Reactor& reactor, BufferPool& pool)
    : reactor_(reactor), pool_(pool) {}

SwitchDevice::~SwitchDevice() { reactor_.Unschedule(this); }

void SwitchDevice::SetBacking(BlockDevice* device) {
  SP_CHECK(ended_.ok());
  backing_ = device;
  last_info_ = device->info();
  for (BlockIo* io : std::exchange(waiting_, {})) backing_->Start(io);
}

void SwitchDevice::TakeBacking() {
  if (backing_ != nullptr) last_info_ = backing_->info();
  backing_ = nullptr;
}

void SwitchDevice::End(const absl::Status& reason) {
  SP_CHECK(!reason.ok());
  TakeBacking();
  ended_ = reason;
  if (!waiting_.empty()) reactor_.Schedule(env::Phase::kSubmit, this);
}

BlockDeviceInfo SwitchDevice::info() const {
  return backing_ != nullptr ? backing_->info() : last_info_;
}

void SwitchDevice::Start(BlockIo* io) {
  if (backing_ != nullptr) return backing_->Start(io);
  waiting_.push_back(io);
  if (!ended_.ok()) reactor_.Schedule(env::Phase::kSubmit, this);
}

void SwitchDevice::OnPhase(env::Phase) {
  for (BlockIo* io : std::exchange(waiting_, {})) io->OnDone(ended_);
}

}  // namespace storpool::block
