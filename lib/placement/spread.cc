#include "lib/placement/spread.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace storpool::placement {
namespace {

// In whole MiB, so that products fit.
uint64_t Weight(const Disk& disk) { return std::max<uint64_t>(disk.size_bytes >> 20, 1); }

// a / weight of its disk against b / weight of its disk: below 0, 0, above 0.
int Compare(uint64_t a, const Disk& of_a, uint64_t b, const Disk& of_b) {
  const uint64_t left = a * Weight(of_b), right = b * Weight(of_a);
  return left < right ? -1 : left > right ? 1 : 0;
}

bool Better(uint64_t from, const Disk& of_from, uint64_t to, const Disk& of_to, bool margin) {
  // An eighth.
  const uint64_t now = from * Weight(of_to), then = (to + 1) * Weight(of_from);
  return margin ? now * 8 > then * 9 : now > then;
}

}  // namespace

Spread::Spread(const std::vector<Disk>& disks, const Policy& policy,
               const std::map<DiskId, Load>& elsewhere)
    : policy_(policy), elsewhere_(elsewhere) {
  for (const Disk& d : disks) {
    disks_[d.id] = &d;
    room_[d.id] = d.room_chains;
  }
  for (Part part : {Part::kHead, Part::kAll, Part::kTail}) {
    for (DiskId id : GroupOf(policy, part).disks) {
      if (!groups_[Index(part)].insert(id).second) continue;
      if (const Disk* d = Find(id)) by_part_[Index(part)].push_back(d);
    }
  }
}

const Disk* Spread::Find(DiskId id) const {
  const auto it = disks_.find(id);
  return it == disks_.end() ? nullptr : it->second;
}

bool Spread::MayStay(DiskId id, Part part) const {
  const Disk* d = Find(id);
  return d != nullptr && d->stays && InGroup(id, part);
}

bool Spread::MayTake(const Disk& disk) const {
  return disk.stays && disk.takes && room_.at(disk.id) > 0;
}

void Spread::Change(const Row& row, int by) {
  for (DiskId id : row) load_[id].chains += static_cast<uint32_t>(by);
  if (!row.empty()) load_[row.back()].tails += static_cast<uint32_t>(by);
}

Load Spread::LoadOf(DiskId id) const {
  const auto it = load_.find(id);
  return it == load_.end() ? Load() : it->second;
}

uint64_t Spread::Fullness(DiskId id) const {
  const Disk* d = Find(id);
  if (d == nullptr) return UINT64_MAX;
  return (uint64_t{LoadOf(id).chains} << 32) / Weight(*d);
}

bool Spread::Relieves(DiskId from, DiskId to, bool margin) const {
  return Better(LoadOf(from).chains, *Find(from), LoadOf(to).chains, *Find(to), margin);
}

bool Spread::RelievesTails(DiskId from, DiskId to, bool margin) const {
  return Better(LoadOf(from).tails, *Find(from), LoadOf(to).tails, *Find(to), margin);
}

bool Spread::Less(Part part, bool empty, const Disk& a, const Disk& b) const {
  const Load la = LoadOf(a.id), lb = LoadOf(b.id);
  const int tails = Compare(la.tails + 1, a, lb.tails + 1, b);
  if (part == Part::kTail && empty && tails != 0) return tails < 0;
  const int chains = Compare(la.chains + 1, a, lb.chains + 1, b);
  if (chains != 0) return chains < 0;
  // Equal otherwise: one that is less of a tail, so that work is spread over parts too.
  if (part != Part::kTail && tails != 0) return tails > 0;
  const auto others = [&](DiskId id) {
    const auto it = elsewhere_.find(id);
    return it == elsewhere_.end() ? Load() : it->second;
  };
  const Load oa = others(a.id), ob = others(b.id);
  const int there =
      part == Part::kTail ? Compare(oa.tails, a, ob.tails, b) : Compare(oa.chains, a, ob.chains, b);
  return there != 0 ? there < 0 : a.id < b.id;
}

// The least loaded disk of each domain, least loaded first: within a domain only that one matters,
// so that the search stays small however many disks there are.
std::vector<const Disk*> Spread::Candidates(Part part, bool empty,
                                            const std::vector<DiskId>& barred) const {
  std::map<std::string, const Disk*> best;
  for (const Disk* d : Of(part)) {
    if (!MayTake(*d) || std::ranges::find(barred, d->id) != barred.end()) continue;
    const Disk*& slot = best[DomainOf(*d)];
    if (slot == nullptr || Less(part, empty, *d, *slot)) slot = d;
  }
  std::vector<const Disk*> result;
  for (const auto& [domain, d] : best) result.push_back(d);
  std::ranges::sort(result,
                    [&](const Disk* a, const Disk* b) { return Less(part, empty, *a, *b); });
  return result;
}

bool Spread::Choose(std::vector<const Disk*>& row, const std::vector<size_t>& order, size_t next,
                    std::set<std::string>& used, const std::vector<DiskId>& barred) const {
  if (next == order.size()) return true;
  const size_t position = order[next];
  const bool empty = order.size() == row.size();
  for (const Disk* d : Candidates(PartAt(position, row.size()), empty, barred)) {
    if (!used.insert(DomainOf(*d)).second) continue;
    row[position] = d;
    if (Choose(row, order, next + 1, used, barred)) return true;
    row[position] = nullptr;
    used.erase(DomainOf(*d));
  }
  return false;
}

bool Spread::Complete(std::vector<const Disk*>& row, const std::vector<DiskId>& barred) const {
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
  return Choose(row, order, 0, used, barred);
}

absl::Status Spread::Missing() const {
  const uint32_t replication = policy_.replication;
  std::vector<std::string> groups, full;
  std::set<std::string> seen;
  std::set<DiskId> named;
  for (size_t i = 0; i < replication; ++i) {
    const Part part = PartAt(i, replication);
    const std::string& name = GroupOf(policy_, part).name;
    if (!seen.insert(name).second) continue;
    std::set<std::string> domains;
    for (const Disk* d : Of(part)) {
      if (!d->stays || !d->takes) continue;
      domains.insert(DomainOf(*d));
      if (room_.at(d->id) <= 0 && named.insert(d->id).second) {
        full.push_back(absl::StrCat(d->id.value()));
      }
    }
    groups.push_back(absl::StrCat(
        "placement group ", name, " has ",
        domains.empty() ? "no disk that is up" : "disks on " + absl::StrJoin(domains, ", ")));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("replication ", replication, " needs disks on ", replication,
                   " different nodes or fault sets; ", absl::StrJoin(groups, "; "),
                   full.empty() ? "" : "; without room: disks " + absl::StrJoin(full, ", "),
                   "; add disks of other nodes with 'placementGroup NAME addDisk ID'"));
}

}  // namespace storpool::placement
