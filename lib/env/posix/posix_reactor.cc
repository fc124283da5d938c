#include "lib/env/posix/posix_reactor.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/check.h"

namespace storpool::env {
namespace {

// struct sched_attr of sched_setattr(2), which the C library does not have.
struct SchedulingAttributes {
  uint32_t size_bytes = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of SCHED_OTHER: the slice
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr Duration kSliceOfCore = Duration::Micros(300);

// A turn is short, and others wait for what it sends. A thread that asks for short slices is let in
// sooner among those that do not (from Linux 6.12; before, it changes nothing). Whoever gave the
// process another policy has chosen.
void AskForShortSlices() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;
  attributes.runtime_ns = static_cast<uint64_t>(kSliceOfCore.nanos());
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

PosixReactor::PosixReactor(const Options& options)
    : options_(options),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(clock_.Now()),
      receive_buffer_(pool_.Allocate(kReceiveBytes)) {
  SP_CHECK(epoll_fd_ >= 0 && wake_fd_ >= 0);
  // Edge-triggered, so that nobody has to read it: each write is an event of its own.
  Control(EPOLL_CTL_ADD, wake_fd_, EPOLLIN | EPOLLET, nullptr);
}

PosixReactor::~PosixReactor() {
  close(wake_fd_);
  close(epoll_fd_);
}

void PosixReactor::Control(int operation, int fd, uint32_t epoll_events, FdHandler* handler) {
  ++counters_.controls;
  epoll_event event = {};
  event.events = epoll_events;
  event.data.ptr = handler;
  SP_CHECK(epoll_ctl(epoll_fd_, operation, fd, &event) == 0);
}

void PosixReactor::Watch(int fd, uint32_t epoll_events, FdHandler* handler) {
  Control(EPOLL_CTL_ADD, fd, epoll_events, handler);
}

void PosixReactor::ChangeWatch(int fd, uint32_t epoll_events, FdHandler* handler) {
  Control(EPOLL_CTL_MOD, fd, epoll_events, handler);
}

void PosixReactor::Unwatch(int fd, FdHandler* handler) {
  Control(EPOLL_CTL_DEL, fd, 0, nullptr);
  for (int i = events_done_; i < events_count_; ++i) {
    if (events_[static_cast<size_t>(i)].data.ptr == handler) {
      events_[static_cast<size_t>(i)].data.ptr = nullptr;
    }
  }
}

void PosixReactor::Post(absl::AnyInvocable<void()> fn) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(fn));
  }
  posted_any_.store(true);
  Wake();
}

void PosixReactor::Stop() {
  stop_.store(true);
  Wake();
}

void PosixReactor::Wake() {
  if (!asleep_.exchange(false)) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void PosixReactor::Run() {
  AskForShortSlices();
  while (!stop_.load(std::memory_order_relaxed)) Turn(Duration::Seconds(3600));
  stop_.store(false);
}

bool PosixReactor::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = clock_.Now() + limit;
  while (!done()) {
    const Instant now = clock_.Now();
    if (now >= end) return false;
    Turn(end - now);
  }
  return true;
}

void PosixReactor::Turn(Duration wait) {
  ++counters_.turns;
  Poll(wait);
  in_turn_ = true;
  for (events_done_ = 0; events_done_ < events_count_;) {
    const epoll_event& event = events_[static_cast<size_t>(events_done_++)];
    if (event.data.ptr != nullptr) {
      static_cast<FdHandler*>(event.data.ptr)->OnEvents(event.events);
    }
  }
  events_done_ = events_count_ = 0;
  if (posted_any_.load(std::memory_order_relaxed)) RunPosted();
  timers_.FireDue(now_);
  past_forward_ = false;
  hooks_.Run(Phase::kForward);
  past_forward_ = true;
  hooks_.Run(Phase::kBatch);
  hooks_.Run(Phase::kSubmit);
  hooks_.Run(Phase::kReport);
  past_forward_ = false;
  in_turn_ = false;
}

void PosixReactor::RunPosted() {
  {
    const std::lock_guard lock(mutex_);
    posted_any_.store(false);
    running_.swap(posted_);
  }
  for (auto& fn : running_) fn();
  running_.clear();
}

// Fills events_ and sets the time of the turn.
void PosixReactor::Poll(Duration wait) {
  if (!timers_.empty()) wait = std::min(wait, timers_.next() - clock_.Now());
  if (options_.spin > Duration() && wait > Duration() && hooks_.empty()) {
    const Instant end = clock_.Now() + std::min(wait, options_.spin);
    do {
      events_count_ = EpollWait(Duration());
      now_ = clock_.Now();
      if (events_count_ > 0 || posted_any_.load() || stop_.load()) return;
    } while (now_ < end);
    wait = wait - options_.spin;
  }
  if (wait <= Duration() || !hooks_.empty()) {
    events_count_ = EpollWait(Duration());
  } else {
    asleep_.store(true);
    const bool stay_awake = posted_any_.load() || stop_.load();
    events_count_ = EpollWait(stay_awake ? Duration() : wait);
    if (!asleep_.exchange(false)) ++counters_.wakes;
  }
  now_ = clock_.Now();
}

int PosixReactor::EpollWait(Duration wait) {
  ++counters_.polls;
  int count;
  if (wait <= Duration()) {
    count = epoll_wait(epoll_fd_, events_.data(), kEventsMax, 0);
  } else {
    ++counters_.sleeps;
    const timespec limit = {wait.nanos() / 1'000'000'000, wait.nanos() % 1'000'000'000};
    count = epoll_pwait2(epoll_fd_, events_.data(), kEventsMax, &limit, nullptr);
  }
  SP_CHECK(count >= 0 || errno == EINTR);
  return std::max(count, 0);
}

}  // namespace storpool::env
