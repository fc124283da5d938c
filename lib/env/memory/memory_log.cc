#include "lib/env/memory/memory_log.h"

#include <utility>

#include "lib/base/check.h"

namespace storpool::env {

MemoryLog::MemoryLog(Reactor& reactor, MemoryLogMedium* medium)
    : reactor_(reactor), medium_(medium) {}

MemoryLog::~MemoryLog() { reactor_.Unschedule(this); }

void MemoryLog::Append(std::vector<std::string> commands,
                       absl::AnyInvocable<void(absl::Status)> done) {
  waiting_.push_back({std::move(commands), std::move(done)});
  reactor_.Schedule(Phase::kSubmit, this);
}

void MemoryLog::Subscribe(uint64_t from_index, absl::AnyInvocable<void(const LogEntry&)> on_entry) {
  SP_CHECK(from_index > 0 && next_to_give_ == 0);
  next_to_give_ = from_index;
  on_entry_ = std::move(on_entry);
  reactor_.Schedule(Phase::kSubmit, this);
}

void MemoryLog::OnPhase(Phase) {
  std::vector<Waiting> batch = std::exchange(waiting_, {});
  for (const Waiting& append : batch) {
    if (!leading_) continue;
    for (const std::string& command : append.commands) {
      medium_->entries[++medium_->last_index] = command;
    }
  }
  const bool led = leading_;
  GiveNew();
  for (Waiting& append : batch) {
    append.done(led ? absl::OkStatus()
                    : absl::FailedPreconditionError("another metadata daemon leads"));
  }
}

void MemoryLog::GiveNew() {
  while (next_to_give_ != 0 && next_to_give_ <= medium_->last_index) {
    const auto it = medium_->entries.find(next_to_give_++);
    SP_CHECK(it != medium_->entries.end());  // trimmed: the subscriber's state is too old
    on_entry_({it->first, it->second});
  }
}

absl::Status MemoryLog::Trim(uint64_t index) {
  medium_->entries.erase(medium_->entries.begin(), medium_->entries.upper_bound(index));
  return absl::OkStatus();
}

}  // namespace storpool::env
