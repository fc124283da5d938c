// The log of metadata commands (design 8): embedded in the key-value store, in etcd, or simulated.
// Nothing is told to anyone before it is in the log. Reactor thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace storpool::env {

class ReplicatedLog {
 public:
  struct LogEntry {
    uint64_t index = 0;  // counts from 1 without gaps
    std::string command;
  };

  virtual ~ReplicatedLog() = default;
  // Appends commands behind all earlier ones, together; `done` comes once, on the reactor, after
  // they are durable (and then they have also been given to the subscriber), or with the reason
  // why this daemon may not append (kFailedPrecondition: it does not lead).
  virtual void Append(std::vector<std::string> commands,
                      absl::AnyInvocable<void(absl::Status)> done) = 0;
  // Gives every entry from `from_index` on, in order, now and as they come. One subscriber.
  virtual void Subscribe(uint64_t from_index,
                         absl::AnyInvocable<void(const LogEntry&)> on_entry) = 0;
  // Entries up to `index` are part of a durable state and need not be kept.
  virtual absl::Status Trim(uint64_t index) = 0;
  virtual uint64_t last_index() const = 0;
};

}  // namespace storpool::env
