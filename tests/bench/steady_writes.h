// Random writes of one block on one device, a fixed number under way, with the time of each: so
// that a pause can be seen from the outside. Never touches the first block of a chunk (stamps.h).
//
// Reactor thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/random.h"
#include "lib/block/block_device.h"
#include "lib/env/clock.h"

namespace storpool::bench {

struct TimedWrite {
  Instant began, ended;
};

class SteadyWrites {
 public:
  // Both outlive the writes.
  SteadyWrites(block::BlockDevice& device, const env::Clock& clock, uint32_t depth, uint64_t seed);
  ~SteadyWrites();

  void Start();
  void Stop() { stopping_ = true; }
  bool done() const { return under_way_ == 0; }
  const absl::Status& status() const { return status_; }
  const std::vector<TimedWrite>& writes() const { return writes_; }

 private:
  class Io;
  void Next(Io& io);
  void Done(Io& io, const absl::Status& status);

  block::BlockDevice& device_;
  const env::Clock& clock_;
  const uint64_t blocks_;
  std::vector<std::unique_ptr<Io>> ios_;
  Buffer content_;
  Random random_;
  uint32_t under_way_ = 0;
  bool stopping_ = false;
  absl::Status status_;
  std::vector<TimedWrite> writes_;
};

}  // namespace storpool::bench
