#include "lib/client/turns.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/base/limits.h"
#include "lib/block/test_io.h"
#include "lib/client/request.h"

namespace storpool::client {
namespace {

// Starts calls of one size, and remembers which are out.
class Taker final : public TurnTaker {
 public:
  Taker(Turns& turns, uint64_t size_bytes) : turns_(turns), size_bytes_(size_bytes) {}
  void Start(int calls) {
    for (int i = 0; i < calls; ++i) {
      block::TestIo* io = &ios_.emplace_back();
      io->op = block::BlockOp::kWrite;
      io->size_bytes = size_bytes_;
      Call* call = &calls_.emplace_back();
      call->io = io;
      if (turns_.Ask(*this, call)) out.push_back(call);
    }
  }
  void EndOldest() {
    Call* call = out.front();
    out.erase(out.begin());
    turns_.Done(*this, *call);
  }
  std::vector<Call*> out;

 private:
  void OnTurn(Call* call) override { out.push_back(call); }

  Turns& turns_;
  const uint64_t size_bytes_;
  std::deque<block::TestIo> ios_;
  std::deque<Call> calls_;
};

TEST(TurnsTest, WhatThereIsRoomForNeverWaits) {
  Turns turns;
  Taker a(turns, 4096);
  a.Start(kClientRequestsOutMax);
  EXPECT_EQ(a.out.size(), kClientRequestsOutMax);
  EXPECT_FALSE(a.waits());
  a.Start(1);
  EXPECT_TRUE(a.waits());
  a.EndOldest();
  EXPECT_FALSE(a.waits());
}

TEST(TurnsTest, AVolumeThatIsStuckStopsNoOther) {
  Turns turns;
  Taker stuck(turns, 1 << 20), other(turns, 4096);
  stuck.Start(5000);
  other.Start(kVolumeRequestsOut);
  EXPECT_EQ(other.out.size(), kVolumeRequestsOut);
  for (int i = 0; i < 1000; ++i) {
    other.Start(1);
    other.EndOldest();
  }
  EXPECT_EQ(other.out.size(), kVolumeRequestsOut);
}

TEST(TurnsTest, RoomIsSharedByBytesInTurn) {
  Turns turns;
  Taker small(turns, 64 << 10), big(turns, 1 << 20), late(turns, 64 << 10);
  big.Start(5000);
  small.Start(50000);
  late.Start(50000);
  std::vector<uint64_t> ended(3);
  // Each round every request that is out ends: the room is given anew.
  for (int round = 0; round < 50; ++round) {
    size_t k = 0;
    for (Taker* taker : {&big, &small, &late}) {
      for (size_t left = taker->out.size(); left > 0; --left, ++ended[k]) taker->EndOldest();
      ++k;
    }
  }
  const auto mib = [](uint64_t requests, uint64_t size_kib) { return requests * size_kib / 1024; };
  const uint64_t want = mib(ended[0], 1024);
  EXPECT_GT(want, 500u);
  for (size_t k : {1, 2}) {
    EXPECT_GT(mib(ended[k], 64), want * 8 / 10) << k;
    EXPECT_LT(mib(ended[k], 64), want * 12 / 10) << k;
  }
}

TEST(TurnsTest, WhatIsTakenBackHasNoTurn) {
  Turns turns;
  Taker a(turns, 1 << 20);
  a.Start(100);
  size_t waiting = 0;
  while (turns.TakeBack(a) != nullptr) ++waiting;
  EXPECT_EQ(waiting + a.out.size(), 100u);
  EXPECT_GT(waiting, 0u);
  while (!a.out.empty()) a.EndOldest();
  EXPECT_FALSE(a.waits());
}

}  // namespace
}  // namespace storpool::client
