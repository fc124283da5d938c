#include "lib/embed/reactor_thread.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace storpool::embed {

// Opened once, by any thread. Shared, since the opener may still hold it when the waiter goes on.
class ReactorThread::Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

ReactorThread::ReactorThread() : thread_([this] { reactor_.Run(); }) {}

ReactorThread::~ReactorThread() {
  reactor_.Stop();
  thread_.join();
}

// `start` goes with its call: it may be running still when the waiter goes on.
void ReactorThread::RunAndWait(absl::AnyInvocable<void(absl::AnyInvocable<void()> open)> start) {
  const auto gate = std::make_shared<Gate>();
  reactor_.Post([gate, start = std::move(start)]() mutable { start([gate] { gate->Open(); }); });
  gate->Wait();
}

void ReactorThread::Run(absl::AnyInvocable<void()> fn) {
  RunAndWait([&fn](absl::AnyInvocable<void()> open) {
    fn();
    open();
  });
}

}  // namespace storpool::embed
