#include "lib/node/scan_queue.h"

#include "gtest/gtest.h"
#include "lib/base/limits.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::node {
namespace {

DiskId DiskOf(uint64_t step) { return DiskId(static_cast<uint16_t>(step % 8)); }

TEST(ScanQueueTest, AllSourcesTogetherStayWithinTheBudget) {
  env::ManualReactor reactor;
  uint64_t out = 0;
  uint64_t started = 0;
  ScanQueue queue(reactor, [&] { return out; });
  constexpr uint64_t kSteps = ScanQueue::kBytesMax / kRequestBytesMax;
  std::vector<uint64_t> order;
  for (uint64_t i = 0; i < 3 * kSteps; ++i) {
    queue.Add(DiskOf(i), [&, i] {
      ++started;
      order.push_back(i);
    });
  }
  EXPECT_EQ(started, kSteps);
  for (uint64_t i = 0; i < kSteps; ++i) {  // all of it is sent, nothing is acknowledged
    out += kRequestBytesMax;
    queue.OnEnded(DiskOf(i));
  }
  reactor.AdvanceBy(Duration::Seconds(1));
  EXPECT_EQ(started, kSteps);
  out -= 3 * kRequestBytesMax;
  reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_EQ(started, kSteps + 3);
  out = 0;
  for (uint64_t ended = kSteps; ended < 3 * kSteps; ++ended) {
    ASSERT_LT(ended, started);
    queue.OnEnded(DiskOf(ended));
    reactor.AdvanceBy(Duration::Millis(1));
  }
  EXPECT_EQ(started, 3 * kSteps);
  for (uint64_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
  EXPECT_FALSE(reactor.ready());
  EXPECT_EQ(reactor.next_timer(), Instant::Max()) << "it looks for nothing";
}

TEST(ScanQueueTest, ADiskThatHangsStopsNoOther) {
  env::ManualReactor reactor;
  ScanQueue queue(reactor, [] { return uint64_t{0}; });
  uint64_t hanging = 0, well = 0;
  for (int i = 0; i < 200; ++i) queue.Add(DiskId(1), [&] { ++hanging; });
  EXPECT_EQ(hanging, ScanQueue::kRunningMax);
  for (int i = 0; i < 40; ++i) {
    queue.Add(DiskId(2), [&] { ++well; });
    EXPECT_EQ(well, static_cast<uint64_t>(i) + 1);
    queue.OnEnded(DiskId(2));
  }
  EXPECT_EQ(hanging, ScanQueue::kRunningMax);
  queue.OnEnded(DiskId(1));
  EXPECT_EQ(hanging, ScanQueue::kRunningMax + 1);
}

}  // namespace
}  // namespace storpool::node
