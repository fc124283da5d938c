// A metadata log in memory: MemoryLogMedium is what is durable and outlives processes, MemoryLog
// one process's view of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/env/reactor.h"
#include "lib/env/replicated_log.h"

namespace storpool::env {

struct MemoryLogMedium {
  std::map<uint64_t, std::string> entries;
  uint64_t last_index = 0;
};

// Appends of one turn become durable together, at its end; what was not is lost with the
// process.
class MemoryLog : public ReplicatedLog, private PhaseHook {
 public:
  MemoryLog(Reactor& reactor, MemoryLogMedium* medium);
  ~MemoryLog() override;

  void Append(std::vector<std::string> commands,
              absl::AnyInvocable<void(absl::Status)> done) override;
  void Subscribe(uint64_t from_index, absl::AnyInvocable<void(const LogEntry&)> on_entry) override;
  absl::Status Trim(uint64_t index) override;
  uint64_t last_index() const override { return medium_->last_index; }

  // While false, appends fail: another daemon leads.
  void set_leading(bool leading) { leading_ = leading; }

 private:
  struct Waiting {
    std::vector<std::string> commands;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  void OnPhase(Phase phase) override;
  void GiveNew();

  Reactor& reactor_;
  MemoryLogMedium* medium_;
  bool leading_ = true;
  std::vector<Waiting> waiting_;
  uint64_t next_to_give_ = 0;  // 0: nobody has subscribed
  absl::AnyInvocable<void(const LogEntry&)> on_entry_;
};

}  // namespace storpool::env
