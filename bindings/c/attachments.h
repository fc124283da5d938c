// Asks metadata to attach volumes to this client and to detach them: the admin commands that
// `storpoolctl attach` and `detach` send. Any thread; blocks.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/types.h"

namespace storpool::capi {

// Steady, so that a change of the wall clock ends no wait.
using Deadline = std::chrono::steady_clock::time_point;

// `timeout_ms` from now; negative: never.
Deadline DeadlineIn(int64_t timeout_ms);
// What is left until then, for calls that take a time: negative for never, else 0 or more.
Duration LeftUntil(Deadline deadline);

class Attachments {
 public:
  // `metadata`: "host:port" of each daemon, at least one.
  Attachments(std::vector<std::string> metadata, ClientId client)
      : metadata_(std::move(metadata)), client_(client) {}

  // Metadata has taken note; the client hears of it by itself. It may be attached in this way
  // already. kNotFound, kFailedPrecondition (attached in another way, being detached),
  // kDeadlineExceeded (it may still happen); all name the volume.
  absl::Status Attach(const std::string& volume, bool read_only, Deadline deadline) const;
  // Waits until its session is fenced. kNotFound: it is not attached.
  absl::Status Detach(const std::string& volume, Deadline deadline) const;

 private:
  // Calls `call` with the addresses in turn, round after round, until one of them has answered.
  template <class Call>
  absl::Status Ask(const std::string& what, Deadline deadline, const Call& call) const;

  const std::vector<std::string> metadata_;
  const ClientId client_;
};

}  // namespace storpool::capi
