// Chain configs: named, opened, left (design 5.5, 5.7), and what a disk has dropped.
#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {
namespace {

const ChainMember* Find(const ChainConfig& config, uint32_t disk) {
  for (const ChainMember& m : config.members()) {
    if (m.disk() == disk) return &m;
  }
  return nullptr;
}

std::string TableSection(uint32_t chain) { return absl::StrCat("table/", chain >> 16); }

// The raises that the next name of a chain must carry: those of an unopened one, which may not be
// durable anywhere yet, and those of all fences under way (5.9, S2).
std::vector<Raise> RaisesFor(const ChainRecord& chain,
                             const std::map<uint64_t, FenceRecord>& fences, uint32_t table) {
  std::map<std::pair<uint64_t, uint32_t>, Raise> raises;
  const auto add = [&](const Raise& r) {
    Raise& slot = raises[{r.volume(), r.client()}];
    if (slot.generation() < r.generation()) slot = r;
  };
  for (const Raise& r : chain.config().raises()) add(r);
  for (const auto& [id, fence] : fences) {
    if (fence.table() == table) add(fence.raise());
  }
  std::vector<Raise> result;
  for (const auto& [key, r] : raises) result.push_back(r);
  return result;
}

void SetFloor(FenceRecord& fence, uint32_t chain, uint32_t epoch) {
  for (auto& floor : *fence.mutable_floors()) {
    if (floor.chain() == chain) {
      floor.set_epoch(epoch);
      return;
    }
  }
  auto* floor = fence.add_floors();
  floor->set_chain(chain);
  floor->set_epoch(epoch);
  std::sort(fence.mutable_floors()->begin(), fence.mutable_floors()->end(),
            [](const auto& a, const auto& b) { return a.chain() < b.chain(); });
}

// Whoever is no member yet is to arrive; also one whose arrival was planned before.
void Plan(const ChainDesired& d, ChainRecord& record) {
  const std::set<uint32_t> before(record.arriving().begin(), record.arriving().end());
  const ChainConfig& named = record.config().named();
  *record.mutable_desired() = d.desired();
  record.clear_arriving();
  for (uint32_t disk : d.desired()) {
    if (Find(named, disk) == nullptr || before.contains(disk)) record.add_arriving(disk);
  }
  record.set_urgent(d.urgent());
}

}  // namespace

void State::Name(ChainRecord record, std::vector<ChainMember> members, Outcome& out) {
  const ChainConfig before = record.config().named();
  const uint32_t chain = before.chain();
  const uint32_t epoch = std::max(before.epoch(), record.epoch_floor()) + 1;
  if (epoch > kEpochMax) return;  // the counter's end: an alarm long before (5.1)
  NamedConfig config;
  if (before.opened()) {
    *config.mutable_last_opened() = before;
  } else if (record.config().has_last_opened()) {
    *config.mutable_last_opened() = record.config().last_opened();
  }
  for (const Raise& r : RaisesFor(record, fences_.all(), chain >> 16)) *config.add_raises() = r;
  config.mutable_named()->set_chain(chain);
  config.mutable_named()->set_epoch(epoch);
  record.clear_lives();
  std::vector<uint32_t> joined;
  for (ChainMember& m : members) {
    const ChainMember* was = Find(before, m.disk());
    const DiskRecord* disk = disks_.Find(m.disk());
    const bool away = m.role() == CHAIN_ROLE_AWAY;
    m.set_store(away || disk == nullptr ? (was == nullptr ? 0 : was->store())
                                        : disk->disk().store());
    m.set_excluded_at(away && was != nullptr ? was->excluded_at() : 0);
    if (was == nullptr) joined.push_back(m.disk());
    if (m.role() == CHAIN_ROLE_SERVING && disk != nullptr) {
      MemberLife* life = record.add_lives();
      life->set_disk(m.disk());
      life->set_incarnation(disk->disk().incarnation());
    }
    *config.mutable_named()->add_members() = m;
  }
  *record.mutable_config() = std::move(config);
  record.set_changed(Now());
  chains_.Put(chain, std::move(record));
  Touch(TableSection(chain), out);
  out.events.named.insert(chain);
  for (const auto& [id, fence] : fences_.all()) {
    if (fence.table() != chain >> 16) continue;
    FenceRecord bound = fence;
    SetFloor(bound, chain, epoch);
    fences_.Put(id, std::move(bound));
  }
  if (joined.empty()) return;
  for (const auto& [lineage, drop] : drops_.all()) {  // it may get what others have yet to drop
    if (drop.table() != chain >> 16) continue;
    DropRecord more = drop;
    std::set<uint32_t> disks(drop.disks().begin(), drop.disks().end());
    disks.insert(joined.begin(), joined.end());
    more.clear_disks();
    for (uint32_t d : disks) more.add_disks(d);
    drops_.Put(lineage, std::move(more));
    out.events.disks_with_drops.insert(joined.begin(), joined.end());
  }
}

void State::NameAgain(ChainRecord record, Outcome& out) {
  const auto& now = record.config().named().members();
  std::vector<ChainMember> members(now.begin(), now.end());
  Name(std::move(record), std::move(members), out);
}

absl::Status State::CheckName(const ChainRecord& record, const NameChain& c) const {
  const auto bad = [&](std::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat("chain ", c.chain(), ": ", std::string(why)));
  };
  const ChainConfig& named = record.config().named();
  if (cluster_.restoring()) return bad("the cluster is being restored");
  if (named.epoch() != c.based_on()) return bad("has been named since");
  if (c.members_size() > static_cast<int>(kChainMembersMax)) return bad("too many members");
  const bool ever_opened = named.opened() || record.config().has_last_opened();
  const ChainConfig& opened = named.opened() ? named : record.config().last_opened();
  std::set<uint32_t> seen;
  size_t serving = 0, formers = 0;
  for (const ChainMember& m : c.members()) {
    if (!seen.insert(m.disk()).second) return bad("a disk is named twice");
    const DiskRecord* disk = disks_.Find(m.disk());
    const ChainMember* was = Find(opened, m.disk());
    if (Find(named, m.disk()) == nullptr && formers_.contains({m.disk(), c.chain()})) {
      return bad("a former member has not dropped it yet (R8)");
    }
    if (m.role() != CHAIN_ROLE_SERVING) continue;
    if (++serving != seen.size()) return bad("serving members stand first");
    if (disk == nullptr || disk->disk().state() != Disk::UP) return bad("a serving disk is not up");
    const bool same = was != nullptr && was->store() == disk->disk().store();
    if (same && was->role() == CHAIN_ROLE_SERVING) ++formers;
    // Promoted from syncing, never from away (5.5a).
    if (ever_opened && (!same || was->role() == CHAIN_ROLE_AWAY)) return bad("never synced");
  }
  if (serving == 0 || serving > kReplicationMax) return bad("1 to 3 serving members");
  if (ever_opened && formers == 0) return bad("no serving member of the last opened config (5.5e)");
  return absl::OkStatus();
}

absl::Status State::Do(const ChangeMembers& c, Outcome& out) {
  for (uint32_t id : c.nodes_down()) {
    const Node* known = nodes_.Find(id);
    if (known == nullptr || !known->up()) continue;
    Node node = *known;
    node.set_up(false);
    nodes_.Put(id, node);
    Touch("disks", out);
    std::vector<uint32_t> lost;
    for (const auto& [disk, record] : disks_.all()) {
      if (record.disk().node() == id && record.disk().state() == Disk::UP) {
        lost.push_back(static_cast<uint32_t>(disk));
      }
    }
    for (uint32_t disk : lost) {
      DiskBecomes(disk, Disk::DOWN, absl::StrCat("node ", id, " does not answer"), c.now_seconds(),
                  out);
    }
    out.result.set_changed(true);
  }
  for (const auto& disk : c.disks_out()) {
    const DiskRecord* known = disks_.Find(disk.disk());
    if (known == nullptr) continue;  // forgotten since this was decided
    DiskBecomes(disk.disk(), disk.state(), disk.reason(), c.now_seconds(), out,
                known->disk().incarnation());
  }
  for (const ChainDesired& d : c.desired()) {
    const ChainRecord* known = chains_.Find(d.chain());
    if (known == nullptr) continue;
    ChainRecord record = *known;
    Plan(d, record);
    chains_.Put(d.chain(), record);
    out.result.set_changed(true);
  }
  for (const NameChain& name : c.names()) {
    const ChainRecord* known = chains_.Find(name.chain());
    if (known == nullptr || !CheckName(*known, name).ok()) continue;
    ChainRecord record = *known;
    std::set<uint32_t> without(record.without().begin(), record.without().end());
    without.insert(name.without().begin(), name.without().end());
    record.clear_without();
    for (uint32_t disk : without) record.add_without(disk);
    Name(std::move(record), {name.members().begin(), name.members().end()}, out);
    out.result.set_changed(true);
  }
  return absl::OkStatus();
}

void State::DiskBecomes(uint32_t disk, Disk::State state, const std::string& reason,
                        int64_t seconds, Outcome& out, uint64_t failed) {
  const DiskRecord* known = disks_.Find(disk);
  if (known == nullptr) return;
  DiskRecord record = *known;
  if (record.disk().state() == Disk::UP) {
    record.set_down_since_seconds(seconds);
    record.set_left_generation(cluster_.generation());
  }
  record.mutable_disk()->set_state(state);
  record.mutable_disk()->set_state_reason(reason);
  if (failed != 0) record.set_failed_incarnation(failed);
  disks_.Put(disk, record);
  Touch("disks", out);
}

absl::Status State::Do(const OpenChains& c, Outcome& out) {
  for (const OpenChains::One& one : c.chains()) Open(one, out);
  return absl::OkStatus();
}

void State::Open(const OpenChains::One& c, Outcome& out) {
  const ChainRecord* known = chains_.Find(c.chain());
  // Only if nothing newer was named (5.5d). A fence that began meanwhile has named it again, so no
  // epoch opens whose name lacks a raise bound before (S2).
  if (known == nullptr || known->config().named().epoch() != c.epoch() ||
      known->config().named().opened()) {
    return;
  }
  ChainRecord record = *known;
  ChainConfig& named = *record.mutable_config()->mutable_named();
  named.set_opened(true);
  named.set_opened_at(c.opened_at());
  for (ChainMember& m : *named.mutable_members()) {
    if (m.role() == CHAIN_ROLE_AWAY && m.excluded_at() == 0) m.set_excluded_at(c.opened_at());
  }
  auto& arriving = *record.mutable_arriving();
  arriving.erase(std::remove_if(arriving.begin(), arriving.end(),
                                [&](uint32_t disk) {
                                  const ChainMember* m = Find(named, disk);
                                  return m != nullptr && m->role() == CHAIN_ROLE_SERVING;
                                }),
                 arriving.end());
  if (arriving.empty()) record.clear_urgent();
  if (record.config().has_last_opened()) {
    Leave(record.config().last_opened(), named, out);
  } else {
    TellFormers(c.chain(), out);
  }
  *record.mutable_config()->mutable_last_opened() = named;
  record.mutable_config()->clear_raises();
  record.clear_without();
  record.set_changed(Now());
  chains_.Put(c.chain(), std::move(record));
  Touch(TableSection(c.chain()), out);
  out.events.opened.insert(c.chain());
  out.result.set_changed(true);
}

void State::Leave(const ChainConfig& before, const ChainConfig& opened, Outcome& out) {
  for (const ChainMember& m : before.members()) {
    if (Find(opened, m.disk()) != nullptr) continue;
    PutFormer(m.disk(), opened.chain());
    out.events.disks_with_drops.insert(m.disk());
  }
}

// They are told to drop it by an opened config only (5.7), and this is the first one.
void State::TellFormers(uint32_t chain, Outcome& out) const {
  for (const auto& [key, former] : formers_.all()) {
    if (former.chain() == chain) out.events.disks_with_drops.insert(former.disk());
  }
}

void State::PutFormer(uint32_t disk, uint32_t chain) {
  FormerRecord former;
  former.set_disk(disk);
  former.set_chain(chain);
  formers_.Put({disk, chain}, former);
}

absl::Status State::Do(const DropsDone& c, Outcome& out) {
  for (uint64_t lineage : c.lineages()) {
    const DropRecord* known = drops_.Find(lineage);
    if (known == nullptr) continue;
    DropRecord drop = *known;
    auto& disks = *drop.mutable_disks();
    disks.erase(std::remove(disks.begin(), disks.end(), c.disk()), disks.end());
    if (!disks.empty()) {
      drops_.Put(lineage, drop);
      continue;
    }
    drops_.Erase(lineage);
    EraseLine(lineage, out);
  }
  for (uint32_t chain : c.former_chains()) formers_.Erase({c.disk(), chain});
  out.result.set_changed(true);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
