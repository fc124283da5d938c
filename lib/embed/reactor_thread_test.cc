#include "lib/embed/reactor_thread.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace storpool::embed {
namespace {

TEST(ReactorThread, RunsOnItsOwnThreadAndWaits) {
  ReactorThread thread;
  std::thread::id first, second;
  thread.Run([&first] { first = std::this_thread::get_id(); });
  thread.Run([&second] { second = std::this_thread::get_id(); });
  EXPECT_NE(first, std::thread::id());
  EXPECT_NE(first, std::this_thread::get_id());
  EXPECT_EQ(first, second);
}

TEST(ReactorThread, AwaitsAValueFromALaterTurn) {
  ReactorThread thread;
  std::unique_ptr<env::Timer> timer;
  const auto text = thread.Await<std::string>([&](absl::AnyInvocable<void(std::string)> done) {
    auto shared = std::make_shared<decltype(done)>(std::move(done));
    timer = std::make_unique<env::Timer>(thread.reactor(), [shared] { (*shared)("late"); });
    timer->StartIn(Duration::Millis(5));
  });
  EXPECT_EQ(text, "late");
  thread.Run([&timer] { timer.reset(); });
}

TEST(ReactorThread, AwaitsAValueFromAnotherThread) {
  ReactorThread thread;
  std::thread other;
  const int value = thread.Await<int>([&](absl::AnyInvocable<void(int)> done) {
    other = std::thread([done = std::move(done)]() mutable { done(7); });
  });
  thread.Run([] {});  // behind it: `other` is there
  other.join();
  EXPECT_EQ(value, 7);
}

// Found by a reviewer: it was destroyed by the waiter while it was running.
TEST(ReactorThread, WhatIsRunStaysUntilItReturns) {
  ReactorThread thread;
  std::atomic<bool> gone = false;
  bool gone_too_early = false;
  std::shared_ptr<void> token(nullptr, [&gone](void*) { gone = true; });
  const int value = thread.Await<int>(
      [token = std::move(token), &gone, &gone_too_early](absl::AnyInvocable<void(int)> done) {
        done(7);
        for (int i = 0; i < 20 && !gone; ++i) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        gone_too_early = gone;
      });
  EXPECT_EQ(value, 7);
  thread.Run([] {});  // behind it
  EXPECT_FALSE(gone_too_early);
}

TEST(ReactorThread, RunsPostsOfOneThreadInTheirOrder) {
  ReactorThread thread;
  constexpr int kThreads = 4, kEach = 2000;
  std::vector<int> seen[kThreads];  // reactor only
  std::vector<std::thread> posters;
  for (int poster = 0; poster < kThreads; ++poster) {
    posters.emplace_back([&, poster] {
      for (int i = 0; i < kEach; ++i) {
        thread.reactor().Post([&seen, poster, i] { seen[poster].push_back(i); });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  thread.Run([] {});  // behind all of them
  for (const std::vector<int>& list : seen) {
    ASSERT_EQ(list.size(), static_cast<size_t>(kEach));
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
  }
}

TEST(ReactorThread, EndsWhileOthersPost) {
  std::atomic<int> ran = 0;
  int posted = 0;
  {
    ReactorThread thread;
    thread.Run([&] {
      for (; posted < 10; ++posted) thread.reactor().Post([&ran] { ++ran; });
    });
  }
  EXPECT_LE(ran.load(), posted);  // what was not run is dropped, and nothing hangs
}

}  // namespace
}  // namespace storpool::embed
