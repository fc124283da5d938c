// Commands about templates.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"

namespace storpool::api {
namespace {

// Room for client data on the disks that the template's groups name, replication taken off.
void AddRoom(const metadata::State& state, const metadata::LiveView& live, TemplateInfo& info) {
  std::set<uint32_t> disks;
  for (const std::string* name : {&info.template_().place_head(), &info.template_().place_all(),
                                  &info.template_().place_tail()}) {
    const PlacementGroup* group = state.FindGroup(*name);
    if (group != nullptr) disks.insert(group->disks().begin(), group->disks().end());
  }
  uint64_t usable = 0, free = 0;
  for (const uint32_t disk : disks) {
    const DiskRoom* room = live.room(disk);
    if (room == nullptr) continue;
    usable += room->usable_bytes();
    free += room->free_bytes();
  }
  const uint32_t replication = std::max(1u, info.template_().replication());
  info.set_capacity_bytes(usable / replication);
  info.set_free_bytes(free / replication);
}

}  // namespace

void Admin::Call(const TemplateListRequest& request, Done<TemplateListAnswer> done) {
  TemplateListAnswer answer;
  for (const auto& [id, t] : state().templates()) {
    if (!request.name().empty() && t.name() != request.name()) continue;
    TemplateInfo* info = answer.add_templates();
    *info->mutable_template_() = t;
    for (const auto& [volume_id, volume] : state().volumes()) {
      if (volume.template_id() == t.id()) info->set_volumes(info->volumes() + 1);
    }
    AddRoom(state(), live(), *info);
  }
  if (!request.name().empty() && answer.templates().empty()) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("there is no template ", request.name(), "; see template list")));
  }
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
  Change(std::move(command), std::move(done));
}

void Admin::Call(const TemplateUpdateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  metadata::UpdateTemplate& update = *command.mutable_update_template();
  update.set_name(request.name());
  update.set_rename(request.rename());
  update.set_size_bytes(request.size_bytes());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const TemplateDeleteRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_delete_template()->set_name(request.name());
  Change(std::move(command), std::move(done));
}

}  // namespace storpool::api
