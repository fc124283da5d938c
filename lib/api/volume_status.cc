// How volumes and snapshots are, and where they lie.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/api/admin.h"
#include "lib/api/chain_health.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {
namespace {

std::string ReasonFor(const TableHealth& health) {
  const std::string disks = absl::StrJoin(health.missing_disks, ", ");
  if (health.down > 0) {
    return absl::StrCat(health.down, " chains wait for a disk that has all their data: ",
                        absl::StrJoin(health.waited_for, ", "));
  }
  if (health.open < health.chains) return "chains are changing members; this takes a moment";
  if (health.syncing > 0) return absl::StrCat("disks ", disks, " receive what they missed");
  if (health.degraded > 0) {
    return absl::StrCat("a mirror is missing: disks ", disks, "; it goes on without");
  }
  return "";
}

VolumeStatus StatusOf(const Volume& volume, const Table& table, const TableHealth& health) {
  VolumeStatus status;
  status.set_name(volume.name());
  status.set_global_id(volume.global_id());
  status.set_snapshot(volume.snapshot());
  *status.mutable_tags() = volume.tags();
  status.set_size_bytes(volume.size_bytes());
  status.set_replication(table.replication());
  status.set_status(std::string(health.Word()));
  status.set_chains(health.chains);
  status.set_chains_degraded(health.degraded);
  status.set_chains_syncing(health.syncing);
  status.set_chains_down(health.down);
  status.set_syncing_bytes(health.syncing_bytes);
  status.set_migrating(health.moving > 0);
  status.set_chains_to_move(health.moving);
  // As StorPool tells them apart: without the former it is down, without the others it goes on.
  for (const uint32_t disk : health.waited_for) status.add_down_disks(disk);
  for (const uint32_t disk : health.absent_disks) {
    if (!health.waited_for.contains(disk)) status.add_missing_disks(disk);
  }
  for (const uint32_t disk : health.ejecting_disks) status.add_soft_ejecting_disks(disk);
  status.set_reason(ReasonFor(health));
  return status;
}

void AddWork(const metadata::Leader& leader, const Volume& volume, VolumeStatus& status) {
  const auto fill = leader.state().fills().find(volume.lineage());
  const bool is_read =
      volume.snapshot() && leader.state().Clones(volume.lineage(), volume.layer()) > 0;
  if (volume.deleted() && is_read) {
    status.set_reason("deleted; it goes when the clones that read it are gone or rebased");
  } else if (volume.deleted()) {
    const metadata::LineProgress::Work work = leader.lines().WorkOn(volume.lineage());
    status.set_work("deleting");
    status.set_work_all(work.all);
    status.set_work_done(work.all - work.left);
  } else if (fill != leader.state().fills().end() && fill->second.volume() == volume.id()) {
    status.set_work("filling");
    status.set_work_all(fill->second.end());
    status.set_work_done(fill->second.next());
  }
}

}  // namespace

void Admin::Call(const VolumeStatusRequest& request, Done<VolumeStatusAnswer> done) {
  std::vector<const Volume*> wanted;
  absl::StatusOr<Volume> one;
  if (request.name().empty()) {
    wanted = ByName(false);
    for (const Volume* snapshot : ByName(true)) wanted.push_back(snapshot);
  } else {
    one = Find(request.name(), request);
    if (!one.ok()) return done(one.status());
    wanted.push_back(&*one);
  }
  VolumeStatusAnswer answer;
  answer.set_generation(generation());
  std::map<uint32_t, TableHealth> health;  // many volumes share a table
  for (const Volume* volume : wanted) {
    const Table& table = *state().FindTable(state().FindLine(volume->lineage())->table());
    const auto [it, is_new] = health.try_emplace(table.id());
    if (is_new) it->second = HealthOfTable(table, state(), live());
    VolumeStatus& status = *answer.add_volumes();
    status = StatusOf(state().Shown(*volume), table, it->second);
    AddWork(leader_, *volume, status);
  }
  done(std::move(answer));
}

void Admin::Call(const VolumeDescribeRequest& request, Done<VolumeDescribeAnswer> done) {
  const absl::StatusOr<Volume> volume = Find(request.name(), request);
  if (!volume.ok()) return done(volume.status());
  VolumeDescribeAnswer answer;
  answer.set_generation(generation());
  *answer.mutable_info() = Describe(*volume);
  for (const uint32_t raw : state().ChainsOfTable(state().FindLine(volume->lineage())->table())) {
    VolumeDescribeAnswer::Row& row = *answer.add_chains();
    const metadata::ChainRecord* chain = state().FindChain(raw);
    for (const uint32_t disk : chain->desired()) row.add_wanted(disk);
    for (const ChainMember& m : chain->config().last_opened().members()) {
      if (m.role() == CHAIN_ROLE_SERVING) row.add_disks(m.disk());
    }
  }
  answer.set_first_chain(
      metadata::FirstChainOf(volume->lineage(), static_cast<uint32_t>(answer.chains_size())));
  done(std::move(answer));
}

}  // namespace storpool::api
