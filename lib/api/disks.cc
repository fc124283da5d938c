// Commands about disks and placement groups.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"

namespace storpool::api {

void Admin::Call(const DiskListRequest&, Done<DiskListAnswer> done) {
  DiskListAnswer answer;
  for (const auto& [id, record] : state().disks()) {
    DiskInfo* info = answer.add_disks();
    *info->mutable_disk() = record.disk();
    const uint32_t disk = record.disk().id();
    if (record.disk().state() != Disk::UP) {
      info->set_left_generation(record.left_generation());
      info->set_down_since_seconds(record.down_since_seconds());
    }
    if (const Node* node = state().FindNode(record.disk().node())) {
      info->set_node_name(node->name());
    }
    if (const DiskRoom* room = live().room(disk)) {
      info->set_usable_bytes(room->usable_bytes());
      info->set_stored_bytes(room->stored_bytes());
      info->set_free_bytes(room->free_bytes());
      info->set_entries(room->entries());
      info->set_reads(room->reads());
      info->set_read_bytes(room->read_bytes());
      info->set_writes(room->writes());
      info->set_written_bytes(room->written_bytes());
    }
    for (const uint32_t chain : state().ChainsOfDisk(disk)) {
      info->set_chains(info->chains() + 1);
      for (const ChainMember& m : state().FindChain(chain)->config().named().members()) {
        if (m.disk() != disk || m.role() != CHAIN_ROLE_SYNCING) continue;
        info->set_chains_syncing(info->chains_syncing() + 1);
        const ResyncLeft* left = live().resync(chain, disk);
        if (left != nullptr) info->set_syncing_bytes(info->syncing_bytes() + left->left_bytes());
      }
    }
    for (const auto& [group_id, group] : state().groups()) {
      if (std::ranges::find(group.disks(), disk) != group.disks().end()) {
        info->add_placement_groups(group.name());
      }
    }
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const DiskForgetRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_forget_disk()->set_disk(request.disk());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const DiskEjectRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_eject_disk()->set_disk(request.disk());
  command.mutable_eject_disk()->set_bring_back(request.bring_back());
  command.mutable_eject_disk()->set_now_seconds(clock_.WallSeconds());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const DiskUpdateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  metadata::UpdateDisk& update = *command.mutable_update_disk();
  update.set_disk(request.disk());
  if (request.has_description()) update.set_description(request.description());
  if (request.has_soft_eject()) update.set_soft_eject(request.soft_eject());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const PlacementGroupListRequest& request, Done<PlacementGroupListAnswer> done) {
  PlacementGroupListAnswer answer;
  for (const auto& [id, group] : state().groups()) {
    if (request.name().empty() || group.name() == request.name()) *answer.add_groups() = group;
  }
  if (!request.name().empty() && answer.groups().empty()) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("there is no placementGroup ", request.name(), "; see placementGroup list")));
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const PlacementGroupUpdateRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  metadata::UpdateGroup& update = *command.mutable_update_group();
  update.set_name(request.name());
  update.set_rename(request.rename());
  *update.mutable_add_disks() = request.add_disks();
  *update.mutable_remove_disks() = request.remove_disks();
  update.set_only_create(request.only_create());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const PlacementGroupDeleteRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_delete_group()->set_name(request.name());
  Change(std::move(command), std::move(done));
}

}  // namespace storpool::api
