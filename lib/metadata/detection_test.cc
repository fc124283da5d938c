#include "lib/metadata/detection.h"

#include <gtest/gtest.h>

namespace storpool::metadata {
namespace {

constexpr Duration kEjection = Duration::Millis(3000);
constexpr Duration kTick = Duration::Millis(100);

class DetectionTest : public testing::Test {
 protected:
  void SetUp() override { detection.Start(now); }
  // Ticks for `time`; those of `speaking` are heard. Returns who was ejected.
  std::set<uint32_t> Pass(Duration time, const std::set<uint32_t>& speaking) {
    std::set<uint32_t> gone;
    for (const Instant end = now + time; now < end;) {
      now = now + kTick;
      for (uint32_t id : speaking) detection.Heard(id, now);
      for (uint32_t id : detection.Tick(up, now)) gone.insert(id);
    }
    return gone;
  }
  Instant now = Instant::FromNanos(1'000'000'000'000);
  std::set<uint32_t> up = {1, 2, 3, 4};
  Detection detection{kEjection};
};

TEST_F(DetectionTest, SilenceWithAWitness) {
  EXPECT_TRUE(Pass(Duration::Seconds(10), up).empty());
  EXPECT_TRUE(Pass(Duration::Millis(2900), {1, 2, 3}).empty());
  detection.Suspected(4, now);
  EXPECT_EQ(Pass(Duration::Millis(200), {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, SilenceWithoutAWitnessTakesTwiceAsLong) {
  Pass(Duration::Seconds(10), up);
  EXPECT_TRUE(Pass(Duration::Millis(5900), {1, 2, 3}).empty());
  EXPECT_EQ(Pass(Duration::Millis(200), {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, ABrokenLinkIsAWitnessAndARefusalIsProof) {
  Pass(Duration::Seconds(10), up);
  detection.LinkDown(4, false);
  EXPECT_TRUE(Pass(Duration::Millis(2900), {1, 2, 3}).empty());
  EXPECT_EQ(Pass(Duration::Millis(200), {1, 2, 3}), (std::set<uint32_t>{4}));
  detection.LinkDown(3, true);
  up = {1, 2, 3};
  EXPECT_EQ(Pass(kTick, {1, 2}), (std::set<uint32_t>{3}));
}

TEST_F(DetectionTest, NobodyIsEjectedForSilenceAtTheBeginning) {
  detection.Suspected(4, now);
  EXPECT_TRUE(Pass(Duration::Millis(2900), {1, 2, 3}).empty());
  EXPECT_EQ(Pass(Duration::Millis(200), {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, ARefusalIsProofAlsoAtTheBeginning) {
  EXPECT_TRUE(Pass(kTick, up).empty());
  detection.LinkDown(4, true);
  EXPECT_EQ(Pass(kTick, {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, WhoHasNotBeenHeardYetMayJustBeStarting) {
  detection.LinkDown(4, true);
  EXPECT_TRUE(Pass(Duration::Millis(2900), {1, 2, 3}).empty());
  EXPECT_EQ(Pass(Duration::Millis(200), {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, ARefusalIsProofAlsoAfterStandingStill) {
  Pass(Duration::Seconds(10), up);
  now = now + Duration::Seconds(20);  // frozen
  detection.LinkDown(4, true);
  EXPECT_EQ(Pass(kTick, {1, 2, 3}), (std::set<uint32_t>{4}));
}

TEST_F(DetectionTest, ManySilentNodesAreWaitedFor) {
  Pass(Duration::Seconds(10), up);
  detection.LinkDown(3, false);
  detection.LinkDown(4, false);
  EXPECT_TRUE(Pass(Duration::Millis(8900), {1, 2}).empty());
  EXPECT_EQ(Pass(Duration::Millis(300), {1, 2}), (std::set<uint32_t>{3, 4}));
}

TEST_F(DetectionTest, WhoStoodStillItselfBeginsAgain) {
  Pass(Duration::Seconds(10), up);
  detection.LinkDown(4, false);
  now = now + Duration::Seconds(20);  // frozen
  EXPECT_TRUE(Pass(Duration::Millis(2900), {1, 2, 3}).empty());
  EXPECT_EQ(Pass(Duration::Millis(300), {1, 2, 3}), (std::set<uint32_t>{4}));
}

}  // namespace
}  // namespace storpool::metadata
