// Commands about volumes.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/api/admin.h"
#include "lib/api/chain_health.h"

namespace storpool::api {
namespace {

std::string ReasonFor(const TableHealth& health) {
  const std::string disks = absl::StrJoin(health.missing_disks, ", ");
  if (health.down > 0) {
    return absl::StrCat(health.down,
                        " chains wait for a disk that has all their data; missing: ", disks);
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
  status.set_size_bytes(volume.size_bytes());
  status.set_replication(table.replication());
  status.set_status(std::string(health.Word()));
  status.set_chains(health.chains);
  status.set_chains_degraded(health.degraded);
  status.set_chains_syncing(health.syncing);
  status.set_chains_down(health.down);
  status.set_syncing_bytes(health.syncing_bytes);
  for (const uint32_t disk : health.missing_disks) status.add_down_disks(disk);
  status.set_reason(ReasonFor(health));
  return status;
}

std::vector<const Volume*> ByName(const std::map<uint64_t, Volume>& volumes) {
  std::vector<const Volume*> sorted;
  sorted.reserve(volumes.size());
  for (const auto& [id, volume] : volumes) sorted.push_back(&volume);
  std::ranges::sort(sorted, {}, [](const Volume* v) { return v->name(); });
  return sorted;
}

}  // namespace

VolumeInfoAnswer Admin::Describe(const Volume& volume) const {
  VolumeInfoAnswer info;
  *info.mutable_volume() = volume;
  if (const Template* t = state().FindTemplate(volume.template_id()))
    *info.mutable_template_() = *t;
  *info.mutable_table() = *state().FindTable(state().FindLine(volume.lineage())->table());
  info.set_chunks(static_cast<uint32_t>((volume.size_bytes() + kChunkBytes - 1) / kChunkBytes));
  return info;
}

void Admin::Call(const VolumeListRequest&, Done<VolumeListAnswer> done) {
  VolumeListAnswer answer;
  for (const Volume* volume : ByName(state().volumes())) *answer.add_volumes() = Describe(*volume);
  done(std::move(answer));
}

void Admin::Call(const VolumeCreateRequest& request, Done<VolumeCreateAnswer> done) {
  metadata::Command command;
  metadata::CreateVolume& create = *command.mutable_create_volume();
  create.set_name(request.name());
  create.set_size_bytes(request.size_bytes());
  create.set_template_name(request.template_name());
  create.set_now_seconds(clock_.WallSeconds());
  leader_.Propose(std::move(command), [name = request.name(), done = std::move(done)](
                                          absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    VolumeCreateAnswer answer;
    answer.set_name(name);
    answer.set_global_id(r->global_id());
    answer.set_generation(r->generation());
    done(std::move(answer));
  });
}

void Admin::Call(const VolumeInfoRequest& request, Done<VolumeInfoAnswer> done) {
  absl::StatusOr<Volume> volume = state().FindVolume(request.name());
  if (!volume.ok()) return done(volume.status());
  done(Describe(*volume));
}

void Admin::Call(const VolumeDeleteRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_delete_volume()->set_name(request.name());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const VolumeStatusRequest& request, Done<VolumeStatusAnswer> done) {
  std::vector<const Volume*> wanted;
  absl::StatusOr<Volume> one;
  if (request.name().empty()) {
    wanted = ByName(state().volumes());
  } else {
    one = state().FindVolume(request.name());
    if (!one.ok()) return done(one.status());
    wanted.push_back(&*one);
  }
  VolumeStatusAnswer answer;
  std::map<uint32_t, TableHealth> health;  // many volumes share a table
  for (const Volume* volume : wanted) {
    const Table& table = *state().FindTable(state().FindLine(volume->lineage())->table());
    const auto [it, is_new] = health.try_emplace(table.id());
    if (is_new) it->second = HealthOfTable(table, state(), live());
    *answer.add_volumes() = StatusOf(*volume, table, it->second);
  }
  done(std::move(answer));
}

}  // namespace storpool::api
