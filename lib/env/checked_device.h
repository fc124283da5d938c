// A device that holds its caller to the contract of lib/env/device.h, and the device below it too:
// alignment, range, two writes of one sector never under way together, the memory of a write
// unchanged until it is done, one completion for each request, never from within Queue.
// A breach stops the process. For tests and the simulator.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "lib/env/device.h"

namespace storpool::env {

class CheckedDevice : public Device {
 public:
  explicit CheckedDevice(std::unique_ptr<Device> device);
  // What is under way is abandoned together with the device below.
  ~CheckedDevice() override;

  const DeviceInfo& info() const override { return device_->info(); }
  void Queue(DeviceIo* io) override;
  Counters counters() const override { return device_->counters(); }

 private:
  class Request;

  void CheckShape(const DeviceIo& io) const;
  void Done(Request* request, const absl::Status& status);

  std::unique_ptr<Device> device_;
  std::map<const DeviceIo*, std::unique_ptr<Request>> under_way_;
  std::map<uint64_t, uint64_t> changing_;  // ranges of writes and discards: begin, end
  bool queueing_ = false;
};

}  // namespace storpool::env
