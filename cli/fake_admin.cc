#include "cli/fake_admin.h"

#include <utility>

namespace storpool::cli {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

grpc::Status Error(grpc::StatusCode code, const std::string& name, const std::string& descr,
                   bool transient = false) {
  ApiError error;
  error.set_name(name);
  error.set_descr(descr);
  error.set_transient(transient);
  return {code, descr, error.SerializeAsString()};
}

Template Three() {
  Template t;
  t.set_id(1);
  t.set_name("three");
  t.set_replication(3);
  t.set_place_head("default");
  t.set_place_all("default");
  t.set_place_tail("ssd");
  return t;
}

void AddTag(const std::string& name, const std::string& value, Volume& volume) {
  Tag& tag = *volume.add_tags();
  tag.set_name(name);
  tag.set_value(value);
}

VolumeInfoAnswer VolumeOf(const std::string& name, uint64_t id, uint64_t size_bytes) {
  VolumeInfoAnswer info;
  Volume& volume = *info.mutable_volume();
  volume.set_id(id);
  volume.set_name(name);
  volume.set_global_id("sofia.one." + std::to_string(id));
  volume.set_size_bytes(size_bytes);
  volume.set_template_name("three");
  volume.set_template_id(1);
  volume.set_created_seconds(FakeAdmin::kNowSeconds - 3600);
  *info.mutable_template_() = Three();
  info.mutable_table()->set_chains(64);
  info.mutable_table()->set_replication(3);
  info.mutable_table()->set_place_head("default");
  info.mutable_table()->set_place_all("default");
  info.mutable_table()->set_place_tail("ssd");
  info.set_chunks(static_cast<uint32_t>(size_bytes / (32 << 20)));
  return info;
}

VolumeInfoAnswer SnapshotOf(const std::string& name, uint64_t id) {
  VolumeInfoAnswer info = VolumeOf(name, id, 100 * kGiB);
  Volume& snapshot = *info.mutable_volume();
  snapshot.set_snapshot(true);
  snapshot.set_on_volume(1);
  info.set_on_volume("db1");
  return info;
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
  service.set_up_since_seconds(FakeAdmin::kNowSeconds - seconds);
}

void Changed(ChangeAnswer* answer) { answer->set_generation(8); }

}  // namespace

std::vector<std::string> FakeAdmin::TakeRequests() { return std::exchange(requests_, {}); }

grpc::Status FakeAdmin::Asked(const char* method, const google::protobuf::Message& request,
                              const std::string& named) {
  const std::string text = request.ShortDebugString();
  requests_.push_back(std::string(method) + (text.empty() ? "" : " " + text));
  if (older_release) return {grpc::StatusCode::UNIMPLEMENTED, ""};
  if (unreachable_times > 0) {
    --unreachable_times;
    return {grpc::StatusCode::UNAVAILABLE, "connection reset"};
  }
  if (named == "missing") {
    return Error(grpc::StatusCode::NOT_FOUND, "objectDoesNotExist", "there is no missing");
  }
  if (named == "taken") {
    return Error(grpc::StatusCode::ALREADY_EXISTS, "objectExists", "there is a taken already");
  }
  if (named == "busy") {
    return Error(grpc::StatusCode::UNAVAILABLE, "busy", "volume busy is open at client 1", true);
  }
  if (named == "large") {
    return Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "insufficientResources", "no room");
  }
  return grpc::Status::OK;
}

// The body of a call that answers from what `fill` makes.
#define SP_ANSWER(method, Request, Answer, named, fill)                                          \
  grpc::Status FakeAdmin::method(grpc::ServerContext*, const Request* request, Answer* answer) { \
    const grpc::Status status = Asked(#method, *request, named);                                 \
    if (status.ok()) fill;                                                                       \
    return status;                                                                               \
  }

SP_ANSWER(ServiceForget, ServiceForgetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(DiskForget, DiskForgetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(PlacementGroupUpdate, PlacementGroupUpdateRequest, ChangeAnswer, request->name(),
          Changed(answer))
SP_ANSWER(PlacementGroupDelete, PlacementGroupDeleteRequest, ChangeAnswer, request->name(),
          Changed(answer))
SP_ANSWER(TemplateCreate, TemplateCreateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(TemplateUpdate, TemplateUpdateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(TemplateDelete, TemplateDeleteRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(DiskEject, DiskEjectRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(DiskUpdate, DiskUpdateRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(VolumeUpdate, VolumeUpdateRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeFreeze, VolumeFreezeRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeRevert, VolumeRevertRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(VolumeRebase, VolumeRebaseRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(Reassign, ReassignRequest, ChangeAnswer, request->entries(0).volume(), Changed(answer))
SP_ANSWER(RelocatorSet, RelocatorSetRequest, ChangeAnswer, "", Changed(answer))
SP_ANSWER(VolumeDelete, VolumeDeleteRequest, ChangeAnswer, request->name(), Changed(answer))
SP_ANSWER(Detach, DetachRequest, ChangeAnswer, request->volume(), Changed(answer))
#undef SP_ANSWER

grpc::Status FakeAdmin::Status(grpc::ServerContext*, const StatusRequest* request,
                               StatusAnswer* answer) {
  if (grpc::Status s = Asked("Status", *request); !s.ok()) return s;
  answer->set_healthy(healthy);
  answer->set_cluster_name("sofia.one");
  answer->set_cluster(
      std::string("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16));
  answer->set_summary("cluster sofia.one healthy: 3/3 nodes, 6/6 disks, 1/1 clients up, 1 volumes");
  answer->set_nodes(3);
  answer->set_nodes_up(healthy ? 3 : 2);
  answer->set_generation(7);
  if (!healthy) {
    answer->set_summary("cluster sofia.one not healthy: 2/3 nodes up; node 3 is down: start it");
    answer->add_reasons("node 3 is down: start it");
    answer->add_reasons("64 chains of template three lack a mirror: disks 301");
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::ServiceList(grpc::ServerContext*, const ServiceListRequest* request,
                                    ServiceListAnswer* answer) {
  if (grpc::Status s = Asked("ServiceList", *request); !s.ok()) return s;
  AddService("metadata", 0, "10.0.0.1:7480", true, 300'000, *answer);
  answer->mutable_services(0)->set_active(true);
  AddService("server", 1, "10.0.0.1:7481", true, 59, *answer);
  answer->mutable_services(1)->add_disks(101);
  answer->mutable_services(1)->add_disks(102);
  answer->mutable_services(1)->set_fault_set("rack1");
  AddService("server", 2, "10.0.0.2:7481", false, 0, *answer);
  AddService("client", 1, "10.0.0.1:10809", true, 3661, *answer);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::DiskList(grpc::ServerContext*, const DiskListRequest* request,
                                 DiskListAnswer* answer) {
  if (grpc::Status s = Asked("DiskList", *request); !s.ok()) return s;
  AddDisk(101, Disk::UP, *answer);
  AddDisk(201, Disk::UP, *answer);
  answer->mutable_disks(1)->set_chains_syncing(12);
  answer->mutable_disks(1)->set_syncing_bytes(5 * kGiB);
  AddDisk(301, Disk::EJECTED, *answer);
  answer->mutable_disks(2)->mutable_disk()->set_state_reason("write error at 4096");
  answer->mutable_disks(2)->mutable_disk()->set_soft_eject(Disk::SOFT_EJECT_ON);
  answer->mutable_disks(2)->mutable_disk()->set_description("left bay 3");
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::PlacementGroupList(grpc::ServerContext*,
                                           const PlacementGroupListRequest* request,
                                           PlacementGroupListAnswer* answer) {
  if (grpc::Status s = Asked("PlacementGroupList", *request, request->name()); !s.ok()) return s;
  PlacementGroup& group = *answer->add_groups();
  group.set_id(1);
  group.set_name(request->name().empty() ? "default" : request->name());
  for (const uint32_t disk : {101, 201, 301}) group.add_disks(disk);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::TemplateList(grpc::ServerContext*, const TemplateListRequest* request,
                                     TemplateListAnswer* answer) {
  if (grpc::Status s = Asked("TemplateList", *request, request->name()); !s.ok()) return s;
  TemplateInfo& info = *answer->add_templates();
  *info.mutable_template_() = Three();
  info.set_volumes(2);
  info.set_capacity_bytes(900 * kGiB);
  info.set_free_bytes(450 * kGiB);
  TemplateInfo& sized = *answer->add_templates();
  sized = info;
  sized.mutable_template_()->set_name("sized");
  sized.mutable_template_()->set_size_bytes(10 * kGiB);
  sized.mutable_template_()->mutable_limits()->set_iops(1000);
  sized.set_parent_name("golden-image");
  sized.set_snapshots(3);
  sized.set_snapshots_removing(1);
  sized.set_stored_bytes(20 * kGiB);
  sized.mutable_place_tail()->set_free_bytes(100 * kGiB);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeList(grpc::ServerContext*, const VolumeListRequest* request,
                                   VolumeListAnswer* answer) {
  if (grpc::Status s = Asked("VolumeList", *request); !s.ok()) return s;
  answer->set_generation(7);
  *answer->add_volumes() = VolumeOf("db1", 1, 100 * kGiB);
  VolumeInfoAnswer& web = *answer->add_volumes();
  web = VolumeOf("web.root", 2, kGiB + (kGiB >> 1));
  web.mutable_volume()->mutable_limits()->set_iops(1000);
  web.mutable_volume()->mutable_limits()->set_bandwidth_bytes(50 << 20);
  AddTag("backup", "daily", *web.mutable_volume());
  AddTag("vm", "17", *web.mutable_volume());
  web.set_parent_name("golden-image");
  web.set_migrating(true);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::SnapshotList(grpc::ServerContext*, const SnapshotListRequest* request,
                                     VolumeListAnswer* answer) {
  if (grpc::Status s = Asked("SnapshotList", *request, request->volume()); !s.ok()) return s;
  answer->set_generation(7);
  *answer->add_volumes() = SnapshotOf("db1-monday", 3);
  answer->mutable_volumes(0)->mutable_volume()->set_delete_at_seconds(kNowSeconds + 86400);
  VolumeInfoAnswer& automatic = *answer->add_volumes();
  automatic = SnapshotOf("db1@4", 4);
  automatic.set_parent_name("db1-monday");
  automatic.mutable_volume()->set_auto_name(true);
  automatic.mutable_volume()->set_bound(true);
  AddTag("vm", "17", *automatic.mutable_volume());
  VolumeInfoAnswer& deleted = *answer->add_volumes();
  deleted = SnapshotOf("db1-sunday", 5);
  deleted.mutable_volume()->set_deleted(true);
  deleted.set_on_volume("-");
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::SnapshotCreate(grpc::ServerContext*, const SnapshotCreateRequest* request,
                                       SnapshotCreateAnswer* answer) {
  if (grpc::Status s = Asked("SnapshotCreate", *request, request->volumes(0).volume()); !s.ok()) {
    return s;
  }
  answer->set_generation(8);
  uint64_t id = 6;
  for (const SnapshotCreateRequest::One& asked : request->volumes()) {
    SnapshotCreateAnswer::One& one = *answer->add_snapshots();
    one.set_volume(asked.volume());
    one.set_volume_global_id("sofia.one.1");
    one.set_auto_name(asked.name().empty());
    one.set_snapshot(one.auto_name() ? asked.volume() + "@" + std::to_string(id) : asked.name());
    one.set_snapshot_global_id("sofia.one." + std::to_string(id));
    one.set_snapshot_id(id++);
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::SpaceList(grpc::ServerContext*, const SpaceListRequest* request,
                                  SpaceListAnswer* answer) {
  const std::string named = request->names().empty() ? "" : request->names(0);
  if (grpc::Status s = Asked("SpaceList", *request, named); !s.ok()) return s;
  answer->set_generation(7);
  SpaceListAnswer::One& one = *answer->add_all();
  one.set_name(!named.empty() ? named : request->snapshots() ? "db1-monday" : "db1");
  one.set_global_id(request->snapshots() ? "sofia.one.3" : "sofia.one.1");
  one.set_snapshot(request->snapshots());
  one.set_size_bytes(100 * kGiB);
  one.set_stored_bytes(25 * kGiB);
  one.set_space_used_bytes(30 * kGiB);
  one.set_raw_bytes(75 * kGiB);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeDescribe(grpc::ServerContext*, const VolumeDescribeRequest* request,
                                       VolumeDescribeAnswer* answer) {
  if (grpc::Status s = Asked("VolumeDescribe", *request, request->name()); !s.ok()) return s;
  *answer->mutable_info() = VolumeOf(request->name(), 1, 96 << 20);
  for (const uint32_t disk : {101, 102}) {
    VolumeDescribeAnswer::Row& row = *answer->add_chains();
    for (const uint32_t of_node : {0, 100, 200}) row.add_wanted(disk + of_node);
    for (const uint32_t of_node : {0, 100}) row.add_disks(disk + of_node);
  }
  answer->set_first_chain(1);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeCreate(grpc::ServerContext*, const VolumeCreateRequest* request,
                                     VolumeCreateAnswer* answer) {
  if (grpc::Status s = Asked("VolumeCreate", *request, request->name()); !s.ok()) return s;
  answer->set_name(request->name());
  answer->set_global_id("sofia.one.3");
  answer->set_generation(8);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeInfo(grpc::ServerContext*, const VolumeInfoRequest* request,
                                   VolumeInfoAnswer* answer) {
  if (grpc::Status s = Asked("VolumeInfo", *request, request->name()); !s.ok()) return s;
  if (request->name() == "db1-monday") {
    *answer = SnapshotOf(request->name(), 3);
    answer->mutable_volume()->set_delete_at_seconds(kNowSeconds + 86400);
    return grpc::Status::OK;
  }
  *answer = VolumeOf(request->name(), 1, 100 * kGiB);
  Limits& limits = *answer->mutable_volume()->mutable_limits();
  limits.set_iops(10);
  limits.set_per_gib(true);
  answer->mutable_limits_in_force()->set_iops(1000);
  answer->set_snapshots(2);
  AddTag("vm", "17", *answer->mutable_volume());
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::VolumeStatus(grpc::ServerContext*, const VolumeStatusRequest* request,
                                     VolumeStatusAnswer* answer) {
  if (grpc::Status s = Asked("VolumeStatus", *request, request->name()); !s.ok()) return s;
  answer->set_generation(7);
  storpool::VolumeStatus& up = *answer->add_volumes();
  up.set_name(request->name().empty() ? "db1" : request->name());
  up.set_snapshot(request->name() == "db1-monday");
  up.set_global_id(up.snapshot() ? "sofia.one.3" : "sofia.one.1");
  up.set_size_bytes(100 * kGiB);
  up.set_replication(3);
  up.set_status("up");
  up.set_chains(64);
  if (!request->name().empty()) {
    if (work_times > 0) {
      --work_times;
      up.set_status("syncing");
      up.set_chains_syncing(1);
      up.set_syncing_bytes(kGiB * static_cast<uint64_t>(work_times + 1));
    } else if (!ends_well) {
      up.set_status("down");
      up.set_reason("disks 101 are gone");
    }
    return grpc::Status::OK;
  }
  storpool::VolumeStatus& syncing = *answer->add_volumes();
  syncing = up;
  syncing.set_name("web.root");
  syncing.set_global_id("sofia.one.2");
  syncing.set_status("syncing");
  syncing.set_chains_degraded(12);
  syncing.set_chains_syncing(12);
  syncing.set_syncing_bytes(3 * kGiB);
  syncing.add_missing_disks(301);
  syncing.set_chains_to_move(7);
  syncing.set_reason("disks 201 receive what they missed");
  storpool::VolumeStatus& deleting = *answer->add_volumes();
  deleting = up;
  deleting.set_name("db1-monday");
  deleting.set_global_id("sofia.one.3");
  deleting.set_snapshot(true);
  deleting.set_migrating(true);
  deleting.set_work("deleting");
  deleting.set_work_done(45);
  deleting.set_work_all(100);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::Attach(grpc::ServerContext*, const AttachRequest* request,
                               AttachAnswer* answer) {
  if (grpc::Status s = Asked("Attach", *request, request->volume()); !s.ok()) return s;
  answer->set_generation(8);
  if (!request->no_wait()) answer->set_device("nbd://10.0.0.1:10809/" + request->volume());
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::AttachList(grpc::ServerContext*, const AttachListRequest* request,
                                   AttachListAnswer* answer) {
  if (grpc::Status s = Asked("AttachList", *request); !s.ok()) return s;
  Attachment& there = *answer->add_attachments();
  there.set_volume(1);
  there.set_volume_name("db1");
  there.set_client(1);
  there.set_rights(READ_WRITE);
  there.set_granted(true);
  there.set_device("nbd://10.0.0.1:10809/db1");
  there.set_global_id("sofia.one.1");
  Attachment& soon = *answer->add_attachments();
  soon.set_volume(2);
  soon.set_volume_name("web.root");
  soon.set_client(2);
  soon.set_rights(READ_ONLY);
  soon.set_pos(1);
  soon.set_global_id("sofia.one.2");
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::ClientStatus(grpc::ServerContext*, const ClientStatusRequest* request,
                                     ClientStatusAnswer* answer) {
  if (grpc::Status s = Asked("ClientStatus", *request); !s.ok()) return s;
  for (const auto& [id, status] : {std::pair{1, "ok"}, {2, "updating"}}) {
    ClientStatusAnswer::One& one = *answer->add_clients();
    one.set_id(static_cast<uint32_t>(id));
    one.set_status(status);
    one.set_generation(8);
    one.set_client_generation(static_cast<uint64_t>(9 - id));
    one.set_delay_ms(12);
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::RelocatorStatus(grpc::ServerContext*, const RelocatorStatusRequest* request,
                                        RelocatorStatusAnswer* answer) {
  if (grpc::Status s = Asked("RelocatorStatus", *request); !s.ok()) return s;
  answer->set_on(ends_well);
  if (work_times == 0 && ends_well) return grpc::Status::OK;
  answer->set_volumes_to_relocate(2);
  answer->set_chains_to_move(64);
  answer->set_chains_moving(4);
  answer->set_bytes_done(kGiB);
  answer->set_bytes_left(3 * kGiB);
  if (work_times > 0) --work_times;
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::RelocatorDisks(grpc::ServerContext*, const RelocatorDisksRequest* request,
                                       RelocatorDisksAnswer* answer) {
  if (grpc::Status s = Asked("RelocatorDisks", *request, request->volume()); !s.ok()) return s;
  for (const uint32_t disk : {101, 201}) {
    RelocatorDisksAnswer::One& one = *answer->add_disks();
    one.set_disk(disk);
    one.set_node(disk / 100);
    one.set_up(disk == 101);
    one.set_chains(64);
    one.set_chains_target(48);
    one.set_stored_bytes(400 * kGiB);
    one.set_stored_target_bytes(300 * kGiB);
    one.set_to_recover_bytes(kGiB);
  }
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::TaskList(grpc::ServerContext*, const TaskListRequest* request,
                                 TaskListAnswer* answer) {
  if (grpc::Status s = Asked("TaskList", *request); !s.ok()) return s;
  Task& recovery = *answer->add_tasks();
  recovery.set_kind("recovery");
  recovery.set_disk(201);
  recovery.set_all(200);
  recovery.set_completed(50);
  recovery.set_bytes_left(3 * kGiB);
  Task& deletion = *answer->add_tasks();
  deletion.set_kind("delete");
  deletion.set_name("db1-monday");
  deletion.set_all(3200);
  deletion.set_completed(1600);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::MetadataBackup(grpc::ServerContext*, const MetadataBackupRequest* request,
                                       grpc::ServerWriter<MetadataBackupPiece>* writer) {
  if (grpc::Status s = Asked("MetadataBackup", *request); !s.ok()) return s;
  for (const char* text : {"first ", "second"}) {
    MetadataBackupPiece piece;
    piece.set_data(text);
    writer->Write(piece);
  }
  return grpc::Status::OK;
}

}  // namespace storpool::cli
