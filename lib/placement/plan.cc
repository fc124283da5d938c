#include "lib/placement/plan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <tuple>

#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/placement/spread.h"

namespace storpool::placement {
namespace {

bool Has(const std::vector<DiskId>& disks, DiskId id) {
  return std::ranges::find(disks, id) != disks.end();
}

// What stays of a chain, and where; the rest of the row is to be found.
struct Choice {
  std::array<std::optional<DiskId>, kReplicationMax> at;
  uint32_t serving = 0;     // that stay
  uint32_t partial = 0;     // that stay
  uint32_t strangers = 0;   // that stay though they should not: nothing else can be had
  uint64_t fullest = 0;     // of the disks that are left
  uint32_t ends_moved = 0;  // head or tail that is another one
  uint32_t inversions = 0;  // pairs whose order changed

  // The better one is lower.
  auto Key() const {
    return std::tuple(-int{static_cast<int>(serving)}, -int{static_cast<int>(partial)}, strangers,
                      ~fullest, ends_moved, inversions, at);
  }
};

// Nothing of the chain is there.
bool IsNew(const Chain& chain, DiskId disk) {
  return !Has(chain.serving, disk) && !Has(chain.partial, disk);
}

class Planner {
 public:
  Planner(const std::vector<Disk>& disks, const Policy& policy, const std::vector<Chain>& chains,
          const std::map<DiskId, Load>& elsewhere)
      : policy_(policy), chains_(chains), spread_(disks, policy, elsewhere) {}

  Plan Run();

 private:
  bool KeepsRules(const Row& row) const;
  size_t Right(const Row& row) const;  // how many stand where they may
  // It leads to where it should, and has begun or nothing moves.
  bool Stands(const Chain& chain) const;
  void Decide(size_t i);
  void TakeRoom(size_t i);
  bool Cancel(size_t i);
  bool AsGood(const Chain& chain, const Row& best);
  std::optional<Row> Best(const Chain& chain, bool strangers) const;
  void Enumerate(const Chain& chain, const std::vector<DiskId>& members, bool strangers,
                 size_t position, Choice choice, std::vector<Choice>& all) const;
  void Judge(const Chain& chain, const std::vector<DiskId>& members, Choice& choice) const;
  bool AtRest(size_t i) const;
  bool Rebalance();
  bool Relieve(DiskId from, bool free);
  bool MayMove(size_t i, size_t position, const Disk& to) const;
  bool SpreadTails();
  bool SwapTail(size_t i);

  const Policy& policy_;
  const std::vector<Chain>& chains_;
  Spread spread_;
  Plan plan_;
};

bool Planner::KeepsRules(const Row& row) const {
  if (row.size() != policy_.replication) return false;
  std::vector<std::string> domains;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!spread_.MayStay(row[i], PartAt(i, row.size()))) return false;
    std::string domain = DomainOf(*spread_.Find(row[i]));
    if (std::ranges::find(domains, domain) != domains.end()) return false;
    domains.push_back(std::move(domain));
  }
  return true;
}

size_t Planner::Right(const Row& row) const {
  size_t right = 0;
  if (row.size() != policy_.replication) return 0;
  for (size_t i = 0; i < row.size(); ++i) {
    right += spread_.MayStay(row[i], PartAt(i, row.size()));
  }
  return right;
}

bool Planner::Stands(const Chain& chain) const {
  if (!KeepsRules(chain.wanted)) return false;
  const bool begun =
      std::ranges::any_of(chain.wanted, [&](DiskId d) { return Has(chain.partial, d); });
  return begun || std::ranges::all_of(chain.wanted, [&](DiskId d) { return !IsNew(chain, d); });
}

void Planner::Judge(const Chain& chain, const std::vector<DiskId>& members, Choice& c) const {
  Row kept;
  for (size_t i = 0; i < policy_.replication; ++i) {
    if (c.at[i]) kept.push_back(*c.at[i]);
  }
  for (DiskId d : kept) {
    c.serving += Has(chain.serving, d);
    c.partial += !Has(chain.serving, d) && Has(chain.partial, d);
  }
  for (DiskId d : members) {
    if (!Has(kept, d)) c.fullest = std::max(c.fullest, spread_.Fullness(d));
  }
  const auto& now = chain.serving;
  if (!now.empty()) {
    c.ends_moved =
        uint32_t{c.at[policy_.replication - 1] != now.back()} + uint32_t{c.at[0] != now.front()};
  }
  const auto rank = [&](DiskId d) { return std::ranges::find(now, d) - now.begin(); };
  for (size_t i = 0; i < kept.size(); ++i) {
    for (size_t k = i + 1; k < kept.size(); ++k) c.inversions += rank(kept[i]) > rank(kept[k]);
  }
}

void Planner::Enumerate(const Chain& chain, const std::vector<DiskId>& members, bool strangers,
                        size_t position, Choice choice, std::vector<Choice>& all) const {
  if (position == policy_.replication) {
    Judge(chain, members, choice);
    all.push_back(choice);
    return;
  }
  Enumerate(chain, members, strangers, position + 1, choice, all);  // found elsewhere
  for (DiskId d : members) {
    const bool may = spread_.MayStay(d, PartAt(position, policy_.replication));
    if (!may && !strangers) continue;
    const Disk* disk = spread_.Find(d);
    const bool clash = std::ranges::any_of(choice.at, [&](const std::optional<DiskId>& other) {
      if (!other) return false;
      const Disk* there = spread_.Find(*other);
      return *other == d ||
             (disk != nullptr && there != nullptr && DomainOf(*disk) == DomainOf(*there));
    });
    if (clash) continue;
    Choice with = choice;
    with.at[position] = d;
    with.strangers += !may;
    Enumerate(chain, members, strangers, position + 1, with, all);
  }
}

// The way with the fewest bytes; of those the one that empties the fullest disk, then the one that
// changes least.
std::optional<Row> Planner::Best(const Chain& chain, bool strangers) const {
  std::vector<DiskId> members = chain.serving;
  for (DiskId d : chain.partial) {
    if (!Has(members, d)) members.push_back(d);
  }
  for (DiskId d : chain.wanted) {
    if (strangers && !Has(members, d)) members.push_back(d);
  }
  std::vector<Choice> all;
  Enumerate(chain, members, strangers, 0, {}, all);
  std::ranges::sort(all, [](const Choice& a, const Choice& b) { return a.Key() < b.Key(); });
  std::vector<DiskId> barred = chain.barred;
  barred.insert(barred.end(), members.begin(), members.end());  // they stay where they are, or go
  for (const Choice& choice : all) {
    std::array<Disk, kReplicationMax> unknown;
    std::vector<const Disk*> row(policy_.replication, nullptr);
    for (size_t i = 0; i < row.size(); ++i) {
      if (!choice.at[i]) continue;
      unknown[i].id = *choice.at[i];
      row[i] = spread_.Find(*choice.at[i]);
      if (row[i] == nullptr) row[i] = &unknown[i];
    }
    if (!spread_.Complete(row, barred)) continue;
    Row ids;
    for (const Disk* d : row) ids.push_back(d->id);
    return ids;
  }
  return std::nullopt;
}

// What was planned before, and has not begun, needs no more bytes than `best`; or it relieves
// somebody.
bool Planner::AsGood(const Chain& chain, const Row& best) {
  const auto there = [&](const Row& row) {
    return std::ranges::count_if(row, [&](DiskId d) { return !IsNew(chain, d); });
  };
  if (there(best) <= there(chain.wanted)) return true;
  spread_.Add(best);
  const bool relieves = std::ranges::any_of(best, [&](DiskId from) {
    return !Has(chain.wanted, from) && std::ranges::any_of(chain.wanted, [&](DiskId to) {
      return !Has(best, to) && spread_.Relieves(from, to, /*margin=*/true);
    });
  });
  spread_.Remove(best);
  return relieves;
}

void Planner::Decide(size_t i) {
  const Chain& chain = chains_[i];
  spread_.Remove(plan_.rows[i]);
  std::optional<Row> best = Best(chain, false);
  if (!best) {
    if (plan_.stuck++ == 0) plan_.missing = spread_.Missing();
    best = Best(chain, true);
    if (best && Right(chain.wanted) >= Right(*best)) best.reset();
  }
  if (best) plan_.rows[i] = *best;
  spread_.Add(plan_.rows[i]);
  TakeRoom(i);
}

void Planner::TakeRoom(size_t i) {
  for (DiskId d : plan_.rows[i]) {
    if (IsNew(chains_[i], d)) spread_.TakeRoom(d);
  }
}

// A move that was planned, and has not begun, goes on unless the chain may stay where it is and
// nobody is worse off.
bool Planner::Cancel(size_t i) {
  const Chain& chain = chains_[i];
  Row& row = plan_.rows[i];
  spread_.Remove(row);
  const std::optional<Row> best = Best(chain, false);
  const bool cancel = best && !AsGood(chain, *best);
  if (cancel) {
    for (DiskId d : row) {
      if (IsNew(chain, d)) spread_.GiveRoom(d);
    }
    row = *best;
    TakeRoom(i);
  }
  spread_.Add(row);
  return cancel;
}

// No move of it has begun, and none of its mirrors is away: it may be planned anew.
bool Planner::AtRest(size_t i) const {
  return KeepsRules(plan_.rows[i]) &&
         std::ranges::none_of(plan_.rows[i], [&](DiskId d) { return Has(chains_[i].partial, d); });
}

bool Planner::MayMove(size_t i, size_t position, const Disk& to) const {
  const Row& row = plan_.rows[i];
  const Chain& chain = chains_[i];
  if (!spread_.InGroup(to.id, PartAt(position, row.size())) || Has(chain.barred, to.id)) {
    return false;
  }
  for (size_t k = 0; k < row.size(); ++k) {
    if (row[k] == to.id) return false;
    if (k != position && DomainOf(*spread_.Find(row[k])) == DomainOf(to)) return false;
  }
  return true;
}

// Moves one chain from `from` to the emptiest disk that is better off with it: one that is not
// there yet (`free`), or one that is.
bool Planner::Relieve(DiskId from, bool free) {
  std::vector<const Disk*> targets;
  for (Part part : {Part::kHead, Part::kAll, Part::kTail}) {
    for (const Disk* d : spread_.Of(part)) {
      if (spread_.MayTake(*d) && d->id != from && spread_.Relieves(from, d->id, !free)) {
        targets.push_back(d);
      }
    }
  }
  std::ranges::sort(targets, {},
                    [&](const Disk* d) { return std::pair(spread_.Fullness(d->id), d->id); });
  for (const Disk* to : targets) {
    for (size_t i = 0; i < plan_.rows.size(); ++i) {
      Row& row = plan_.rows[i];
      const auto at = std::ranges::find(row, from);
      if (at == row.end() || !AtRest(i)) continue;
      const size_t position = static_cast<size_t>(at - row.begin());
      if (free != IsNew(chains_[i], from) || !MayMove(i, position, *to)) continue;
      spread_.Remove(row);
      if (free) spread_.GiveRoom(from);
      row[position] = to->id;
      if (IsNew(chains_[i], to->id)) spread_.TakeRoom(to->id);
      spread_.Add(row);
      return true;
    }
  }
  return false;
}

bool Planner::Rebalance() {
  bool changed = false;
  std::vector<DiskId> disks;
  for (const Row& row : plan_.rows) disks.insert(disks.end(), row.begin(), row.end());
  std::ranges::sort(disks);
  disks.erase(std::unique(disks.begin(), disks.end()), disks.end());
  std::erase_if(disks, [&](DiskId d) { return spread_.Find(d) == nullptr; });
  for (bool moved = true; moved;) {
    std::ranges::stable_sort(disks, std::greater(), [&](DiskId d) { return spread_.Fullness(d); });
    const auto relieve = [&](bool free) {
      return std::ranges::any_of(disks, [&](DiskId d) { return Relieve(d, free); });
    };
    moved = relieve(/*free=*/true) || relieve(/*free=*/false);
    changed = changed || moved;
  }
  return changed;
}

// Another order costs no bytes: the least of a tail of its members, if the groups allow it.
bool Planner::SwapTail(size_t i) {
  Row& row = plan_.rows[i];
  const DiskId tail = row.back();
  std::optional<size_t> best;
  for (size_t p = 0; p + 1 < row.size(); ++p) {
    const bool may = spread_.MayStay(row[p], Part::kTail) &&
                     spread_.MayStay(tail, PartAt(p, row.size())) &&
                     spread_.RelievesTails(tail, row[p], /*margin=*/true);
    if (may && (!best || spread_.RelievesTails(row[*best], row[p], false))) best = p;
  }
  if (!best) return false;
  spread_.Remove(row);
  std::swap(row[*best], row.back());
  spread_.Add(row);
  return true;
}

bool Planner::SpreadTails() {
  bool changed = false;
  for (bool swapped = true; swapped;) {
    swapped = false;
    for (size_t i = 0; i < plan_.rows.size(); ++i) {
      if (AtRest(i) && SwapTail(i)) swapped = true;
    }
    changed = changed || swapped;
  }
  return changed;
}

Plan Planner::Run() {
  for (const Chain& chain : chains_) {
    plan_.rows.push_back(chain.wanted);
    spread_.Add(chain.wanted);
  }
  std::set<size_t> waiting;
  for (size_t i = 0; i < chains_.size(); ++i) {
    if (!KeepsRules(chains_[i].wanted)) continue;
    TakeRoom(i);
    if (!Stands(chains_[i])) waiting.insert(i);
  }
  for (size_t i = 0; i < chains_.size(); ++i) {
    if (!KeepsRules(chains_[i].wanted)) Decide(i);
  }
  while (std::erase_if(waiting, [&](size_t i) { return Cancel(i); }) > 0) {
  }
  for (bool changed = true; changed;) {
    changed = Rebalance();
    changed = SpreadTails() || changed;
  }
  return std::move(plan_);
}

}  // namespace

Plan PlanTable(const std::vector<Disk>& disks, const Policy& policy,
               const std::vector<Chain>& chains, const std::map<DiskId, Load>& elsewhere) {
  SP_CHECK(policy.replication >= 1 && policy.replication <= kReplicationMax);
  return Planner(disks, policy, chains, elsewhere).Run();
}

}  // namespace storpool::placement
