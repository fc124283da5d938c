#include "lib/node/scan_queue.h"

#include <algorithm>
#include <utility>

#include "lib/base/limits.h"

namespace storpool::node {
namespace {

// Acknowledgements are not told here: while something waits they are looked for.
constexpr Duration kLookAgain = Duration::Millis(1);

}  // namespace

ScanQueue::ScanQueue(env::Reactor& reactor, std::function<uint64_t()> bytes_out)
    : bytes_out_(std::move(bytes_out)), timer_(reactor, [this] { Pump(); }) {}

void ScanQueue::Add(DiskId disk, absl::AnyInvocable<void()> start) {
  waiting_.push_back({disk, std::move(start)});
  Pump();
}

void ScanQueue::OnEnded(DiskId disk) {
  --running_;
  --running_on_[disk];
  Pump();
}

void ScanQueue::Stop() {
  waiting_.clear();
  timer_.Stop();
}

void ScanQueue::Pump() {
  // A step brings a request's worth of payload, about.
  while (!waiting_.empty() && bytes_out_() + (running_ + 1) * kRequestBytesMax <= kBytesMax) {
    const auto next = std::ranges::find_if(
        waiting_, [this](const Step& step) { return running_on_[step.disk] < kRunningMax; });
    if (next == waiting_.end()) return;  // until one ends
    Step step = std::move(*next);
    waiting_.erase(next);
    ++running_;
    ++running_on_[step.disk];
    step.start();
  }
  if (!waiting_.empty() && !timer_.active()) timer_.StartIn(kLookAgain);
}

}  // namespace storpool::node
