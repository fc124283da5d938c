// Functions that wait until something has become true, or it is too late. Reactor thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/env/reactor.h"

namespace storpool::embed {

class Waiters {
 public:
  // Gives what is waited for, or nothing yet.
  using Look = absl::AnyInvocable<std::optional<absl::Status>()>;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  explicit Waiters(env::Reactor& reactor)
      : reactor_(reactor), timer_(reactor, [this] { Check(); }) {}

  // `late` is said after `timeout`; negative: never.
  void Add(Duration timeout, Look look, absl::AnyInvocable<std::string()> late, Done done);
  // Something has changed.
  void Check();

 private:
  struct Waiter {
    Instant end;
    Look look;
    absl::AnyInvocable<std::string()> late;
    Done done;
  };
  env::Reactor& reactor_;
  env::Timer timer_;
  std::vector<Waiter> list_;
};

}  // namespace storpool::embed
