#include "cli/fake_objects.h"

#include <utility>

namespace storpool::cli {
namespace {

void AddTag(const std::string& name, const std::string& value, Volume& volume) {
  Tag& tag = *volume.add_tags();
  tag.set_name(name);
  tag.set_value(value);
}

void AddDisk(uint32_t id, Disk::State state, DiskListAnswer& answer) {
  DiskInfo& info = *answer.add_disks();
  Disk& disk = *info.mutable_disk();
  disk.set_id(id);
  disk.set_node(id / 100);
  disk.set_size_bytes(1024 * kGiB);
  disk.set_device_class("nvme");
  disk.set_state(state);
  info.set_usable_bytes(900 * kGiB);
  info.set_stored_bytes(400 * kGiB + (kGiB >> 1));
  info.set_free_bytes(450 * kGiB);
  info.set_entries(123456);
  info.set_chains(64);
  info.add_placement_groups("default");
  info.set_reads(1000);
  info.set_read_bytes(4096'000);
  info.set_writes(500);
  info.set_written_bytes(kGiB);
}

void AddService(const std::string& kind, uint32_t id, const std::string& address, bool up,
                int64_t seconds, ServiceListAnswer& answer) {
  Service& service = *answer.add_services();
  service.set_kind(kind);
  service.set_id(id);
  service.set_name(kind + std::to_string(id));
  service.set_address(address);
  service.set_up(up);
  service.set_version("0.1.0");
  service.set_up_since_seconds(kFakeNowSeconds - seconds);
}

}  // namespace

VolumeInfoAnswer VolumeOf(const std::string& name, uint64_t id, uint64_t size_bytes) {
  VolumeInfoAnswer info;
  Volume& volume = *info.mutable_volume();
  volume.set_id(id);
  volume.set_name(name);
  volume.set_global_id("sofia.one." + std::to_string(id));
  volume.set_size_bytes(size_bytes);
  volume.set_template_name("three");
  volume.set_template_id(1);
  volume.set_created_seconds(kFakeNowSeconds - 3600);
  info.mutable_table()->set_chains(64);
  info.mutable_table()->set_replication(3);
  info.mutable_table()->set_place_head("default");
  info.mutable_table()->set_place_all("default");
  info.mutable_table()->set_place_tail("ssd");
  info.set_chunks(static_cast<uint32_t>(size_bytes / (32 << 20)));
  return info;
}

VolumeInfoAnswer SnapshotOf(const std::string& name, uint64_t id, uint64_t size_bytes) {
  VolumeInfoAnswer info = VolumeOf(name, id, size_bytes);
  Volume& snapshot = *info.mutable_volume();
  snapshot.set_snapshot(true);
  snapshot.set_on_volume(1);
  info.set_on_volume("db1");
  return info;
}

VolumeDescribeAnswer DescriptionOf(const std::string& name, bool snapshot) {
  constexpr uint64_t kSizeBytes = 96 << 20;
  VolumeDescribeAnswer answer;
  answer.set_generation(kFakeGeneration);
  VolumeInfoAnswer& info = *answer.mutable_info();
  if (snapshot) {
    info = SnapshotOf(name, 3, kSizeBytes);
    info.mutable_volume()->set_delete_at_seconds(kFakeNowSeconds + 86400);
  } else {
    info = VolumeOf(name, 1, kSizeBytes);
    Limits& limits = *info.mutable_volume()->mutable_limits();
    limits.set_iops(10);
    limits.set_per_gib(true);
    info.mutable_limits_in_force()->set_iops(1);
    info.set_snapshots(2);
    AddTag("vm", "17", *info.mutable_volume());
  }
  for (const uint32_t disk : {101, 102}) {
    VolumeDescribeAnswer::Row& row = *answer.add_chains();
    for (const uint32_t of_node : {0, 100, 200}) row.add_wanted(disk + of_node);
    for (const uint32_t of_node : {0, 100}) row.add_disks(disk + of_node);
  }
  answer.set_first_chain(1);
  return answer;
}

StatusAnswer StatusOf(bool healthy) {
  StatusAnswer answer;
  answer.set_healthy(healthy);
  answer.set_cluster_name("sofia.one");
  answer.set_cluster(
      std::string("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16));
  answer.set_summary("cluster sofia.one healthy: 3/3 nodes, 6/6 disks, 1/1 clients up, 1 volume");
  answer.set_nodes(3);
  answer.set_nodes_up(healthy ? 3 : 2);
  answer.set_generation(kFakeGeneration);
  if (!healthy) {
    answer.set_summary("cluster sofia.one not healthy: 2/3 nodes up; node 3 is down: start it");
    answer.add_reasons("node 3 is down: start it");
    answer.add_reasons("64 chains of template three lack a mirror: disks 301");
  }
  return answer;
}

ServiceListAnswer Services() {
  ServiceListAnswer answer;
  answer.set_generation(kFakeGeneration);
  AddService("metadata", 0, "10.0.0.1:7480", true, 300'000, answer);
  answer.mutable_services(0)->set_active(true);
  AddService("server", 1, "10.0.0.1:7481", true, 59, answer);
  answer.mutable_services(1)->add_disks(101);
  answer.mutable_services(1)->add_disks(102);
  answer.mutable_services(1)->set_fault_set("rack1");
  AddService("server", 2, "10.0.0.2:7481", false, 0, answer);
  AddService("client", 1, "10.0.0.1:10809", true, 3661, answer);
  return answer;
}

DiskListAnswer Disks() {
  DiskListAnswer answer;
  answer.set_generation(kFakeGeneration);
  AddDisk(101, Disk::UP, answer);
  AddDisk(201, Disk::UP, answer);
  answer.mutable_disks(1)->set_chains_syncing(12);
  answer.mutable_disks(1)->set_syncing_bytes(5 * kGiB);
  AddDisk(301, Disk::EJECTED, answer);
  DiskInfo& ejected = *answer.mutable_disks(2);
  ejected.mutable_disk()->set_state_reason("write error at 4096");
  ejected.mutable_disk()->set_soft_eject(Disk::SOFT_EJECT_ON);
  ejected.mutable_disk()->set_description("left bay 3");
  ejected.set_down_since_seconds(kFakeNowSeconds - 3600);
  return answer;
}

PlacementGroupListAnswer Groups(const std::string& name) {
  PlacementGroupListAnswer answer;
  answer.set_generation(kFakeGeneration);
  PlacementGroup& group = *answer.add_groups();
  group.set_id(1);
  group.set_name(name.empty() ? "default" : name);
  for (const uint32_t disk : {101, 201, 301}) group.add_disks(disk);
  return answer;
}

TemplateListAnswer Templates() {
  TemplateListAnswer answer;
  answer.set_generation(kFakeGeneration);
  TemplateInfo& info = *answer.add_templates();
  Template& three = *info.mutable_template_();
  three.set_id(1);
  three.set_name("three");
  three.set_replication(3);
  three.set_place_head("default");
  three.set_place_all("default");
  three.set_place_tail("ssd");
  info.set_volumes(2);
  info.set_capacity_bytes(900 * kGiB);
  info.set_free_bytes(450 * kGiB);
  TemplateInfo sized = info;
  sized.mutable_template_()->set_name("sized");
  sized.mutable_template_()->set_size_bytes(10 * kGiB);
  sized.mutable_template_()->mutable_limits()->set_iops(1000);
  sized.set_parent_name("golden-image");
  sized.set_snapshots(3);
  sized.set_snapshots_removing(1);
  sized.set_stored_bytes(20 * kGiB);
  sized.mutable_place_tail()->set_free_bytes(100 * kGiB);
  *answer.add_templates() = std::move(sized);
  return answer;
}

VolumeListAnswer Volumes() {
  VolumeListAnswer answer;
  answer.set_generation(kFakeGeneration);
  *answer.add_volumes() = VolumeOf("db1", 1);
  VolumeInfoAnswer& web = *answer.add_volumes();
  web = VolumeOf("web.root", 2, kGiB + (kGiB >> 1));
  web.mutable_volume()->mutable_limits()->set_iops(1000);
  web.mutable_volume()->mutable_limits()->set_bandwidth_bytes(50 << 20);
  AddTag("backup", "daily", *web.mutable_volume());
  AddTag("vm", "17", *web.mutable_volume());
  web.set_parent_name("golden-image");
  web.set_migrating(true);
  return answer;
}

VolumeListAnswer Snapshots() {
  VolumeListAnswer answer;
  answer.set_generation(kFakeGeneration);
  *answer.add_volumes() = SnapshotOf("db1-monday", 3);
  answer.mutable_volumes(0)->mutable_volume()->set_delete_at_seconds(kFakeNowSeconds + 86400);
  VolumeInfoAnswer& automatic = *answer.add_volumes();
  automatic = SnapshotOf("db1@4", 4);
  automatic.set_parent_name("db1-monday");
  automatic.mutable_volume()->set_auto_name(true);
  automatic.mutable_volume()->set_bound(true);
  AddTag("vm", "17", *automatic.mutable_volume());
  VolumeInfoAnswer& deleted = *answer.add_volumes();
  deleted = SnapshotOf("*db1-sunday", 5);
  deleted.mutable_volume()->set_deleted(true);
  deleted.set_on_volume("-");
  return answer;
}

VolumeStatus StatusOfVolume(const std::string& name, bool snapshot) {
  VolumeStatus up;
  up.set_name(name);
  up.set_snapshot(snapshot);
  up.set_global_id(snapshot ? "sofia.one.3" : "sofia.one.1");
  up.set_size_bytes(100 * kGiB);
  up.set_replication(3);
  up.set_status("up");
  up.set_chains(64);
  return up;
}

VolumeStatusAnswer StatusOfAll() {
  VolumeStatusAnswer answer;
  answer.set_generation(kFakeGeneration);
  *answer.add_volumes() = StatusOfVolume("db1", false);
  VolumeStatus& syncing = *answer.add_volumes();
  syncing = StatusOfVolume("web.root", false);
  syncing.set_global_id("sofia.one.2");
  syncing.set_status("syncing");
  syncing.set_chains_degraded(12);
  syncing.set_chains_syncing(12);
  syncing.set_syncing_bytes(3 * kGiB);
  syncing.add_missing_disks(301);
  syncing.set_chains_to_move(7);
  syncing.set_reason("disks 201 receive what they missed");
  VolumeStatus& deleting = *answer.add_volumes();
  deleting = StatusOfVolume("db1-monday", true);
  deleting.set_migrating(true);
  deleting.set_work("deleting");
  deleting.set_work_done(45);
  deleting.set_work_all(100);
  return answer;
}

SpaceListAnswer SpaceOf(const SpaceListRequest& request) {
  SpaceListAnswer answer;
  answer.set_generation(kFakeGeneration);
  SpaceListAnswer::One& one = *answer.add_all();
  const std::string first = request.snapshots() ? "db1-monday" : "db1";
  one.set_name(request.names().empty() ? first : request.names(0));
  one.set_global_id(request.snapshots() ? "sofia.one.3" : "sofia.one.1");
  one.set_snapshot(request.snapshots());
  one.set_size_bytes(100 * kGiB);
  one.set_stored_bytes(25 * kGiB);
  one.set_space_used_bytes(30 * kGiB);
  one.set_raw_bytes(75 * kGiB);
  return answer;
}

AttachListAnswer Attachments() {
  AttachListAnswer answer;
  answer.set_generation(kFakeGeneration);
  Attachment& there = *answer.add_attachments();
  there.set_volume(1);
  there.set_volume_name("db1");
  there.set_client(1);
  there.set_rights(READ_WRITE);
  there.set_granted(true);
  there.set_device("nbd://10.0.0.1:10809/db1");
  there.set_global_id("sofia.one.1");
  Attachment& soon = *answer.add_attachments();
  soon.set_volume(2);
  soon.set_volume_name("web.root");
  soon.set_client(2);
  soon.set_rights(READ_ONLY);
  soon.set_pos(1);
  soon.set_global_id("sofia.one.2");
  return answer;
}

ClientStatusAnswer Clients() {
  ClientStatusAnswer answer;
  answer.set_generation(kFakeGeneration);
  for (const auto& [id, status] : {std::pair{1, "ok"}, {2, "updating"}}) {
    ClientStatusAnswer::One& one = *answer.add_clients();
    one.set_id(static_cast<uint32_t>(id));
    one.set_status(status);
    one.set_generation(8);
    one.set_client_generation(static_cast<uint64_t>(9 - id));
    one.set_delay_ms(12);
  }
  return answer;
}

RelocatorDisksAnswer DisksOfRelocator() {
  RelocatorDisksAnswer answer;
  answer.set_generation(kFakeGeneration);
  for (const uint32_t disk : {101, 201}) {
    RelocatorDisksAnswer::One& one = *answer.add_disks();
    one.set_disk(disk);
    one.set_node(disk / 100);
    one.set_up(disk == 101);
    one.set_chains(64);
    one.set_chains_target(48);
    one.set_stored_bytes(400 * kGiB);
    one.set_stored_target_bytes(300 * kGiB);
    one.set_to_recover_bytes(kGiB);
  }
  return answer;
}

TaskListAnswer Tasks() {
  TaskListAnswer answer;
  answer.set_generation(kFakeGeneration);
  Task& recovery = *answer.add_tasks();
  recovery.set_kind("recovery");
  recovery.set_disk(201);
  recovery.set_all(200);
  recovery.set_completed(50);
  recovery.set_bytes_left(3 * kGiB);
  Task& deletion = *answer.add_tasks();
  deletion.set_kind("delete");
  deletion.set_name("db1-monday");
  deletion.set_all(3200);
  deletion.set_completed(1600);
  return answer;
}

}  // namespace storpool::cli
