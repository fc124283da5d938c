#include "lib/metadata/naming.h"

#include <algorithm>

namespace storpool::metadata {
namespace {

constexpr uint32_t kFlapsFree = 2;  // a restart or two are nothing special
constexpr Duration kFlapForgotten = Duration::Seconds(600);
constexpr Duration kReadmissionMax = Duration::Seconds(60);

bool Contains(const std::vector<ChainMember>& members, uint32_t disk) {
  return std::any_of(members.begin(), members.end(),
                     [&](const ChainMember& m) { return m.disk() == disk; });
}

std::vector<ChainMember> Serving(const ChainConfig& config) {
  std::vector<ChainMember> serving;
  for (const ChainMember& m : config.members()) {
    if (m.role() == CHAIN_ROLE_SERVING) serving.push_back(m);
  }
  return serving;
}

ChainMember Made(uint32_t disk, ChainRole role) {
  ChainMember member;
  member.set_disk(disk);
  member.set_role(role);
  return member;
}

}  // namespace

// One chain and the facts about its disks.
struct NamingMemory::View {
  const State& state;
  const LiveMembers& live;
  const ChainRecord& record;

  const ChainConfig& named() const { return record.config().named(); }
  const ChainConfig& last_opened() const { return record.config().last_opened(); }

  const DiskRecord* Up(uint32_t disk) const {
    const DiskRecord* d = state.FindDisk(disk);
    return d != nullptr && d->disk().state() == Disk::UP && !live.lost.contains(disk) ? d : nullptr;
  }
  bool Present(uint32_t disk) const { return Up(disk) != nullptr && live.present.contains(disk); }
  bool Usable(const ChainMember& m) const {
    const DiskRecord* d = Up(m.disk());
    return d != nullptr && d->disk().store() == m.store();
  }
  // The same life as when the newest config was named (5.3b).
  bool SameLife(uint32_t disk) const {
    const DiskRecord* d = state.FindDisk(disk);
    for (const MemberLife& life : record.lives()) {
      if (life.disk() == disk) return d != nullptr && life.incarnation() == d->disk().incarnation();
    }
    return false;
  }
  // A former member that may serve on: same store, and not damaged since (4.2).
  bool MayServe(const ChainMember& m) const {
    if (!Usable(m)) return false;
    return SameLife(m.disk()) || !state.FindDisk(m.disk())->damaged();
  }
  bool Desired(uint32_t disk) const {
    return std::find(record.desired().begin(), record.desired().end(), disk) !=
           record.desired().end();
  }
  bool Arriving(uint32_t disk) const {
    return std::find(record.arriving().begin(), record.arriving().end(), disk) !=
           record.arriving().end();
  }
  bool HasTurn() const { return live.turns.contains(named().chain()); }
  size_t PlaceNow(uint32_t disk) const {
    size_t place = 0;
    for (const ChainMember& m : last_opened().members()) {
      if (m.disk() == disk) break;
      ++place;
    }
    return place;
  }
  bool AllDesired(const std::vector<ChainMember>& serving) const {
    return std::ranges::all_of(record.desired(), [&](uint32_t d) { return Contains(serving, d); });
  }
  bool Known(uint32_t disk) const { return state.FindDisk(disk) != nullptr; }

  // Serving members in the order of placement: whoever is to be replaced stands where those will
  // that are to come; more than are wanted stand before the tail, which reads.
  std::vector<ChainMember> InOrder(const std::vector<ChainMember>& serving) const {
    std::vector<ChainMember> row, leaving;
    for (const ChainMember& m : serving) {
      if (!Desired(m.disk())) leaving.push_back(m);
    }
    std::ranges::stable_sort(leaving, {}, [&](const ChainMember& m) { return PlaceNow(m.disk()); });
    auto next = leaving.begin();
    for (uint32_t disk : record.desired()) {
      const auto there = std::ranges::find(serving, disk, &ChainMember::disk);
      if (there != serving.end()) {
        row.push_back(*there);
      } else if (next != leaving.end()) {
        row.push_back(*next++);
      }
    }
    row.insert(row.empty() ? row.end() : row.end() - 1, next, leaving.end());
    return row;
  }
  bool InOrderNow(const std::vector<ChainMember>& serving) const {
    const std::vector<ChainMember> row = InOrder(serving);
    size_t place = 0;
    for (const ChainMember& m : row) {
      if (PlaceNow(m.disk()) != place++) return false;
    }
    return true;
  }

  // Serving members in the order of placement, then `others`, as a name.
  NameChain Make(const std::vector<ChainMember>& serving,
                 const std::vector<ChainMember>& others) const {
    NameChain name;
    name.set_chain(named().chain());
    name.set_based_on(named().epoch());
    for (ChainMember& m : InOrder(serving)) {
      m.set_role(CHAIN_ROLE_SERVING);
      *name.add_members() = m;
    }
    for (const ChainMember& m : others) {
      if (name.members_size() < static_cast<int>(kChainMembersMax)) *name.add_members() = m;
    }
    return name;
  }
};

void NamingMemory::OnNamed(uint32_t chain, Instant now) {
  Chain& c = chains_[chain];
  c.named_at = now;
  ++c.unopened_names;
  c.waiting_since.reset();
}

void NamingMemory::OnOpened(uint32_t chain) {
  Chain& c = chains_[chain];
  c.unopened_names = 0;
  c.failed.clear();
  c.promotable.clear();  // reports are of one epoch
}

void NamingMemory::OnPromotable(const Promotable& message) {
  chains_[message.chain()].promotable[message.disk()] = message;
}

void NamingMemory::OnLevelFailed(const LevelFailed& message) {
  Chain& c = chains_[message.chain()];
  if (c.failed_epoch != message.epoch()) c.failed.clear();
  c.failed_epoch = message.epoch();
  c.failed.insert(message.without_disks().begin(), message.without_disks().end());
}

void NamingMemory::OnDiskLost(uint32_t disk, Instant now) {
  Flaps& flaps = flaps_[disk];
  if (now - flaps.last > kFlapForgotten) flaps.score = 0;
  ++flaps.score;
  flaps.last = now;
}

bool NamingMemory::RetryDue(const Chain& chain, Instant now) const {
  Duration delay = times_.retry;
  for (uint32_t i = 1; i < chain.unopened_names && delay < times_.retry_max; ++i) delay = delay * 2;
  return now - chain.named_at >= std::min(delay, times_.retry_max);
}

bool NamingMemory::Waited(Chain& chain, Instant now) const {
  if (!chain.waiting_since) chain.waiting_since = now;
  return now - *chain.waiting_since >= times_.settle;
}

bool NamingMemory::MayPromote(const View& view, const Chain& chain,
                              const ChainMember& member) const {
  const auto report = chain.promotable.find(member.disk());
  if (report == chain.promotable.end() || !view.Usable(member)) return false;
  if (!view.Present(member.disk())) return false;
  const DiskRecord& disk = *view.Up(member.disk());
  const Promotable& p = report->second;
  if (p.epoch() != view.named().epoch() || p.store() != disk.disk().store() ||
      p.incarnation() != disk.disk().incarnation()) {
    return false;
  }
  const auto flaps = flaps_.find(member.disk());
  if (flaps == flaps_.end() || flaps->second.score <= kFlapsFree) return true;
  const uint32_t doublings = std::min<uint32_t>(flaps->second.score - kFlapsFree, 6);
  const Duration delay = std::min(Duration::Seconds(int64_t{1} << doublings), kReadmissionMax);
  return view.live.now - flaps->second.last >= delay;
}

bool NamingMemory::MayJoin(const View& view, uint32_t disk) {
  return !view.Arriving(disk) || view.HasTurn();
}

// Growth before removal (5.7): all that are wanted serve, then the others leave. Of a chain that
// has as many as can serve, one that is to leave makes room in the step that lets a new one serve;
// it keeps everything until that has opened. One of those that served stays in any case (5.5a).
bool NamingMemory::LetGo(const View& view, bool change, std::vector<ChainMember>& serving,
                         std::vector<ChainMember>& others, NameChain& left_out) {
  const auto surplus = [&](const ChainMember& m) { return !view.Desired(m.disk()); };
  const auto formers = [&] {
    return std::ranges::count(serving, CHAIN_ROLE_SERVING, &ChainMember::role);
  };
  const auto leave = [&](std::vector<ChainMember>::iterator who) {
    left_out.add_without(who->disk());
    serving.erase(who);
  };
  bool left = false;
  if (view.AllDesired(serving)) {
    left = std::erase_if(others, surplus) > 0;
    auto who = std::ranges::find_if(serving, surplus);
    while (who != serving.end() && formers() > 1 && (change || left || view.HasTurn())) {
      leave(who);
      left = true;
      who = std::ranges::find_if(serving, surplus);
    }
  }
  while (serving.size() > kReplicationMax) {
    const auto who = std::ranges::find_if(serving, surplus);
    if (who != serving.end() && formers() > 1) {
      leave(who);
    } else {  // its turn comes with the next name
      const auto promoted = std::ranges::find(serving, CHAIN_ROLE_SYNCING, &ChainMember::role);
      others.push_back(*promoted);
      serving.erase(promoted);
    }
    left = true;
  }
  return left;
}

// The newest config is open: is it what it should be?
std::optional<NameChain> NamingMemory::PlanOpened(const View& view, Chain& chain) {
  std::vector<ChainMember> serving, others;
  bool change = false, lost = false, unheard = false, someone_stays = false;
  for (const ChainMember& m : view.named().members()) {
    const bool known = view.Known(m.disk());
    const bool dropping = view.state.formers().contains({m.disk(), view.named().chain()});
    if (m.role() == CHAIN_ROLE_SERVING) {
      if (view.MayServe(m)) {
        serving.push_back(m);
        unheard = unheard || !view.Present(m.disk());
        (view.SameLife(m.disk()) ? someone_stays : change) = true;
        continue;
      }
      change = true;
      lost = lost || known;
      if (known) others.push_back(Made(m.disk(), CHAIN_ROLE_AWAY));
    } else if (!known || dropping) {
      change = true;  // forgotten, also if it is there again: it leaves
    } else if (m.role() == CHAIN_ROLE_SYNCING) {
      const bool promoted = MayPromote(view, chain, m);
      change = change || promoted;
      (promoted ? serving : others).push_back(m);
    } else {
      // Away and back: it is offered to sync at once (6.8); another store has base nothing. One
      // that is to leave helps as long as somebody is missing.
      const bool helps = view.Desired(m.disk()) || !view.AllDesired(Serving(view.named()));
      const bool back = helps && view.Present(m.disk());
      change = change || back;
      others.push_back(back ? Made(m.disk(), CHAIN_ROLE_SYNCING) : m);
    }
  }
  for (uint32_t disk : view.record.desired()) {
    const bool member = Contains(serving, disk) || Contains(others, disk);
    const bool dropping = view.state.formers().contains({disk, view.named().chain()});
    if (member || dropping || !view.Present(disk) || !MayJoin(view, disk)) continue;
    others.push_back(Made(disk, CHAIN_ROLE_SYNCING));
    change = true;
  }
  NameChain left_out;
  change = LetGo(view, change, serving, others, left_out) || change;
  const bool settled = others.empty() && view.AllDesired(serving);
  if (!change && settled && !view.InOrderNow(serving)) change = view.HasTurn();
  const bool a_former = std::any_of(serving.begin(), serving.end(), [&](const ChainMember& m) {
    return m.role() == CHAIN_ROLE_SERVING;
  });
  if (!change || !a_former || unheard) {
    if (!change) chain.waiting_since.reset();
    return std::nullopt;
  }
  // All of them restarted, and some are not back: level to what most of them have (4.17).
  if (!someone_stays && lost && !Waited(chain, view.live.now)) return std::nullopt;
  NameChain name = view.Make(serving, others);
  *name.mutable_without() = left_out.without();
  return name;
}

// Named and not open: does it still make sense?
std::optional<NameChain> NamingMemory::PlanUnopened(const View& view, Chain& chain) {
  const bool failed_now = chain.failed_epoch == view.named().epoch();
  const auto failed = [&](uint32_t disk) { return failed_now && chain.failed.contains(disk); };
  bool broken = false;
  for (const ChainMember& m : view.named().members()) {
    if (m.role() != CHAIN_ROLE_SERVING) continue;
    broken = broken || !view.Usable(m) || !view.SameLife(m.disk()) || failed(m.disk());
  }
  if (!broken && !RetryDue(chain, view.live.now)) return std::nullopt;
  const auto& without = view.record.without();
  const auto formers = [&](bool also_left_out) {
    std::vector<ChainMember> result;
    for (const ChainMember& m : view.last_opened().members()) {
      const bool out = std::find(without.begin(), without.end(), m.disk()) != without.end();
      if (m.role() != CHAIN_ROLE_SERVING || !view.MayServe(m) || failed(m.disk())) continue;
      if (also_left_out || !out) result.push_back(m);
    }
    return result;
  };
  std::vector<ChainMember> serving = formers(false);
  if (serving.empty()) serving = formers(true);  // nobody else is left
  if (serving.empty()) return std::nullopt;      // down, until one returns (5.5e)
  bool all_restarted = true;
  for (const ChainMember& m : serving) {
    if (!view.Present(m.disk())) return std::nullopt;  // R21: wait until it answers or is ejected
    all_restarted = all_restarted && !view.SameLife(m.disk());
  }
  std::vector<ChainMember> others;
  NameChain left_out;
  bool lost = false;
  for (const ChainMember& m : view.last_opened().members()) {
    if (m.role() != CHAIN_ROLE_SERVING || Contains(serving, m.disk())) continue;
    left_out.add_without(m.disk());
    if (!view.Known(m.disk())) continue;
    others.push_back(Made(m.disk(), CHAIN_ROLE_AWAY));
    lost = lost || view.Up(m.disk()) == nullptr;
  }
  for (const ChainMember& m : view.named().members()) {
    if (Contains(serving, m.disk()) || Contains(others, m.disk()) || !view.Known(m.disk())) {
      continue;
    }
    const bool promoted = m.role() == CHAIN_ROLE_SERVING && view.Usable(m) &&
                          view.Present(m.disk()) && view.SameLife(m.disk()) && !failed(m.disk());
    if (promoted && serving.size() < kReplicationMax) {
      serving.push_back(m);
    } else {
      others.push_back(m.role() == CHAIN_ROLE_SERVING ? Made(m.disk(), CHAIN_ROLE_SYNCING) : m);
    }
  }
  if (all_restarted && lost && !Waited(chain, view.live.now)) return std::nullopt;
  NameChain name = view.Make(serving, others);
  *name.mutable_without() = left_out.without();
  return name;
}

// A chain that was never opened holds nothing: any of its disks may begin.
std::optional<NameChain> NamingMemory::PlanFirst(const View& view, Chain& chain) {
  bool broken = false;
  for (const ChainMember& m : view.named().members()) {
    if (m.role() != CHAIN_ROLE_SERVING) continue;
    broken = broken || !view.Usable(m) || !view.SameLife(m.disk());
  }
  if (!broken && !RetryDue(chain, view.live.now)) return std::nullopt;
  std::vector<ChainMember> serving, others;
  bool missing = false;
  for (uint32_t disk : view.record.desired()) {
    if (!view.Known(disk)) continue;
    if (view.Present(disk)) {
      serving.push_back(Made(disk, CHAIN_ROLE_SERVING));
    } else {
      missing = true;
      if (view.Up(disk) != nullptr) return std::nullopt;  // R21
      others.push_back(Made(disk, CHAIN_ROLE_SYNCING));
    }
  }
  if (serving.empty() || (missing && !Waited(chain, view.live.now))) return std::nullopt;
  return view.Make(serving, others);
}

std::vector<NameChain> NamingMemory::Plan(const State& state, const LiveMembers& live,
                                          size_t count) {
  std::vector<NameChain> names;
  for (const auto& [raw, record] : state.chains()) {
    if (names.size() >= count) break;
    Chain& chain = chains_[static_cast<uint32_t>(raw)];
    const NamedConfig& config = record.config();
    if (!config.named().opened() && chain.unopened_names == 0) {  // named by an earlier leader
      chain.named_at = live.now;
      chain.unopened_names = 1;
    }
    const View view{state, live, record};
    std::optional<NameChain> name;
    if (config.named().opened()) {
      name = PlanOpened(view, chain);
    } else if (config.has_last_opened()) {
      name = PlanUnopened(view, chain);
    } else {
      name = PlanFirst(view, chain);
    }
    if (name) names.push_back(*std::move(name));
  }
  return names;
}

}  // namespace storpool::metadata
