// Scans of resyncs (design 5.6): one budget of memory for all sources of a node, of however many
// chains it is the tail. Those beyond it wait here.
//
// Invariant: on each disk first come, first served; what is scanned or on its way to a target never
// exceeds the budget, and no disk has all of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "absl/functional/any_invocable.h"
#include "lib/base/types.h"
#include "lib/env/reactor.h"

namespace storpool::node {

class ScanQueue {
 public:
  static constexpr uint64_t kBytesMax = 64u << 20;
  // Steps under way on one disk: more make it no faster, and one that hangs keeps them for good.
  static constexpr uint64_t kRunningMax = 16;

  // `bytes_out`: what all sources have sent, and their targets have not acknowledged.
  ScanQueue(env::Reactor& reactor, std::function<uint64_t()> bytes_out);

  // Calls `start`, now or later. It begins one step of a scan of this disk.
  void Add(DiskId disk, absl::AnyInvocable<void()> start);
  // A step has ended, and what it found was sent.
  void OnEnded(DiskId disk);
  void Stop();

 private:
  struct Step {
    DiskId disk;
    absl::AnyInvocable<void()> start;
  };

  void Pump();

  const std::function<uint64_t()> bytes_out_;
  std::deque<Step> waiting_;
  uint64_t running_ = 0;
  std::map<DiskId, uint64_t> running_on_;
  env::Timer timer_;
};

}  // namespace storpool::node
