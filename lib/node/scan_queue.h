// Scans of resyncs (design 5.6): one budget of memory for all sources of a node, of however many
// chains it is the tail. Those beyond it wait here.
//
// Invariant: first come, first served; what is scanned or on its way to a target never exceeds the
// budget.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "absl/functional/any_invocable.h"
#include "lib/env/reactor.h"

namespace storpool::node {

class ScanQueue {
 public:
  static constexpr uint64_t kBytesMax = 64u << 20;

  // `bytes_out`: what all sources have sent, and their targets have not acknowledged.
  ScanQueue(env::Reactor& reactor, std::function<uint64_t()> bytes_out);

  // Calls `start`, now or later. It begins one step of a scan.
  void Add(absl::AnyInvocable<void()> start);
  // A step has ended, and what it found was sent.
  void OnEnded();
  void Stop();

 private:
  void Pump();

  const std::function<uint64_t()> bytes_out_;
  std::deque<absl::AnyInvocable<void()>> waiting_;
  uint64_t running_ = 0;
  env::Timer timer_;
};

}  // namespace storpool::node
