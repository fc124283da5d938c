// A client, a node or metadata dies at every step of a snapshot and returns (design 9.3): L never
// changes after it was reported, no acknowledged write is hidden, and the next snapshot is made.
//
// A step is a turn of some process in which a control message arrived or a frame was sent, between
// the question and the answer. Every few of them, for the test's time; SNAPSHOT_STEPS=all: each.
// SNAPSHOT_SEEDS=N: so many seeds for each victim, not one. Even seeds have a group of two volumes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/sim/checkers.h"
#include "lib/sim/cluster.h"

namespace storpool::sim {
namespace {

enum class Victim { kNobody, kClient, kNode, kMetadata };

constexpr uint64_t kRunsMax = 30;   // of one victim and seed, unless all are wanted
constexpr uint64_t kStepsMin = 30;  // of a snapshot: fewer would mean that little is under way
constexpr uint64_t kNever = UINT64_MAX;

// One life of a cluster, in which somebody dies at step `at` of the second snapshot.
class Story {
 public:
  Story(uint64_t seed, Victim victim, uint64_t at)
      : victim_(victim), at_(at), cluster_(OptionsOf(seed)), watch_(cluster_) {
    cluster_.set_look([this] { watch_.Look(); });
  }

  absl::Status Run() {
    SP_RETURN_IF_ERROR(cluster_.SetUp());
    for (Workload* load : cluster_.loads()) load->Run(true);
    cluster_.Await(Duration::Millis(300), [] { return false; });
    snapshots().Ask();  // it stays, and is read again after everything
    SP_RETURN_IF_ERROR(AwaitSnapshots());
    DieAtStep();
    cluster_.Await(Duration::Millis(100 + static_cast<int64_t>(at_ % 7) * 100),
                   [] { return false; });
    made_ = snapshots().counts().made == 2;
    cluster_.Heal();
    SP_RETURN_IF_ERROR(AwaitSnapshots());
    SP_RETURN_IF_ERROR(cluster_.AwaitHealthy(Duration::Seconds(60)));
    SP_RETURN_IF_ERROR(MakeAnother());
    SP_RETURN_IF_ERROR(LosePower());
    return AtRest();
  }

  uint64_t steps() const { return steps_; }
  bool made() const { return made_; }  // by then: nobody dies
  const SnapshotCounts& counts() { return snapshots().counts(); }
  std::string Log() {
    std::string text;
    for (const std::string& line : cluster_.site().log.last()) absl::StrAppend(&text, line, "\n");
    return text;
  }

 private:
  static ClusterOptions OptionsOf(uint64_t seed) {
    ClusterOptions options{.seed = seed, .seams = {}};
    options.snapshots = true;
    options.group = seed % 2 == 0;
    options.apart = seed % 4 == 0;
    options.load.requests_under_way = 6;
    options.load.pause_max = Duration::Millis(25);
    return options;
  }
  SnapshotLoad& snapshots() { return *cluster_.snapshots(); }

  absl::Status AwaitSnapshots() {
    if (!cluster_.Await(Duration::Seconds(90), [this] { return snapshots().idle(); })) {
      return absl::DeadlineExceededError(
          absl::StrCat("it does not end:\n", snapshots().Describe()));
    }
    return Verdicts();
  }

  void DieAtStep() {
    snapshots().Ask();
    Site& site = cluster_.site();
    uint64_t passed = site.control.messages() + site.traffic.frames;
    cluster_.world().RunUntil(cluster_.world().now() + Duration::Seconds(20), [&] {
      const uint64_t now = site.control.messages() + site.traffic.frames;
      steps_ += now != passed;
      passed = now;
      if (steps_ < at_) snapshots().Act();
      return steps_ >= at_ || snapshots().answered();
    });
    if (victim_ == Victim::kClient) cluster_.client().Crash();
    if (victim_ == Victim::kMetadata) cluster_.metadata().Crash(at_ % 2 == 0);
    if (victim_ == Victim::kNode) {
      SimNode& node = *cluster_.nodes()[at_ % cluster_.nodes().size()];
      const bool power_lost = at_ / 3 % 2 == 0;
      if (power_lost) cluster_.Silence(node.host(), true);
      node.Crash(power_lost);
    }
  }

  // The volume is not stuck with what was left of the former one.
  absl::Status MakeAnother() {
    const uint64_t made = snapshots().counts().made;
    for (int tries = 0; tries < 60 && snapshots().counts().made == made; ++tries) {
      snapshots().Ask();
      SP_RETURN_IF_ERROR(AwaitSnapshots());
      if (snapshots().counts().made == made) {
        cluster_.Await(Duration::Millis(500), [] { return false; });
      }
    }
    if (snapshots().counts().made > made) return absl::OkStatus();
    return absl::DeadlineExceededError("no other snapshot can be made");
  }

  absl::Status LosePower() {
    for (auto& node : cluster_.nodes()) node->Crash(true);
    for (auto& node : cluster_.nodes()) node->Start();
    SP_RETURN_IF_ERROR(cluster_.AwaitHealthy(Duration::Seconds(60)));
    snapshots().CheckAll();
    return AwaitSnapshots();
  }

  absl::Status AtRest() {
    for (Workload* load : cluster_.loads()) load->Run(false);
    const auto drained = [this] {
      return std::ranges::all_of(cluster_.loads(),
                                 [](Workload* load) { return load->attached() && load->idle(); });
    };
    if (!cluster_.Await(Duration::Seconds(30), drained)) {
      return absl::DeadlineExceededError("requests do not end");
    }
    for (Workload* load : cluster_.loads()) load->ReadEverything();
    if (!cluster_.Await(Duration::Seconds(30), drained)) {
      return absl::DeadlineExceededError("the last reads do not end");
    }
    return Verdicts();
  }

  absl::Status Verdicts() {
    SP_RETURN_IF_ERROR(cluster_.site().ledger.verdict());
    SP_RETURN_IF_ERROR(watch_.verdict());
    for (Workload* load : cluster_.loads()) SP_RETURN_IF_ERROR(load->verdict());
    return snapshots().verdict();
  }

  const Victim victim_;
  const uint64_t at_;
  Cluster cluster_;
  Watch watch_;
  uint64_t steps_ = 0;
  bool made_ = false;
};

void DieAtEveryStep(const char* who, Victim victim, uint64_t seed) {
  Story quiet(seed, Victim::kNobody, kNever);
  const absl::Status status = quiet.Run();
  ASSERT_TRUE(status.ok()) << status << "\n" << quiet.Log();
  ASSERT_TRUE(quiet.made());
  const uint64_t steps = quiet.steps();
  EXPECT_GE(steps, kStepsMin);
  const bool all = std::getenv("SNAPSHOT_STEPS") != nullptr;
  const uint64_t stride = all ? 1 : (steps + kRunsMax - 1) / kRunsMax;
  uint64_t runs = 0;
  SnapshotCounts sum;
  for (uint64_t at = 1; at <= steps; at += stride) {
    Story story(seed, victim, at);
    const absl::Status ended = story.Run();
    EXPECT_TRUE(ended.ok()) << who << " dies at step " << at << " of " << steps << ", seed " << seed
                            << ": " << ended << "\n"
                            << story.Log();
    EXPECT_EQ(story.steps(), at);  // the same until then
    ++runs;
    sum.made += story.counts().made;
    sum.refused += story.counts().refused;
    sum.unknown += story.counts().unknown;
    sum.checked += story.counts().checked;
    sum.repeated += story.counts().repeated;
    if (testing::Test::HasFailure()) break;
  }
  std::printf(
      "%s, seed %llu: died at %llu of %llu steps: snapshots made %llu, refused %llu, unanswered "
      "%llu, read %llu times, %llu again\n",
      who, static_cast<unsigned long long>(seed), static_cast<unsigned long long>(runs),
      static_cast<unsigned long long>(steps), static_cast<unsigned long long>(sum.made),
      static_cast<unsigned long long>(sum.refused), static_cast<unsigned long long>(sum.unknown),
      static_cast<unsigned long long>(sum.checked), static_cast<unsigned long long>(sum.repeated));
  EXPECT_GE(runs, kStepsMin / 2);
}

void DieInEverySeed(const char* who, Victim victim, uint64_t first_seed) {
  const char* seeds = std::getenv("SNAPSHOT_SEEDS");
  const uint64_t count = seeds == nullptr ? 1 : std::strtoull(seeds, nullptr, 10);
  for (uint64_t i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    DieAtEveryStep(who, victim, first_seed + i);
  }
}

TEST(SnapshotStepsTest, TheClientDies) { DieInEverySeed("the client", Victim::kClient, 2); }
TEST(SnapshotStepsTest, ANodeDies) { DieInEverySeed("a node", Victim::kNode, 4); }
TEST(SnapshotStepsTest, MetadataDies) { DieInEverySeed("metadata", Victim::kMetadata, 8); }

}  // namespace
}  // namespace storpool::sim
