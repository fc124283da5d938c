#include "lib/env/posix/blocking_thread.h"

#include <utility>

namespace storpool::env {

BlockingThread::BlockingThread(Reactor& reactor) : reactor_(reactor), thread_([this] { Loop(); }) {}

BlockingThread::~BlockingThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
  *alive_ = false;
}

void BlockingThread::Run(absl::AnyInvocable<void()> work, absl::AnyInvocable<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
  }
  changed_.notify_one();
}

void BlockingThread::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    Job job = std::move(jobs_.front());
    jobs_.erase(jobs_.begin());
    lock.unlock();
    job.work();
    reactor_.Post([alive = alive_, done = std::move(job.done)]() mutable {
      if (*alive) done();
    });
    lock.lock();
  }
}

}  // namespace storpool::env
