#include "lib/metadata/state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"

namespace storpool::metadata {

State::State(env::KeyValueStore& store)
    : store_(store),
      nodes_("node/", batch_),
      disks_("disk/", batch_),
      clients_("client/", batch_),
      groups_("group/", batch_),
      templates_("template/", batch_),
      tables_("table/", batch_),
      chains_("chain/", batch_),
      volumes_("volume/", batch_),
      lines_("line/", batch_),
      layers_("layer/", batch_),
      removed_("removed/", batch_),
      lost_lines_("lost/", batch_),
      operations_("operation/", batch_),
      fills_("fill/", batch_),
      buckets_("bucket/", batch_),
      attachments_("attachment/", batch_),
      fences_("fence/", batch_),
      drops_("drop/", batch_),
      formers_("former/", batch_) {}

absl::Status State::Load() {
  SP_RETURN_IF_ERROR(nodes_.Load(store_));
  SP_RETURN_IF_ERROR(disks_.Load(store_));
  SP_RETURN_IF_ERROR(clients_.Load(store_));
  SP_RETURN_IF_ERROR(groups_.Load(store_));
  SP_RETURN_IF_ERROR(templates_.Load(store_));
  SP_RETURN_IF_ERROR(tables_.Load(store_));
  SP_RETURN_IF_ERROR(chains_.Load(store_));
  SP_RETURN_IF_ERROR(volumes_.Load(store_));
  SP_RETURN_IF_ERROR(lines_.Load(store_));
  SP_RETURN_IF_ERROR(layers_.Load(store_));
  SP_RETURN_IF_ERROR(removed_.Load(store_));
  SP_RETURN_IF_ERROR(lost_lines_.Load(store_));
  SP_RETURN_IF_ERROR(operations_.Load(store_));
  SP_RETURN_IF_ERROR(fills_.Load(store_));
  SP_RETURN_IF_ERROR(buckets_.Load(store_));
  SP_RETURN_IF_ERROR(attachments_.Load(store_));
  SP_RETURN_IF_ERROR(fences_.Load(store_));
  SP_RETURN_IF_ERROR(drops_.Load(store_));
  SP_RETURN_IF_ERROR(formers_.Load(store_));
  IndexVolumes();
  applied_ = 0;
  cluster_.Clear();
  sections_.clear();
  const auto applied = store_.Get(kAppliedKey);
  if (applied.ok() && !DecodeKey(*applied, applied_)) {
    return absl::DataLossError("metadata store: the applied index is damaged; restore a backup");
  }
  if (!applied.ok() && !absl::IsNotFound(applied.status())) return applied.status();
  const auto cluster = store_.Get(kClusterKey);
  if (cluster.ok() && !cluster_.ParseFromString(*cluster)) {
    return absl::DataLossError("metadata store: the cluster record is damaged; restore a backup");
  }
  if (!cluster.ok() && !absl::IsNotFound(cluster.status())) return cluster.status();
  const std::string prefix = kSectionPrefix;
  return store_.Scan(prefix, [&](std::string_view key, std::string_view value) {
    uint64_t version = 0;
    if (DecodeKey(value, version)) sections_[std::string(key.substr(prefix.size()))] = version;
    return true;
  });
}

Outcome State::Apply(uint64_t index, const Command& command) {
  SP_CHECK(index == applied_ + 1);
  batch_.Clear();
  index_ = index;
  Outcome out;
  out.status = Dispatch(command, out);
  if (out.status.ok()) NameFenced(out);
  SP_CHECK(out.status.ok() || batch_.empty());  // what fails changes nothing
  out.result.set_generation(cluster_.generation());
  batch_.Put(kAppliedKey, EncodeKey(index));
  applied_ = index;
  if (absl::Status written = store_.Write(batch_, false); !written.ok()) {
    out.status = absl::DataLossError(
        absl::StrCat("metadata store: a write failed (", std::string(written.message()),
                     "); the daemon must stop, the log has everything"));
  }
  batch_.Clear();
  return out;
}

absl::Status State::Sync() {
  env::KeyValueBatch batch;
  batch.Put(kAppliedKey, EncodeKey(applied_));
  return store_.Write(batch, true);
}

absl::Status State::Dispatch(const Command& command, Outcome& out) {
  if (!initialized() && command.what_case() != Command::kInit) {
    return absl::FailedPreconditionError(
        "there is no cluster yet; make one with 'storpoolctl metadata init'");
  }
  SP_RETURN_IF_ERROR(CheckRestored(command));
  switch (command.what_case()) {
    case Command::kInit:
      return Do(command.init(), out);
    case Command::kNodeJoined:
      return Do(command.node_joined(), out);
    case Command::kClientJoined:
      return Do(command.client_joined(), out);
    case Command::kChangeMembers:
      return Do(command.change_members(), out);
    case Command::kOpenChains:
      return Do(command.open_chains(), out);
    case Command::kForgetDisk:
      return Do(command.forget_disk(), out);
    case Command::kUpdateGroup:
      return Do(command.update_group(), out);
    case Command::kDeleteGroup:
      return Do(command.delete_group(), out);
    case Command::kCreateTemplate:
      return Do(command.create_template(), out);
    case Command::kUpdateTemplate:
      return Do(command.update_template(), out);
    case Command::kDeleteTemplate:
      return Do(command.delete_template(), out);
    case Command::kFenceDone:
      return Do(command.fence_done(), out);
    case Command::kDropsDone:
      return Do(command.drops_done(), out);
    case Command::kLinesFound:
      return Do(command.lines_found(), out);
    case Command::kForgetService:
      return Do(command.forget_service(), out);
    case Command::kEjectDisk:
      return Do(command.eject_disk(), out);
    case Command::kUpdateDisk:
      return Do(command.update_disk(), out);
    case Command::kSetRelocator:
      return Do(command.set_relocator(), out);
    default:
      return DispatchOfVolumes(command, out);
  }
}

absl::Status State::DispatchOfVolumes(const Command& command, Outcome& out) {
  switch (command.what_case()) {
    case Command::kCreateVolume:
      return Do(command.create_volume(), out);
    case Command::kUpdateVolume:
      return Do(command.update_volume(), out);
    case Command::kDeleteVolume:
      return Do(command.delete_volume(), out);
    case Command::kAttach:
      return Do(command.attach(), out);
    case Command::kDetach:
      return Do(command.detach(), out);
    case Command::kAttachmentChanged:
      return Do(command.attachment_changed(), out);
    case Command::kReassign:
      return Do(command.reassign(), out);
    case Command::kCreateSnapshots:
      return Do(command.create_snapshots(), out);
    case Command::kSealSnapshots:
      return Do(command.seal_snapshots(), out);
    case Command::kAbortSnapshots:
      return Do(command.abort_snapshots(), out);
    case Command::kSessionMoved:
      return Do(command.session_moved(), out);
    case Command::kRenewSession:
      return Do(command.renew_session(), out);
    case Command::kFreezeVolume:
      return Do(command.freeze_volume(), out);
    case Command::kDeleteExpired:
      return Do(command.delete_expired(), out);
    case Command::kRevertVolume:
      return Do(command.revert_volume(), out);
    case Command::kRebaseVolume:
      return Do(command.rebase_volume(), out);
    case Command::kFillChanged:
      return Do(command.fill_changed(), out);
    case Command::kRetireLayers:
      return Do(command.retire_layers(), out);
    case Command::kKeyValue:
      return Do(command.key_value(), out);
    default:
      return absl::UnimplementedError("a command of a newer version of metadata");
  }
}

void State::Touch(const std::string& section, Outcome& out) {
  out.events.sections.insert(section);
  sections_[section] = Now();
  batch_.Put(kSectionPrefix + section, EncodeKey(Now()));
}

void State::TouchAttachments(uint64_t client, Outcome& out) {
  Touch(absl::StrCat("attachments/", client), out);
}

void State::PutCluster(const ClusterRecord& record) {
  cluster_ = record;
  batch_.Put(kClusterKey, record.SerializeAsString());
}

void State::BumpGeneration(Outcome& out) {
  ClusterRecord record = cluster_;
  record.set_generation(record.generation() + 1);
  PutCluster(record);
  out.result.set_changed(true);
}

uint64_t State::SectionVersion(const std::string& name) const {
  const auto it = sections_.find(name);
  return it == sections_.end() ? 0 : it->second;
}

const PlacementGroup* State::FindGroup(std::string_view name) const {
  for (const auto& [id, group] : groups_.all()) {
    if (group.name() == name) return &group;
  }
  return nullptr;
}

const Template* State::FindTemplate(std::string_view name) const {
  for (const auto& [id, t] : templates_.all()) {
    if (t.name() == name) return &t;
  }
  return nullptr;
}

std::vector<uint32_t> State::ChainsOfDisk(uint32_t disk) const {
  std::vector<uint32_t> result;
  for (const auto& [raw, chain] : chains_.all()) {
    for (const ChainMember& m : chain.config().named().members()) {
      if (m.disk() == disk) result.push_back(static_cast<uint32_t>(raw));
    }
  }
  return result;
}

std::vector<uint32_t> State::ChainsOfTable(uint32_t table) const {
  std::vector<uint32_t> result;
  const Table* t = tables_.Find(table);
  const uint32_t chains = t == nullptr ? 0 : t->chains();
  for (uint32_t i = 0; i < chains; ++i) result.push_back(table << 16 | i);
  return result;
}

}  // namespace storpool::metadata
