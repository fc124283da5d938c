// The contract of lib/env/reactor.h.
#include <algorithm>
#include <string>

#include "lib/env/conformance/world.h"

namespace storpool::env {
namespace {

// Writes its name into a shared trace, then does what it was told.
class TraceHook : public PhaseHook {
 public:
  TraceHook(std::string* trace, char name) : trace_(trace), name_(name) {}
  void OnPhase(Phase phase) override {
    trace_->push_back(name_);
    if (then) then(phase);
  }
  std::function<void(Phase)> then;

 private:
  std::string* trace_;
  char name_;
};

class ReactorTest : public WorldTest {
 protected:
  Reactor& reactor = world->reactor();
  std::string trace;
};

TEST_P(ReactorTest, PostedRunsLaterInOrder) {
  reactor.Post([&] {
    trace += 'a';
    reactor.Post([&] { trace += 'c'; });
  });
  reactor.Post([&] { trace += 'b'; });
  EXPECT_EQ(trace, "");
  EXPECT_TRUE(world->RunUntil([&] { return trace.size() == 3; }));
  EXPECT_EQ(trace, "abc");
}

TEST_P(ReactorTest, PhasesRunInOrderOnceEach) {
  TraceHook forward(&trace, 'f'), batch(&trace, 'b'), submit(&trace, 's'), report(&trace, 'r');
  reactor.Post([&] {
    reactor.Schedule(Phase::kReport, &report);
    reactor.Schedule(Phase::kSubmit, &submit);
    reactor.Schedule(Phase::kSubmit, &submit);
    reactor.Schedule(Phase::kBatch, &batch);
    reactor.Schedule(Phase::kForward, &forward);
    reactor.Schedule(Phase::kForward, &forward);
  });
  EXPECT_TRUE(world->RunUntil([&] { return trace.size() >= 4; }));
  world->RunFor(Duration::Millis(2));
  EXPECT_EQ(trace, "fbsr");
}

TEST_P(ReactorTest, HookForALaterPhaseRunsInTheSameTurnForAnEarlierInTheNext) {
  TraceHook submit(&trace, 's'), report(&trace, 'r'), forward(&trace, 'f');
  submit.then = [&](Phase) {
    reactor.Schedule(Phase::kReport, &report);
    reactor.Schedule(Phase::kForward, &forward);
  };
  reactor.Schedule(Phase::kSubmit, &submit);
  EXPECT_TRUE(world->RunUntil([&] { return trace.size() == 3; }));
  EXPECT_EQ(trace, "srf");
}

TEST_P(ReactorTest, HookAddedToItsOwnPhaseRunsInTheSamePass) {
  TraceHook one(&trace, '1'), two(&trace, '2'), report(&trace, 'r');
  int again = 2;
  one.then = [&](Phase) {
    reactor.Schedule(Phase::kSubmit, &two);
    if (again-- > 0) reactor.Schedule(Phase::kSubmit, &one);
  };
  reactor.Schedule(Phase::kSubmit, &one);
  reactor.Schedule(Phase::kReport, &report);
  EXPECT_TRUE(world->RunUntil([&] { return trace.find('r') != std::string::npos; }));
  EXPECT_EQ(trace, "121212r");
}

TEST_P(ReactorTest, HookThatAddsItselfForEverStopsNobody) {
  TraceHook greedy(&trace, 'g'), report(&trace, 'r');
  greedy.then = [&](Phase) { reactor.Schedule(Phase::kBatch, &greedy); };
  reactor.Schedule(Phase::kBatch, &greedy);
  reactor.Schedule(Phase::kReport, &report);
  EXPECT_TRUE(world->RunUntil([&] { return trace.find('r') != std::string::npos; }));
  reactor.Unschedule(&greedy);
}

TEST_P(ReactorTest, UnscheduleForgetsAllPhases) {
  TraceHook gone(&trace, 'x'), kept(&trace, 'k'), remover(&trace, 'm');
  remover.then = [&](Phase) { reactor.Unschedule(&gone); };
  reactor.Schedule(Phase::kForward, &remover);
  reactor.Schedule(Phase::kForward, &gone);
  reactor.Schedule(Phase::kReport, &gone);
  reactor.Schedule(Phase::kReport, &kept);
  EXPECT_TRUE(world->RunUntil([&] { return trace.size() >= 2; }));
  world->RunFor(Duration::Millis(2));
  EXPECT_EQ(trace, "mk");
}

TEST_P(ReactorTest, TimersFireInOrderOfTimeThenOfArming) {
  Timer late(reactor, [&] { trace += 'd'; });
  Timer early(reactor, [&] { trace += 'a'; });
  Timer same1(reactor, [&] { trace += 'b'; });
  Timer same2(reactor, [&] { trace += 'c'; });
  const Instant start = reactor.Now();
  late.StartAt(start + Duration::Millis(9));
  same1.StartAt(start + Duration::Millis(6));
  same2.StartAt(start + Duration::Millis(6));
  early.StartAt(start + Duration::Millis(3));
  EXPECT_TRUE(world->RunUntil([&] { return trace.size() == 4; }));
  EXPECT_EQ(trace, "abcd");
  EXPECT_GE(reactor.Now(), start + Duration::Millis(9));
}

TEST_P(ReactorTest, TimerMovesAndStops) {
  Timer moved(reactor, [&] { trace += 'm'; });
  Timer stopped(reactor, [&] { trace += 's'; });
  moved.StartIn(Duration::Seconds(3600));
  moved.StartIn(Duration::Millis(2));
  stopped.StartIn(Duration::Millis(1));
  EXPECT_TRUE(moved.active());
  stopped.Stop();
  EXPECT_FALSE(stopped.active());
  {
    Timer destroyed(reactor, [&] { trace += 'x'; });
    destroyed.StartIn(Duration::Millis(1));
  }
  EXPECT_TRUE(world->RunUntil([&] { return !moved.active(); }));
  EXPECT_EQ(trace, "m");
}

TEST_P(ReactorTest, TimerStoppedByAnotherOfTheSameInstantDoesNotFire) {
  Timer second(reactor, [&] { trace += '2'; });
  Timer first(reactor, [&] {
    trace += '1';
    second.Stop();
  });
  const Instant at = reactor.Now() + Duration::Millis(1);
  first.StartAt(at);
  second.StartAt(at);
  EXPECT_TRUE(world->RunUntil([&] { return !trace.empty(); }));
  world->RunFor(Duration::Millis(3));
  EXPECT_EQ(trace, "1");
}

TEST_P(ReactorTest, TimerThatArmsItselfForNowStarvesNobody) {
  int fired = 0;
  Timer self(reactor, [&] {
    ++fired;
    self.StartIn(Duration());
  });
  self.StartIn(Duration());
  reactor.Post([&] { trace += 'p'; });
  EXPECT_TRUE(world->RunUntil([&] { return !trace.empty() && fired >= 3; }));
  self.Stop();
}

TEST_P(ReactorTest, ManyTimersFireOnceInOrder) {
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<int> fired;
  // Late enough that none is due before all are armed: what is late counts as now.
  const Instant start = reactor.Now() + Duration::Millis(100);
  for (int i = 0; i < 200; ++i) {
    timers.push_back(
        std::make_unique<Timer>(reactor, [&fired, i] { fired.push_back(i * 37 % 200); }));
    timers.back()->StartAt(start + Duration::Micros(100 * (i * 37 % 200)));
  }
  for (int i = 0; i < 200; i += 3) timers[static_cast<size_t>(i)]->Stop();
  EXPECT_TRUE(world->RunUntil([&] { return fired.size() == 133; }));
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

INSTANTIATE_TEST_SUITE_P(Worlds, ReactorTest, testing::ValuesIn(AllWorlds()), WorldName);

}  // namespace
}  // namespace storpool::env
