// The relocator: plans of moves, and whose turn it is (relocation.h). The steps of a move are the
// naming's (5.7, 6.8).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/leader.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/relocation.h"

namespace storpool::metadata {
namespace {

constexpr Duration kPlanAgain = Duration::Seconds(2);

}  // namespace

bool Leader::MustPlan(const std::set<uint32_t>& gone) {
  PlannedFor now;
  now.generation = state_.cluster().generation();
  now.disks = state_.SectionVersion("disks");
  now.formers = state_.formers().size();
  now.gone = gone;
  now.rooms = live_.rooms();
  const bool again = !live_.relocation_blocked().empty() || !missing_.empty();
  if (now == planned_for_ && !(again && reactor_.Now() - planned_at_ >= kPlanAgain)) return false;
  planned_for_ = std::move(now);
  planned_at_ = reactor_.Now();
  return true;
}

// One wanted row a chain; disks that are forgotten, or away for too long, are replaced.
void Leader::DecideDesired(LiveMembers& live, ChangeMembers& change) {
  std::set<uint32_t> gone;
  for (const auto& [disk, since] : down_since_) {
    if (live.now - since >= options_.rebuild_delay) gone.insert(disk);
  }
  if (MustPlan(gone)) Plan(gone, live, change);
  RelocationTurn turn = TakeTurns(state_, live_, live.present);
  live.turns = std::move(turn.chains);
  live_.relocation_blocked_ = std::move(turn.blocked);
  if (live_.relocation_blocked_.empty() && !missing_.empty()) {
    live_.relocation_blocked_ = missing_.begin()->second;
  }
}

void Leader::Plan(const std::set<uint32_t>& gone, const LiveMembers& live, ChangeMembers& change) {
  RelocationPlan plan = PlanRelocation(state_, live_, gone, live.present);
  for (ChainDesired& desired : plan.desired) *change.add_desired() = std::move(desired);
  for (const auto& [table, text] : plan.missing) {
    if (missing_.contains(table)) continue;
    AddAlarm("metadata", absl::StrCat(NameOfTable(state_, *state_.FindTable(table)),
                                      ": some chains are not where they should be: ", text));
  }
  missing_ = std::move(plan.missing);
}

}  // namespace storpool::metadata
