#include "lib/metadata/relocation.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/metadata/placing.h"
#include "lib/placement/plan.h"

namespace storpool::metadata {
namespace {

// The newest config that was opened; of a chain that never was, the named one.
const ChainConfig& Standing(const ChainRecord& record) {
  const NamedConfig& config = record.config();
  return config.named().opened() || !config.has_last_opened() ? config.named()
                                                              : config.last_opened();
}

template <class Ids, class One>
bool Has(const Ids& ids, One id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::vector<uint32_t> ServingOf(const ChainConfig& config) {
  std::vector<uint32_t> serving;
  for (const ChainMember& m : config.members()) {
    if (m.role() == CHAIN_ROLE_SERVING) serving.push_back(m.disk());
  }
  return serving;
}

DiskId Id(uint32_t disk) { return DiskId(static_cast<uint16_t>(disk)); }

// Free for what is moved there.
uint64_t RoomOf(const DiskRoom& room) {
  const uint64_t reserve = room.usable_bytes() / kRelocationReserveParts;
  return room.free_bytes() > reserve ? room.free_bytes() - reserve : 0;
}

uint64_t LargestOf(const State& state, const ChainSizes& sizes, uint32_t table) {
  uint64_t most = 0;
  for (uint32_t raw : state.ChainsOfTable(table)) {
    most = std::max(most, sizes.Of(*state.FindChain(raw)));
  }
  return most;
}

// As placement sees them; `chain_bytes`: what one more chain would put there.
std::vector<placement::Disk> DisksFor(const State& state, const LiveView& live,
                                      uint64_t chain_bytes, const std::set<uint32_t>& gone,
                                      const std::set<uint32_t>& present) {
  std::vector<placement::Disk> disks;
  for (const auto& [id, record] : state.disks()) {
    const uint32_t disk = static_cast<uint32_t>(id);
    const Node* node = state.FindNode(record.disk().node());
    if (node == nullptr) continue;
    placement::Disk& d = disks.emplace_back();
    d.id = Id(disk);
    d.node = NodeId(static_cast<uint16_t>(node->id()));
    d.fault_set = node->fault_set();
    d.size_bytes = record.disk().size_bytes();
    const Disk::SoftEject soft_eject = record.disk().soft_eject();
    d.stays = !gone.contains(disk) && soft_eject != Disk::SOFT_EJECT_ON;
    const DiskRoom* room = live.room(disk);
    d.takes = soft_eject == Disk::SOFT_EJECT_OFF && present.contains(disk) && room != nullptr;
    if (room != nullptr && chain_bytes > 0) {
      d.room_chains =
          static_cast<uint32_t>(std::min<uint64_t>(RoomOf(*room) / chain_bytes, UINT32_MAX));
    }
  }
  return disks;
}

placement::Chain ChainFor(const State& state, uint32_t raw, const ChainRecord& record) {
  placement::Chain chain;
  for (uint32_t disk : record.desired()) chain.wanted.push_back(Id(disk));
  for (uint32_t disk : ServingOf(Standing(record))) chain.serving.push_back(Id(disk));
  for (const ChainMember& m : record.config().named().members()) {
    if (!Has(chain.serving, Id(m.disk()))) chain.partial.push_back(Id(m.disk()));
  }
  for (const auto& [key, former] : state.formers()) {
    if (former.chain() == raw) chain.barred.push_back(Id(former.disk()));
  }
  return chain;
}

void PlanOne(const State& state, const Table& table, const std::vector<placement::Disk>& disks,
             const std::set<uint32_t>& gone, std::map<DiskId, placement::Load> elsewhere,
             RelocationPlan& plan) {
  const absl::StatusOr<placement::Policy> policy = PolicyOf(state, table);
  if (!policy.ok()) return;
  std::vector<placement::Chain> chains;
  for (uint32_t raw : state.ChainsOfTable(table.id())) {
    chains.push_back(ChainFor(state, raw, *state.FindChain(raw)));
    for (DiskId disk : chains.back().wanted) --elsewhere[disk].chains;
    if (!chains.back().wanted.empty()) --elsewhere[chains.back().wanted.back()].tails;
  }
  const placement::Plan next = placement::PlanTable(disks, *policy, chains, elsewhere);
  if (!next.missing.ok()) plan.missing[table.id()] = std::string(next.missing.message());
  for (uint32_t i = 0; i < chains.size(); ++i) {
    if (next.rows[i] == chains[i].wanted) continue;
    const uint32_t raw = table.id() << 16 | i;
    const ChainRecord& record = *state.FindChain(raw);
    const bool lost = std::ranges::any_of(record.desired(), [&](uint32_t disk) {
      return gone.contains(disk) || state.FindDisk(disk) == nullptr;
    });
    if (state.cluster().relocator_off() && !lost) continue;
    ChainDesired& wanted = plan.desired.emplace_back();
    wanted.set_chain(raw);
    wanted.set_urgent(lost || record.urgent());
    for (DiskId disk : next.rows[i]) wanted.add_desired(disk.value());
  }
}

}  // namespace

ChainSizes::ChainSizes(const State& state, const LiveView& live) {
  std::map<uint32_t, uint64_t> chains;
  for (const auto& [raw, record] : state.chains()) {
    for (uint32_t disk : ServingOf(Standing(record))) ++chains[disk];
  }
  for (const auto& [disk, count] : chains) {
    if (const DiskRoom* room = live.room(disk)) per_chain_[disk] = room->stored_bytes() / count;
  }
}

uint64_t ChainSizes::Of(const ChainRecord& record) const {
  uint64_t most = 0;
  for (uint32_t disk : ServingOf(Standing(record))) {
    const auto it = per_chain_.find(disk);
    if (it != per_chain_.end()) most = std::max(most, it->second);
  }
  return most;
}

RelocationPlan PlanRelocation(const State& state, const LiveView& live,
                              const std::set<uint32_t>& gone, const std::set<uint32_t>& present) {
  RelocationPlan plan;
  const std::map<DiskId, placement::Load> load = PlacedLoad(state);
  const ChainSizes sizes(state, live);
  for (const auto& [id, table] : state.tables()) {
    const uint64_t chain_bytes = LargestOf(state, sizes, table.id());
    PlanOne(state, table, DisksFor(state, live, chain_bytes, gone, present), gone, load, plan);
  }
  return plan;
}

bool IsToMove(const ChainRecord& record) {
  if (!record.arriving().empty()) return true;
  const std::vector<uint32_t> serving = ServingOf(Standing(record));
  if (std::ranges::any_of(serving, [&](uint32_t d) { return !Has(record.desired(), d); })) {
    return true;
  }
  // All of them serve: in that order?
  return serving.size() == static_cast<size_t>(record.desired_size()) &&
         !std::equal(serving.begin(), serving.end(), record.desired().begin());
}

bool IsMoving(const ChainRecord& record) {
  return std::ranges::any_of(record.config().named().members(), [&](const ChainMember& m) {
    return Has(record.arriving(), m.disk());
  });
}

namespace {

struct Waiting {
  uint32_t chain;
  size_t serving;
  uint32_t source;
  std::vector<uint32_t> targets;
};

// The disks that a move of this chain reads from and writes to.
std::vector<uint32_t> DisksOf(const Waiting& move) {
  std::vector<uint32_t> disks = move.targets;
  disks.push_back(move.source);
  return disks;
}

}  // namespace

RelocationTurn TakeTurns(const State& state, const LiveView& live,
                         const std::set<uint32_t>& present) {
  RelocationTurn turn;
  const bool off = state.cluster().relocator_off();
  std::map<uint32_t, uint32_t> moving;  // by disk
  std::vector<Waiting> waiting;
  std::vector<uint32_t> steps;
  uint32_t unopened = 0;
  for (const auto& [key, record] : state.chains()) {
    const uint32_t raw = static_cast<uint32_t>(key);
    const ChainConfig& named = record.config().named();
    unopened += !named.opened();
    if (!IsToMove(record)) continue;
    const std::vector<uint32_t> serving = ServingOf(Standing(record));
    Waiting move{raw, serving.size(), serving.back(), {}};
    Waiting begun = move;
    for (uint32_t disk : record.arriving()) {
      const bool member = std::ranges::any_of(
          named.members(), [&](const ChainMember& m) { return m.disk() == disk; });
      (member ? begun : move).targets.push_back(disk);
    }
    if (!begun.targets.empty()) {
      for (uint32_t disk : DisksOf(begun)) ++moving[disk];
    }
    if (off && !record.urgent()) continue;
    if (record.arriving().empty()) steps.push_back(raw);
    if (!move.targets.empty() && named.opened()) waiting.push_back(std::move(move));
  }
  for (uint32_t raw : steps) {
    if (unopened++ < kChainStepsAtOnce) turn.chains.insert(raw);
  }
  const ChainSizes sizes(state, live);
  std::ranges::sort(waiting, {}, [](const Waiting& w) { return std::tuple(w.serving, w.chain); });
  for (const Waiting& move : waiting) {
    const uint64_t bytes = sizes.Of(*state.FindChain(move.chain));
    bool may = true;
    for (uint32_t disk : DisksOf(move)) may = may && moving[disk] < kChainMovesPerDisk;
    for (uint32_t disk : move.targets) {
      const DiskRoom* room = live.room(disk);
      const bool fits = room != nullptr && RoomOf(*room) >= bytes;
      if (!present.contains(disk)) {
        turn.blocked = absl::StrCat("disk ", disk, " is to get chains and is not up");
      } else if (!fits) {
        turn.blocked = absl::StrCat("disk ", disk, " has no room for more");
      }
      may = may && fits && present.contains(disk);
    }
    if (!may) continue;
    for (uint32_t disk : DisksOf(move)) ++moving[disk];
    turn.chains.insert(move.chain);
  }
  return turn;
}

}  // namespace storpool::metadata
