// Commands about snapshots, and about what volumes and snapshots hold.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {

void Admin::Call(const SnapshotCreateRequest& request, Done<SnapshotCreateAnswer> done) {
  metadata::Command command;
  metadata::CreateSnapshots& create = *command.mutable_create_snapshots();
  *create.mutable_create() = request;
  create.set_now_seconds(clock_.WallSeconds());
  if (const absl::Status s = ResolveDeleteTime(*create.mutable_create()); !s.ok()) return done(s);
  auto created = [this, done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    metadata::Caller caller = done.caller();
    auto report = [this, r = *r, done = std::move(done)](const absl::Status& waited) mutable {
      if (!waited.ok()) return done(waited);
      SnapshotCreateAnswer answer;
      for (const uint64_t id : r.snapshots()) {
        const Volume* snapshot = state().FindVolume(id);
        if (snapshot == nullptr) return done(FailureOf(r.operation()));
        SnapshotCreateAnswer::One& one = *answer.add_snapshots();
        if (const Volume* volume = state().FindVolume(snapshot->on_volume())) {
          one.set_volume(metadata::NameOf(*volume));
          one.set_volume_global_id(volume->global_id());
        }
        one.set_snapshot(metadata::NameOf(*snapshot));
        one.set_snapshot_global_id(snapshot->global_id());
        one.set_snapshot_id(id);
        one.set_auto_name(snapshot->auto_name());
        one.set_pause_us(static_cast<uint64_t>(live().pause(id).nanos() / 1000));
      }
      answer.set_generation(generation());
      done(std::move(answer));
    };
    AfterOperation(r->operation(), std::move(caller), std::move(report));
  };
  leader_.Propose(std::move(command), std::move(created));
}

namespace {

// Of a line, from its oldest layer up to `layer`.
uint64_t StoredUpTo(const metadata::Leader::Space& space, uint64_t lineage, uint32_t layer) {
  uint64_t sum = 0;
  auto it = space.layers.lower_bound({lineage, 0});
  const auto end = space.layers.upper_bound({lineage, layer});
  for (; it != end; ++it) sum += it->second.stored_bytes();
  return sum;
}

void AddSpace(const metadata::State& state, const metadata::Leader::Space& space,
              const Volume& volume, SpaceListAnswer& answer) {
  SpaceListAnswer::One& one = *answer.add_all();
  one.set_name(metadata::NameOf(volume));
  one.set_global_id(volume.global_id());
  one.set_snapshot(volume.snapshot());
  one.set_size_bytes(volume.size_bytes());
  uint64_t lineage = volume.lineage();
  uint32_t layer = volume.snapshot() ? volume.layer() : state.NewestLayer(lineage);
  const auto own = space.layers.find({lineage, layer});
  if (own != space.layers.end()) one.set_stored_bytes(own->second.stored_bytes());
  const Table& table = *state.FindTable(state.FindLine(lineage)->table());
  one.set_raw_bytes(one.stored_bytes() * table.replication());
  if (volume.snapshot()) {
    if (own != space.layers.end()) one.set_space_used_bytes(own->second.freed_bytes());
    return;
  }
  uint64_t used = StoredUpTo(space, lineage, layer);
  const Line* line = state.FindLine(lineage);
  while (line != nullptr && line->has_foreign_parent()) {
    used += StoredUpTo(space, line->parent_lineage(), line->parent_layer());
    line = state.FindLine(line->parent_lineage());
  }
  one.set_space_used_bytes(used);
}

}  // namespace

void Admin::Call(const SpaceListRequest& request, Done<SpaceListAnswer> done) {
  std::vector<uint64_t> wanted;
  std::set<uint64_t> lineages;
  if (request.names().empty()) {
    for (const Volume* volume : ByName(request.snapshots())) wanted.push_back(volume->id());
  }
  for (const std::string& name : request.names()) {
    const absl::StatusOr<Volume> volume = state().FindVolume(name, request.snapshots());
    if (!volume.ok()) return done(volume.status());
    wanted.push_back(volume->id());
  }
  for (const uint64_t id : wanted) {
    const uint64_t lineage = state().FindVolume(id)->lineage();
    lineages.insert(lineage);
    if (request.snapshots()) continue;
    for (const uint64_t ancestor : state().Ancestors(lineage)) lineages.insert(ancestor);
  }
  metadata::Caller caller = done.caller();
  auto report = [this, wanted, done = std::move(done)](
                    const absl::StatusOr<metadata::Leader::Space>& counted) mutable {
    if (!counted.ok()) return done(counted.status());
    const metadata::Leader::Space& space = *counted;
    SpaceListAnswer answer;
    for (const uint64_t id : wanted) {
      const Volume* volume = state().FindVolume(id);  // it may be gone by now
      if (volume != nullptr) AddSpace(state(), space, *volume, answer);
    }
    answer.set_missing(space.missing);
    answer.set_generation(generation());
    done(std::move(answer));
  };
  leader_.AskSpace(lineages, std::move(report), std::move(caller));
}

}  // namespace storpool::api
