// Who has raised a minimum generation already (design 5.9, R20, S2). Volatile: after a change of
// leader the orders are sent again, and answered again.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "lib/base/types.h"
#include "lib/metadata/state.h"
#include "proto/control.pb.h"

namespace storpool::metadata {

class FenceProgress {
 public:
  void OnStarted(uint64_t fence, Instant now);
  void OnRaised(const Raised& message);
  // Those that are not among these any more: done, or superseded.
  void ForgetGone(const std::map<uint64_t, FenceRecord>& fences);

  // The chains of the fence's table that it still waits for. A chain is done when every serving
  // member of its opened epoch has raised in that epoch, or when it was opened by a name that
  // carried the raise; a name with the raise is enough unless the fence waits for all (S2).
  std::vector<uint32_t> Waiting(const State& state, const FenceRecord& fence) const;
  // Since when it waits; the epoch of time if it is unknown.
  Instant since(uint64_t fence) const;
  void Restart(uint64_t fence, Instant now);

 private:
  struct Fence {
    Instant since;
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> raised;  // chain, disk -> epoch
  };
  std::map<uint64_t, Fence> fences_;
};

}  // namespace storpool::metadata
