// Commands about templates.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/relocation.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {
namespace {

// Room for client data on the disks of one group, copies not taken off; its disks are added.
GroupRoom RoomOf(const metadata::State& state, const metadata::LiveView& live,
                 const std::string& name, std::set<uint32_t>& disks) {
  GroupRoom sum;
  const PlacementGroup* group = state.FindGroup(name);
  if (group == nullptr) return sum;
  disks.insert(group->disks().begin(), group->disks().end());
  for (const uint32_t disk : group->disks()) {
    const DiskRoom* room = live.room(disk);
    if (room == nullptr) continue;
    sum.set_capacity_bytes(sum.capacity_bytes() + room->usable_bytes());
    sum.set_free_bytes(sum.free_bytes() + room->free_bytes());
  }
  return sum;
}

void AddRoom(const metadata::State& state, const metadata::LiveView& live, TemplateInfo& info) {
  const Template& t = info.template_();
  std::set<uint32_t> disks;
  *info.mutable_place_head() = RoomOf(state, live, t.place_head(), disks);
  *info.mutable_place_all() = RoomOf(state, live, t.place_all(), disks);
  *info.mutable_place_tail() = RoomOf(state, live, t.place_tail(), disks);
  uint64_t usable = 0, free = 0;
  for (const uint32_t disk : disks) {
    const DiskRoom* room = live.room(disk);
    if (room == nullptr) continue;
    usable += room->usable_bytes();
    free += room->free_bytes();
  }
  const uint32_t replication = std::max(1u, t.replication());
  info.set_capacity_bytes(usable / replication);
  info.set_free_bytes(free / replication);
}

// What lies on the template's tables, as far as disks have said.
void AddStored(const metadata::State& state, const metadata::ChainSizes& sizes,
               TemplateInfo& info) {
  for (const auto& [id, table] : state.tables()) {
    if (table.template_id() != info.template_().id()) continue;
    for (const uint32_t chain : state.ChainsOfTable(table.id())) {
      const metadata::ChainRecord& record = *state.FindChain(chain);
      const uint64_t bytes = sizes.Of(record);
      info.set_stored_bytes(info.stored_bytes() + bytes);
      for (const ChainMember& m : record.config().named().members()) {
        if (m.role() == CHAIN_ROLE_SERVING) info.set_raw_bytes(info.raw_bytes() + bytes);
      }
    }
  }
}

void AddVolumes(const metadata::State& state, TemplateInfo& info) {
  for (const auto& [id, volume] : state.volumes()) {
    if (volume.template_id() != info.template_().id()) continue;
    if (!volume.snapshot()) {
      info.set_volumes(info.volumes() + 1);
      info.set_volumes_size_bytes(info.volumes_size_bytes() + volume.size_bytes());
    } else {
      info.set_snapshots(info.snapshots() + 1);
      info.set_snapshots_removing(info.snapshots_removing() + volume.deleted());
      info.set_snapshots_size_bytes(info.snapshots_size_bytes() + volume.size_bytes());
    }
  }
  if (const Volume* parent = state.FindVolume(info.template_().parent())) {
    info.set_parent_name(metadata::NameOf(*parent));
  }
}

}  // namespace

void Admin::Call(const TemplateListRequest& request, Done<TemplateListAnswer> done) {
  TemplateListAnswer answer;
  const metadata::ChainSizes sizes(state(), live());
  for (const auto& [id, t] : state().templates()) {
    if (!request.name().empty() && t.name() != request.name()) continue;
    TemplateInfo* info = answer.add_templates();
    *info->mutable_template_() = t;
    AddVolumes(state(), *info);
    AddRoom(state(), live(), *info);
    AddStored(state(), sizes, *info);
  }
  if (!request.name().empty() && answer.templates().empty()) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("there is no template ", request.name(), "; see template list")));
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const TemplateCreateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  metadata::CreateTemplate& create = *command.mutable_create_template();
  create.set_name(request.name());
  create.set_replication(request.replication());
  create.set_place_all(request.place_all());
  create.set_place_head(request.place_head());
  create.set_place_tail(request.place_tail());
  create.set_size_bytes(request.size_bytes());
  if (request.has_limits()) *create.mutable_limits() = request.limits();
  create.set_parent(request.parent());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const TemplateUpdateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_update_template()->mutable_update() = request;
  Change(std::move(command), std::move(done));
}

void Admin::Call(const TemplateDeleteRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_delete_template()->set_name(request.name());
  Change(std::move(command), std::move(done));
}

}  // namespace storpool::api
