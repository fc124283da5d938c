#include "lib/api/chain_health.h"

#include <algorithm>

#include "lib/metadata/relocation.h"

namespace storpool::api {
namespace {

bool DiskIsUp(uint32_t disk, const metadata::State& state) {
  const metadata::DiskRecord* record = state.FindDisk(disk);
  return record != nullptr && record->disk().state() == Disk::UP;
}

// A chain opens by itself as soon as some serving member of the last opened config is there.
std::set<uint32_t> Openers(const metadata::ChainRecord& record) {
  std::set<uint32_t> disks;
  const auto& members = record.config().last_opened().members();
  for (const ChainMember& member : members) {
    if (member.role() == CHAIN_ROLE_SERVING) disks.insert(member.disk());
  }
  if (members.empty()) disks.insert(record.desired().begin(), record.desired().end());
  return disks;
}

}  // namespace

ChainHealth HealthOf(uint32_t chain, const metadata::ChainRecord& record, uint32_t replication,
                     const metadata::State& state, const metadata::LiveView& live) {
  ChainHealth health;
  const ChainConfig& named = record.config().named();
  health.open = named.opened();
  uint32_t serving = 0;
  std::set<uint32_t> served_by;
  for (const ChainMember& member : named.members()) {
    if (member.role() == CHAIN_ROLE_SERVING) {
      ++serving;
      served_by.insert(member.disk());
    } else if (member.role() == CHAIN_ROLE_SYNCING && DiskIsUp(member.disk(), state)) {
      // One that comes new to a chain that lacks nobody is no matter of health.
      const auto& arriving = record.arriving();
      if (std::find(arriving.begin(), arriving.end(), member.disk()) == arriving.end()) {
        health.syncing = true;
      }
      const ResyncLeft* left = live.resync(chain, member.disk());
      if (left != nullptr) health.syncing_bytes += left->left_bytes();
    }
  }
  health.moving = metadata::IsToMove(record);
  health.degraded = serving < replication;
  for (const uint32_t disk : record.desired()) {
    if (health.degraded && !served_by.contains(disk)) health.missing_disks.insert(disk);
  }
  const std::set<uint32_t> able = health.open ? served_by : Openers(record);
  health.down = std::ranges::none_of(able, [&](uint32_t disk) { return DiskIsUp(disk, state); });
  if (health.down) health.waited_for = able;
  return health;
}

std::string_view TableHealth::Word() const {
  if (down > 0) return "down";
  if (open < chains) return "up soon";
  if (syncing > 0) return "syncing";
  if (degraded > 0) return "degraded";
  return "up";
}

TableHealth HealthOfTable(const Table& table, const metadata::State& state,
                          const metadata::LiveView& live) {
  TableHealth sum;
  for (const uint32_t chain : state.ChainsOfTable(table.id())) {
    const ChainHealth one =
        HealthOf(chain, *state.FindChain(chain), table.replication(), state, live);
    ++sum.chains;
    sum.open += one.open;
    sum.degraded += one.degraded;
    sum.syncing += one.syncing;
    sum.down += one.down;
    sum.moving += one.moving;
    sum.syncing_bytes += one.syncing_bytes;
    sum.missing_disks.insert(one.missing_disks.begin(), one.missing_disks.end());
    sum.waited_for.insert(one.waited_for.begin(), one.waited_for.end());
    for (const uint32_t disk : state.FindChain(chain)->desired()) {
      if (!DiskIsUp(disk, state)) sum.absent_disks.insert(disk);
    }
    for (const ChainMember& m : state.FindChain(chain)->config().named().members()) {
      const metadata::DiskRecord* disk = state.FindDisk(m.disk());
      const bool leaves = disk != nullptr && disk->disk().soft_eject() == Disk::SOFT_EJECT_ON;
      if (leaves) sum.ejecting_disks.insert(m.disk());
    }
  }
  return sum;
}

}  // namespace storpool::api
