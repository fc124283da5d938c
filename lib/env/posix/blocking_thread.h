// A thread for calls that block and have no asynchronous form, such as discards. Never on the path
// of reads and writes.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "lib/env/reactor.h"

namespace storpool::env {

class BlockingThread {
 public:
  explicit BlockingThread(Reactor& reactor);
  // On the reactor. Finishes what was begun, drops the rest; no `done` comes any more.
  ~BlockingThread();

  // Runs `work` on the thread, one after the other, and then posts `done` to the reactor.
  void Run(absl::AnyInvocable<void()> work, absl::AnyInvocable<void()> done);

 private:
  struct Job {
    absl::AnyInvocable<void()> work;
    absl::AnyInvocable<void()> done;
  };
  void Loop();

  Reactor& reactor_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> jobs_;  // guarded by mutex_
  bool stop_ = false;      // guarded by mutex_
  // What is posted may come when this is gone: whoever waited for it may be gone, too.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // reactor thread only
  std::thread thread_;
};

}  // namespace storpool::env
