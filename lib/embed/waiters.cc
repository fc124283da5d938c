#include "lib/embed/waiters.h"

#include <algorithm>
#include <utility>

namespace storpool::embed {

void Waiters::Add(Duration timeout, Look look, absl::AnyInvocable<std::string()> late, Done done) {
  const Instant end = timeout < Duration() ? Instant::Max() : reactor_.Now() + timeout;
  list_.push_back({end, std::move(look), std::move(late), std::move(done)});
  Check();
}

void Waiters::Check() {
  Instant next = Instant::Max();
  for (Waiter& waiter : list_) {
    std::optional<absl::Status> result = waiter.look();
    if (!result.has_value() && reactor_.Now() >= waiter.end) {
      result = absl::DeadlineExceededError(waiter.late());
    }
    if (!result.has_value()) {
      next = std::min(next, waiter.end);
      continue;
    }
    waiter.done(*std::move(result));
    waiter.done = nullptr;
  }
  std::erase_if(list_, [](const Waiter& waiter) { return waiter.done == nullptr; });
  if (next < Instant::Max()) timer_.StartAt(next);
}

}  // namespace storpool::embed
