// A reactor of the real world on a thread of its own: what each metadata, node and client of this
// process runs on.
#pragma once

#include <memory>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "lib/env/posix/posix_reactor.h"

namespace storpool::embed {

class ReactorThread {
 public:
  ReactorThread();
  ReactorThread(const ReactorThread&) = delete;
  ReactorThread& operator=(const ReactorThread&) = delete;
  // Ends the thread after its turn. What lives on the reactor must be gone.
  ~ReactorThread();

  env::PosixReactor& reactor() { return reactor_; }

  // Runs `fn` on the reactor and waits for it. Not from the reactor's own thread.
  void Run(absl::AnyInvocable<void()> fn);

  // Runs start(done) on the reactor and waits until `done` is called with a value, on any thread.
  // What `start` does after that, it does while the waiter goes on.
  template <class Value>
  Value Await(absl::AnyInvocable<void(absl::AnyInvocable<void(Value)> done)> start);

 private:
  class Gate;
  void RunAndWait(absl::AnyInvocable<void(absl::AnyInvocable<void()> open)> start);

  env::PosixReactor reactor_;
  std::thread thread_;
};

template <class Value>
Value ReactorThread::Await(absl::AnyInvocable<void(absl::AnyInvocable<void(Value)> done)> start) {
  std::unique_ptr<Value> result;
  RunAndWait([&result, start = std::move(start)](absl::AnyInvocable<void()> open) mutable {
    start([&result, open = std::move(open)](Value value) mutable {
      result = std::make_unique<Value>(std::move(value));
      open();
    });
  });
  return std::move(*result);
}

}  // namespace storpool::embed
