#include "lib/placement/fill.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/check.h"

namespace storpool::placement {
namespace {

// Nodes that may fail together: a fault set, or a node that is in none.
std::string DomainOf(const Disk& disk) {
  if (!disk.fault_set.empty()) return "fault set " + disk.fault_set;
  return absl::StrCat("node ", disk.node.value());
}

enum class Part { kHead, kAll, kTail };

const Group& GroupOf(const Policy& policy, Part part) {
  switch (part) {
    case Part::kHead:
      return policy.head;
    case Part::kAll:
      return policy.all;
    case Part::kTail:
      return policy.tail;
  }
  SP_CHECK(false);
}

// The tail is the last; alone it is the tail.
Part PartAt(size_t position, size_t replication) {
  if (position + 1 == replication) return Part::kTail;
  return position == 0 ? Part::kHead : Part::kAll;
}

// Loads compared by capacity: (load + 1) / size, in whole MiB so that products fit.
uint64_t Weight(const Disk& disk) { return std::max<uint64_t>(disk.size_bytes >> 20, 1); }

class Filler {
 public:
  Filler(const std::vector<Disk>& disks, const Policy& policy, const std::map<DiskId, Load>& load)
      : policy_(policy), load_(load) {
    for (const Disk& d : disks) disks_[d.id] = d;
  }

  // Chooses a disk for each empty position of `row`; false if there is none.
  bool Complete(std::vector<const Disk*>& row) {
    std::set<std::string> used;
    for (const Disk* d : row) {
      if (d != nullptr) used.insert(DomainOf(*d));
    }
    // Tail first: it is the scarcest where reads are to be spread, then head, then the middle.
    std::vector<size_t> order;
    if (row.back() == nullptr) order.push_back(row.size() - 1);
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      if (row[i] == nullptr) order.push_back(i);
    }
    return Choose(row, order, 0, used);
  }

  void Count(const std::vector<const Disk*>& row) {
    for (const Disk* d : row) ++load_[d->id].chains;
    ++load_[row.back()->id].tails;
  }

  const Disk* Find(DiskId id) const {
    const auto it = disks_.find(id);
    return it == disks_.end() ? nullptr : &it->second;
  }

  absl::Status Missing(size_t replication) const;

 private:
  bool Choose(std::vector<const Disk*>& row, const std::vector<size_t>& order, size_t next,
              std::set<std::string>& used) {
    if (next == order.size()) return true;
    const size_t position = order[next];
    for (const Disk* d : Candidates(PartAt(position, row.size()))) {
      if (!used.insert(DomainOf(*d)).second) continue;
      row[position] = d;
      if (Choose(row, order, next + 1, used)) return true;
      row[position] = nullptr;
      used.erase(DomainOf(*d));
    }
    return false;
  }

  // The least loaded disk of each domain, least loaded first: within a domain only that one
  // matters, so that the search stays small however many disks there are.
  std::vector<const Disk*> Candidates(Part part) {
    std::map<std::string, const Disk*> best;
    for (DiskId id : GroupOf(policy_, part).disks) {
      const Disk* d = Find(id);
      if (d == nullptr) continue;
      const Disk*& slot = best[DomainOf(*d)];
      if (slot == nullptr || Less(part, *d, *slot)) slot = d;
    }
    std::vector<const Disk*> result;
    for (const auto& [domain, d] : best) result.push_back(d);
    std::sort(result.begin(), result.end(),
              [&](const Disk* a, const Disk* b) { return Less(part, *a, *b); });
    return result;
  }

  bool Less(Part part, const Disk& a, const Disk& b) {
    const Load& la = load_[a.id];
    const Load& lb = load_[b.id];
    const uint64_t tails_a = (la.tails + 1) * Weight(b), tails_b = (lb.tails + 1) * Weight(a);
    if (part == Part::kTail && tails_a != tails_b) return tails_a < tails_b;
    const uint64_t chains_a = (la.chains + 1) * Weight(b);
    const uint64_t chains_b = (lb.chains + 1) * Weight(a);
    if (chains_a != chains_b) return chains_a < chains_b;
    // Equal otherwise: one that is less of a tail, so that work is spread over parts too.
    if (part != Part::kTail && tails_a != tails_b) return tails_a > tails_b;
    return a.id < b.id;
  }

  const Policy& policy_;
  std::map<DiskId, Load> load_;
  std::map<DiskId, Disk> disks_;
};

absl::Status Filler::Missing(size_t replication) const {
  std::vector<std::string> groups;
  std::set<std::string> seen;
  for (size_t i = 0; i < replication; ++i) {
    const Group& group = GroupOf(policy_, PartAt(i, replication));
    if (!seen.insert(group.name).second) continue;
    std::set<std::string> domains;
    for (DiskId id : group.disks) {
      if (const Disk* d = Find(id)) domains.insert(DomainOf(*d));
    }
    groups.push_back(absl::StrCat(
        "placement group ", group.name, " has ",
        domains.empty() ? "no disk that is up" : "disks on " + absl::StrJoin(domains, ", ")));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("replication ", replication, " needs disks on ", replication,
                   " different nodes or fault sets; ", absl::StrJoin(groups, "; "),
                   "; add disks of other nodes with 'placementGroup NAME addDisk ID'"));
}

}  // namespace

absl::StatusOr<std::vector<Row>> FillTable(const std::vector<Disk>& disks, const Policy& policy,
                                           uint32_t chains, const std::map<DiskId, Load>& load) {
  SP_CHECK(policy.replication >= 1 && policy.replication <= kReplicationMax);
  Filler filler(disks, policy, load);
  std::vector<Row> table;
  table.reserve(chains);
  for (uint32_t i = 0; i < chains; ++i) {
    std::vector<const Disk*> row(policy.replication, nullptr);
    if (!filler.Complete(row)) return filler.Missing(policy.replication);
    filler.Count(row);
    Row& ids = table.emplace_back();
    for (const Disk* d : row) ids.push_back(d->id);
  }
  return table;
}

absl::StatusOr<DiskId> Replace(const std::vector<Disk>& disks, const Policy& policy, const Row& row,
                               size_t position, const std::map<DiskId, Load>& load) {
  SP_CHECK(position < row.size());
  std::vector<Disk> eligible;
  std::set<std::string> used;
  for (const Disk& d : disks) {
    const auto at = std::find(row.begin(), row.end(), d.id);
    if (at == row.end()) continue;
    if (static_cast<size_t>(at - row.begin()) != position) used.insert(DomainOf(d));
  }
  for (const Disk& d : disks) {
    const bool member = std::find(row.begin(), row.end(), d.id) != row.end();
    if (!member && !used.contains(DomainOf(d))) eligible.push_back(d);
  }
  // A row of one position: the part decides the group, the rest is excluded already.
  Policy alone = policy;
  alone.replication = 1;
  alone.tail = GroupOf(policy, PartAt(position, row.size()));
  Filler filler(eligible, alone, load);
  std::vector<const Disk*> one(1, nullptr);
  if (filler.Complete(one)) return one[0]->id;
  return absl::ResourceExhaustedError(
      absl::StrCat("placement group ", alone.tail.name,
                   " has no other disk that is up on a node or fault set of its own; add one with "
                   "'placementGroup ",
                   alone.tail.name, " addDisk ID'"));
}

}  // namespace storpool::placement
