// One process's handle of a memory disk, as the simulator wants it: every write goes into the
// trace, a seam may spoil requests, and the death of the process ends what is under way.
#pragma once

#include <memory>
#include <vector>

#include "lib/env/memory/memory_device.h"
#include "lib/sim/site.h"

namespace storpool::sim {

class SimDevice final : public env::Device {
 public:
  SimDevice(Site& site, env::Reactor& reactor, env::MemoryDisk* disk, DiskId id);
  ~SimDevice() override;

  const env::DeviceInfo& info() const override { return disk_->info(); }
  Counters counters() const override { return inner_->counters(); }
  void Queue(env::DeviceIo* io) override;

  // The process dies: the medium keeps what is under way, and whoever waits gets an error, so that
  // what waits can be freed.
  void Die();

 private:
  struct Wrapped;
  void Note(const env::DeviceIo& io);
  void Done(Wrapped* wrapped, const absl::Status& status);

  Site& site_;
  env::Reactor& reactor_;
  env::MemoryDisk* disk_;
  const DiskId id_;
  bool dead_ = false;
  std::vector<std::unique_ptr<Wrapped>> open_;
  std::unique_ptr<env::MemoryDevice> inner_;
};

}  // namespace storpool::sim
