#include "lib/base/request_window.h"

#include <set>

#include "gtest/gtest.h"
#include "lib/base/random.h"

namespace storpool {
namespace {

using State = RequestWindow::State;

// The same, as the design says it (5.8), without bits.
class Model {
 public:
  State Find(uint64_t number) const {
    if (number < mark_) return State::kBelow;
    if (number >= mark_ + kWindowNumbers) return State::kBeyond;
    return committed_.contains(number) ? State::kCommitted : State::kUnknown;
  }
  void RaiseMark(uint64_t mark) {
    if (mark <= mark_) return;
    mark_ = mark;
    committed_.erase(committed_.begin(), committed_.lower_bound(mark));
  }
  void Commit(uint64_t number) {
    if (number < mark_) return;
    if (number >= mark_ + kWindowNumbers) RaiseMark(number + 1 - kWindowNumbers);
    committed_.insert(number);
  }
  void Merge(const Model& other) {
    RaiseMark(other.mark_);
    for (const uint64_t number : other.committed_) Commit(number);
  }
  uint64_t mark() const { return mark_; }

 private:
  uint64_t mark_ = 1;
  std::set<uint64_t> committed_;
};

void ExpectSame(const RequestWindow& window, const Model& model) {
  ASSERT_EQ(window.mark(), model.mark());
  const uint64_t first = model.mark() > 300 ? model.mark() - 300 : 1;
  for (uint64_t n = first; n < model.mark() + 600; ++n) {
    ASSERT_EQ(window.Find(n), model.Find(n)) << n;
  }
}

TEST(RequestWindowTest, ANewOneKnowsNothing) {
  const RequestWindow window;
  EXPECT_EQ(window.Find(0), State::kBelow);
  EXPECT_EQ(window.Find(1), State::kUnknown);
  EXPECT_EQ(window.Find(kWindowNumbers), State::kUnknown);
  EXPECT_EQ(window.Find(kWindowNumbers + 1), State::kBeyond);
}

TEST(RequestWindowTest, ANumberBeyondProvesThatTheMarkHasRisen) {
  RequestWindow window;
  window.Commit(1);
  window.Commit(kWindowNumbers + 1);
  EXPECT_EQ(window.mark(), 2u);
  EXPECT_EQ(window.Find(1), State::kBelow);
  EXPECT_EQ(window.Find(2), State::kUnknown);
  EXPECT_EQ(window.Find(kWindowNumbers + 1), State::kCommitted);
}

TEST(RequestWindowTest, RandomStepsMatchTheModel) {
  Random random(11);
  for (int run = 0; run < 20; ++run) {
    RequestWindow windows[2];
    Model models[2];
    for (int step = 0; step < 200; ++step) {
      const uint64_t i = random.Below(2);
      const uint64_t near = models[i].mark() + random.Below(random.OneIn(1, 20) ? 900 : 300);
      switch (random.Below(8)) {
        case 0: {
          const uint64_t mark = models[i].mark() + random.Below(random.OneIn(1, 10) ? 700 : 20);
          windows[i].RaiseMark(mark);
          models[i].RaiseMark(mark);
          break;
        }
        case 1:
          windows[i].Merge(windows[1 - i]);
          models[i].Merge(models[1 - i]);
          break;
        case 2:
          windows[i] = RequestWindow::FromParts(windows[i].mark(), windows[i].bits());
          break;
        default:
          windows[i].Commit(near);
          models[i].Commit(near);
      }
      ExpectSame(windows[i], models[i]);
    }
  }
}

TEST(RequestWindowTest, MergingEndsEqualInEitherOrder) {
  Random random(12);
  for (int run = 0; run < 100; ++run) {
    RequestWindow a, b;
    for (int i = 0; i < 50; ++i) {
      a.Commit(1 + random.Below(400));
      b.Commit(1 + random.Below(400));
    }
    RequestWindow ab = a, ba = b;
    ab.Merge(b);
    ba.Merge(a);
    EXPECT_EQ(ab, ba);
  }
}

}  // namespace
}  // namespace storpool
