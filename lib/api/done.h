// Takes the one answer to an admin command, and knows for whom: what a command waits for ends when
// its caller goes.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/metadata/caller.h"

namespace storpool::api {

template <class Answer>
class Done {
 public:
  // `take` is called once, with an absl::StatusOr<Answer>.
  template <class Take>
    requires(!std::same_as<std::remove_cvref_t<Take>, Done> &&
             std::invocable<Take&, absl::StatusOr<Answer>>)
  Done(Take&& take, metadata::Caller caller = {})  // NOLINT: as any callable
      : take_(std::forward<Take>(take)), caller_(std::move(caller)) {}

  void operator()(absl::StatusOr<Answer> answer) { take_(std::move(answer)); }
  const metadata::Caller& caller() const { return caller_; }

 private:
  absl::AnyInvocable<void(absl::StatusOr<Answer>)> take_;
  metadata::Caller caller_;
};

}  // namespace storpool::api
