#include "lib/sim/sector_history.h"

#include <gtest/gtest.h>

namespace storpool::sim {
namespace {

using Stamps = std::vector<SectorHistory::Stamp>;

absl::Status ReadNow(SectorHistory& h, uint64_t sector, Stamps stamps) {
  return h.ReadEnded(h.ReadBegan(sector, stamps.size()), stamps);
}

TEST(SectorHistoryTest, NothingWrittenIsZero) {
  SectorHistory h;
  EXPECT_TRUE(ReadNow(h, 5, {0, 0}).ok());
  EXPECT_EQ(ReadNow(h, 5, {0, 9}).code(), absl::StatusCode::kDataLoss);
}

TEST(SectorHistoryTest, AnAnsweredWriteIsSeenAndNothingOlder) {
  SectorHistory h;
  h.WriteEnded(h.WriteBegan(0, 2, 1), true);
  EXPECT_TRUE(ReadNow(h, 0, {1, 1, 0}).ok());
  h.WriteEnded(h.WriteBegan(1, 1, 2), true);
  EXPECT_TRUE(ReadNow(h, 0, {1, 2, 0}).ok());
  EXPECT_FALSE(ReadNow(h, 0, {1, 1, 0}).ok());  // lost
}

TEST(SectorHistoryTest, AWriteUnderWayMayBeSeenOrNotButNotGoAgain) {
  SectorHistory h;
  h.WriteEnded(h.WriteBegan(0, 1, 1), true);
  h.WriteBegan(0, 1, 2);
  EXPECT_TRUE(ReadNow(h, 0, {1}).ok());
  EXPECT_TRUE(ReadNow(h, 0, {2}).ok());
  EXPECT_FALSE(ReadNow(h, 0, {1}).ok());  // new, then old again
}

TEST(SectorHistoryTest, WritesSideBySideHaveEitherOrder) {
  for (const uint64_t last : {1, 2}) {
    SectorHistory h;
    const auto a = h.WriteBegan(0, 1, 1);
    const auto b = h.WriteBegan(0, 1, 2);
    h.WriteEnded(a, true);
    h.WriteEnded(b, true);
    EXPECT_TRUE(ReadNow(h, 0, {last}).ok());
    EXPECT_TRUE(ReadNow(h, 0, {last}).ok());
    EXPECT_FALSE(ReadNow(h, 0, {3 - last}).ok());
  }
}

TEST(SectorHistoryTest, AReadBesideAWriteMaySeeEither) {
  SectorHistory h;
  const auto read = h.ReadBegan(0, 1);
  h.WriteEnded(h.WriteBegan(0, 1, 1), true);
  EXPECT_TRUE(h.ReadEnded(read, {0}).ok());
  EXPECT_FALSE(ReadNow(h, 0, {0}).ok());
}

TEST(SectorHistoryTest, AfterItsSessionAWriteHasHappenedOrNever) {
  SectorHistory h;
  h.WriteBegan(0, 1, 1);
  h.SessionEnded();
  EXPECT_TRUE(ReadNow(h, 0, {0}).ok());
  EXPECT_FALSE(ReadNow(h, 0, {1}).ok());  // a dead life's write after a new life's read
}

TEST(SectorHistoryTest, AFailedWriteMayHaveHappened) {
  SectorHistory h;
  h.WriteEnded(h.WriteBegan(0, 1, 1), false);
  EXPECT_TRUE(ReadNow(h, 0, {1}).ok());
  EXPECT_FALSE(ReadNow(h, 0, {0}).ok());
}

}  // namespace
}  // namespace storpool::sim
