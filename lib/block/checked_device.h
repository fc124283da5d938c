// Holds both sides to the contract of block_device.h: stops the process when a caller asks for
// something that it must not, or a device completes twice, too early, or with a wrong answer.
//
// Invariant: what passes is exactly what was asked; a request that breaks the contract never
// reaches the inner device, a completion that breaks it never reaches the caller.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "lib/block/block_device.h"

namespace storpool::block {

class CheckedDevice final : public BlockDevice {
 public:
  // `inner` must outlive this device.
  explicit CheckedDevice(BlockDevice& inner);
  ~CheckedDevice() override;

  BlockDeviceInfo info() const override { return inner_.info(); }
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return inner_.pool(); }

 private:
  class Check;
  void CheckRequest(const BlockIo& io) const;

  BlockDevice& inner_;
  bool in_start_ = false;
  std::vector<std::unique_ptr<Check>> checks_;
  // Taken from the front and returned to the back, so that a second completion of a request meets
  // an idle object for as long as possible.
  std::deque<Check*> idle_;
};

}  // namespace storpool::block
