#include "lib/sim/write_log.h"

#include <gtest/gtest.h>

namespace storpool::sim {
namespace {

class WriteLogTest : public testing::Test {
 protected:
  void Written(uint64_t sector, uint64_t stamp) {
    log_.WriteAcknowledged(log_.WriteBegan(sector, 1, stamp));
  }
  bool IsOneMoment(const WriteLog::Picture& picture) {
    Moments moments;
    return log_.Narrow(picture, moments).ok();
  }
  bool IsBetween(EventOrder asked, EventOrder there, const WriteLog::Picture& picture) {
    Moments moments{.after = asked, .before = there};
    return log_.Narrow(picture, moments).ok();
  }

  EventOrder clock_ = 0;
  WriteLog log_{clock_};
};

TEST_F(WriteLogTest, HoldsWhatWasWrittenBeforeAndNothingLater) {
  Written(1, 1);
  const EventOrder asked = log_.Now();
  const auto under_way = log_.WriteBegan(1, 1, 2);
  const EventOrder there = log_.Now();
  log_.WriteAcknowledged(under_way);
  Written(1, 3);
  EXPECT_FALSE(IsBetween(asked, there, {{1, 0}}));  // an acknowledged write is hidden
  EXPECT_TRUE(IsBetween(asked, there, {{1, 1}}));
  EXPECT_TRUE(IsBetween(asked, there, {{1, 2}}));
  EXPECT_FALSE(IsBetween(asked, there, {{1, 3}}));  // began after it was there
  EXPECT_FALSE(IsBetween(asked, there, {{1, 9}}));  // never written
}

TEST_F(WriteLogTest, AllSectorsAreOfOneMoment) {
  Written(1, 1);
  Written(2, 2);
  EXPECT_TRUE(IsOneMoment({{1, 0}, {2, 0}}));
  EXPECT_TRUE(IsOneMoment({{1, 1}, {2, 0}}));
  EXPECT_TRUE(IsOneMoment({{1, 1}, {2, 2}}));
  EXPECT_FALSE(IsOneMoment({{1, 0}, {2, 2}}));  // the later one without the earlier
}

TEST_F(WriteLogTest, AWriteWithoutAnAnswerIsThereOrNot) {
  Written(1, 1);
  log_.WriteBegan(1, 1, 2);
  log_.SessionEnded();
  Written(2, 3);
  EXPECT_TRUE(IsOneMoment({{1, 1}, {2, 3}}));
  EXPECT_TRUE(IsOneMoment({{1, 2}, {2, 3}}));
  log_.Seen(1, {2});
  Written(2, 4);
  EXPECT_FALSE(IsOneMoment({{1, 1}, {2, 4}}));  // once seen it stays
}

TEST_F(WriteLogTest, ZeroesMayBeOfAnyTrim) {
  Written(1, 0);
  Written(1, 1);
  Written(1, 0);
  Written(2, 2);
  Written(1, 3);
  EXPECT_TRUE(IsOneMoment({{1, 0}, {2, 2}}));
  EXPECT_TRUE(IsOneMoment({{1, 0}, {2, 0}}));
  Written(2, 4);
  EXPECT_FALSE(IsOneMoment({{1, 0}, {2, 4}}));
}

TEST_F(WriteLogTest, TwoVolumesShareTheirMoments) {
  WriteLog other(clock_);
  Written(1, 1);
  other.WriteAcknowledged(other.WriteBegan(1, 1, 2));
  Moments moments;
  EXPECT_TRUE(other.Narrow({{1, 2}}, moments).ok());
  EXPECT_FALSE(log_.Narrow({{1, 0}}, moments).ok());
}

}  // namespace
}  // namespace storpool::sim
