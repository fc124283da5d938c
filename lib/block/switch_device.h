// A device that stays while what is behind it comes and goes: front ends keep their pointer to it
// when the session of a volume ends and another begins (design 5.9).
//
// Invariant: a request goes to the device that was behind when it started, or waits until there is
// one; what was started behind a device ends there. Reactor thread only.
#pragma once

#include <vector>

#include "lib/block/block_device.h"
#include "lib/env/reactor.h"

namespace storpool::block {

class SwitchDevice final : public BlockDevice, private env::PhaseHook {
 public:
  // `pool` serves while nothing is behind.
  SwitchDevice(env::Reactor& reactor, BufferPool& pool);
  ~SwitchDevice() override;

  // From now on requests go to `device`, which outlives its requests; those that waited, too.
  void SetBacking(BlockDevice* device);
  // Nothing is behind any more; requests wait for the next backing (hazard 1.12).
  void TakeBacking();
  // It never comes back: what waits, and all that comes, ends with `reason` (not OK).
  void End(const absl::Status& reason);

  // Of the present backing; of the last one while there is none.
  BlockDeviceInfo info() const override;
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return pool_; }

 private:
  void OnPhase(env::Phase phase) override;

  env::Reactor& reactor_;
  BufferPool& pool_;
  BlockDevice* backing_ = nullptr;
  BlockDeviceInfo last_info_;
  absl::Status ended_;
  std::vector<BlockIo*> waiting_;
};

}  // namespace storpool::block
