// A chain of stamps over several devices, to prove that snapshots of a group are of one instant:
// stamp i goes to device i mod d, and there to the chunks in turn; it is written only when stamp
// i - 1 has been answered. So whatever is of one instant holds exactly the stamps up to some i
// (hazard 8.1).
//
// Reactor thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/limits.h"
#include "lib/block/block_device.h"

namespace storpool::bench {

struct StampPlaces {
  uint32_t devices = 1;
  uint32_t chunks = 1;  // of each device

  uint32_t count() const { return devices * chunks; }
  uint32_t device(uint64_t stamp) const { return static_cast<uint32_t>(stamp % devices); }
  uint32_t chunk(uint64_t stamp) const { return static_cast<uint32_t>(stamp / devices % chunks); }
  uint64_t offset_bytes(uint64_t stamp) const { return uint64_t{chunk(stamp)} * kChunkBytes; }
};

// One block, full of its stamp. Stamps count from 1; 0 is a block that was never written.
void FillStamp(uint64_t stamp, std::span<uint8_t> block);
// kDataLoss if the block is not full of one stamp.
absl::StatusOr<uint64_t> ReadStamp(std::span<const uint8_t> block);
// `found[device * chunks + chunk]` is what lies there. The last stamp of the prefix, or kDataLoss
// with the place that is before or after its time.
absl::StatusOr<uint64_t> CheckPrefix(const StampPlaces& places, std::span<const uint64_t> found);

class StampWriter {
 public:
  // The devices outlive the writer.
  StampWriter(std::vector<block::BlockDevice*> devices, StampPlaces places);
  ~StampWriter();

  void Start();
  void Stop() { stopping_ = true; }
  bool done() const { return !under_way_; }
  const absl::Status& status() const { return status_; }
  uint64_t acknowledged() const { return next_ - 1; }

 private:
  class Io;
  void Next();
  void Done(const absl::Status& status);

  const std::vector<block::BlockDevice*> devices_;
  const StampPlaces places_;
  std::unique_ptr<Io> io_;
  uint64_t next_ = 1;
  bool under_way_ = false;
  bool stopping_ = false;
  absl::Status status_;
};

}  // namespace storpool::bench
