// Commands about moves: what is under way, what is to come, on and off.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "lib/api/admin.h"
#include "lib/metadata/relocation.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {
namespace {

bool IsArriving(const metadata::ChainRecord& record, uint32_t disk) {
  const auto& arriving = record.arriving();
  return std::find(arriving.begin(), arriving.end(), disk) != arriving.end();
}

bool Serves(const metadata::ChainRecord& record, uint32_t disk) {
  return std::ranges::any_of(record.config().named().members(), [&](const ChainMember& m) {
    return m.disk() == disk && m.role() == CHAIN_ROLE_SERVING;
  });
}

// Deletions of snapshots, one a line, and fills of clones; in chunks.
void AddLayerTasks(const metadata::Leader& leader, TaskListAnswer& answer) {
  const metadata::State& state = leader.state();
  uint64_t line = 0;
  for (const auto& [key, removed] : state.removed_layers()) {
    const Volume* snapshot = state.FindVolume(removed.snapshot());
    if (key.first == line || snapshot == nullptr) continue;
    line = key.first;
    const metadata::LineProgress::Work work = leader.lines().WorkOn(line);
    Task& task = *answer.add_tasks();
    task.set_kind("delete");
    task.set_name(metadata::NameOf(*snapshot));
    task.set_all(work.all);
    task.set_completed(work.all - work.left);
  }
  for (const auto& [lineage, fill] : state.fills()) {
    const Volume* volume = state.FindVolume(fill.volume());
    if (fill.done() || volume == nullptr) continue;
    Task& task = *answer.add_tasks();
    task.set_kind("fill");
    task.set_name(metadata::NameOf(*volume));
    task.set_all(fill.end());
    task.set_completed(fill.next());
  }
}

}  // namespace

void Admin::Call(const RelocatorStatusRequest&, Done<RelocatorStatusAnswer> done) {
  RelocatorStatusAnswer answer;
  answer.set_on(!state().cluster().relocator_off());
  answer.set_blocked(live().relocation_blocked());
  std::set<uint32_t> tables, disks;
  for (const auto& [raw, record] : state().chains()) {
    if (!metadata::IsToMove(record)) continue;
    tables.insert(static_cast<uint32_t>(raw >> 16));
    answer.set_chains_to_move(answer.chains_to_move() + 1);
    if (!metadata::IsMoving(record)) continue;
    answer.set_chains_moving(answer.chains_moving() + 1);
    for (const ChainMember& m : record.config().named().members()) {
      const bool comes = IsArriving(record, m.disk());
      const ResyncLeft* left = live().resync(static_cast<uint32_t>(raw), m.disk());
      if (comes && left != nullptr) {
        answer.set_bytes_done(answer.bytes_done() + left->done_bytes());
        answer.set_bytes_left(answer.bytes_left() + left->left_bytes());
      }
      disks.insert(m.disk());
    }
  }
  for (const auto& [id, volume] : state().volumes()) {
    const Line* line = state().FindLine(volume.lineage());
    if (line != nullptr && tables.contains(line->table())) {
      answer.set_volumes_to_relocate(answer.volumes_to_relocate() + 1);
    }
  }
  for (const uint32_t disk : disks) answer.add_disks(disk);
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const RelocatorSetRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  command.mutable_set_relocator()->set_on(request.on());
  Change(std::move(command), std::move(done));
}

void Admin::Call(const RelocatorDisksRequest& request, Done<RelocatorDisksAnswer> done) {
  uint32_t table = 0;  // 0: all
  if (!request.volume().empty()) {
    const absl::StatusOr<Volume> volume = Find(request.volume(), request);
    if (!volume.ok()) return done(volume.status());
    table = state().FindLine(volume->lineage())->table();
  }
  const metadata::ChainSizes sizes(state(), live());
  std::map<uint32_t, RelocatorDisksAnswer::One> all;
  for (const auto& [id, record] : state().disks()) {
    RelocatorDisksAnswer::One& one = all[record.disk().id()];
    one.set_disk(record.disk().id());
    one.set_node(record.disk().node());
    one.set_up(record.disk().state() == Disk::UP);
    if (!one.up()) one.set_left_generation(record.left_generation());
  }
  for (const auto& [raw, record] : state().chains()) {
    if (table != 0 && raw >> 16 != table) continue;
    const uint64_t bytes = sizes.Of(record);
    for (const ChainMember& m : record.config().named().members()) {
      if (m.role() != CHAIN_ROLE_SERVING || !all.contains(m.disk())) continue;
      RelocatorDisksAnswer::One& one = all[m.disk()];
      one.set_chains(one.chains() + 1);
      one.set_stored_bytes(one.stored_bytes() + bytes);
    }
    for (const uint32_t disk : record.desired()) {
      if (!all.contains(disk)) continue;
      RelocatorDisksAnswer::One& one = all[disk];
      one.set_chains_target(one.chains_target() + 1);
      one.set_stored_target_bytes(one.stored_target_bytes() + bytes);
      if (Serves(record, disk)) continue;
      const ResyncLeft* left = live().resync(static_cast<uint32_t>(raw), disk);
      one.set_to_recover_bytes(one.to_recover_bytes() +
                               (left == nullptr ? bytes : left->left_bytes()));
    }
  }
  RelocatorDisksAnswer answer;
  for (auto& [id, one] : all) *answer.add_disks() = std::move(one);
  answer.set_generation(generation());
  done(std::move(answer));
}

// One for each disk that receives something, and kind.
void Admin::Call(const TaskListRequest&, Done<TaskListAnswer> done) {
  std::map<std::pair<uint32_t, bool>, Task> tasks;
  for (const auto& [raw, record] : state().chains()) {
    const ChainConfig& named = record.config().named();
    for (const ChainMember& m : named.members()) {
      const ResyncLeft* left = live().resync(static_cast<uint32_t>(raw), m.disk());
      if (m.role() != CHAIN_ROLE_SYNCING || left == nullptr) continue;
      const bool moves = IsArriving(record, m.disk());
      Task& task = tasks[{m.disk(), moves}];
      task.set_kind(moves ? "relocator" : "recovery");
      task.set_disk(m.disk());
      const uint64_t completed = left->done_bytes() / kChunkBytes;
      const uint64_t remains = (left->left_bytes() + kChunkBytes - 1) / kChunkBytes;
      task.set_completed(task.completed() + completed);
      task.set_all(task.all() + completed + remains);
      task.set_bytes_left(task.bytes_left() + left->left_bytes());
    }
  }
  TaskListAnswer answer;
  for (auto& [key, task] : tasks) *answer.add_tasks() = std::move(task);
  AddLayerTasks(leader_, answer);
  answer.set_generation(generation());
  done(std::move(answer));
}

}  // namespace storpool::api
