// Volumes and snapshots by name, by global id, by client; and as they are shown.
#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

absl::Status NoSuch(std::string_view what, std::string_view name) {
  return ObjectDoesNotExist(absl::StrCat(std::string(what), " '", std::string(name),
                                         "' does not exist; '", std::string(what),
                                         " list' shows all"));
}

// The number behind "location.cluster."; 0 if it is none of this cluster.
uint64_t NumberOf(std::string_view global_id, const std::string& cluster) {
  if (!global_id.starts_with(cluster) || global_id.size() <= cluster.size() + 1) return 0;
  if (global_id[cluster.size()] != '.') return 0;
  uint64_t number = 0;
  for (char c : global_id.substr(cluster.size() + 1)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'z')) return 0;
    const uint64_t value = static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
    if (number > (UINT64_MAX - value) / 36) return 0;
    number = number * 36 + value;
  }
  return number;
}

}  // namespace

absl::StatusOr<Volume> State::FindVolume(std::string_view name) const {
  const Volume* found = nullptr;
  if (name.starts_with('~')) {
    found = volumes_.Find(NumberOf(name.substr(1), cluster_.name()));
    if (found != nullptr && (found->deleted() || found->global_id() != name.substr(1))) {
      found = nullptr;
    }
  } else if (const auto it = names_.find(name); it != names_.end()) {
    found = volumes_.Find(it->second);
  }
  if (found == nullptr) return NoSuch("volume", name);
  return *found;
}

absl::StatusOr<Volume> State::FindVolume(std::string_view name, bool snapshot) const {
  absl::StatusOr<Volume> found = FindVolume(name);
  const std::string_view what = snapshot ? "snapshot" : "volume";
  if (!found.ok()) return NoSuch(what, name);
  if (found->snapshot() == snapshot) return found;
  return ObjectDoesNotExist(absl::StrCat(std::string(what), " '", std::string(name),
                                         "' does not exist: that is a ",
                                         snapshot ? "volume" : "snapshot"));
}

absl::StatusOr<Volume> State::FindAttachable(std::string_view name, bool snapshot) const {
  return snapshot ? FindVolume(name, true) : FindVolume(name);
}

absl::Status State::CheckName(const std::string& name, bool snapshot) const {
  if (name.empty()) return absl::OkStatus();  // its global id names it
  const absl::Status valid =
      snapshot ? model::ValidateSnapshotName(name) : model::ValidateVolumeName(name);
  if (!valid.ok()) return InvalidParam(std::string(valid.message()));
  const auto it = names_.find(name);
  if (it == names_.end()) return absl::OkStatus();
  const Volume* other = volumes_.Find(it->second);
  return ObjectExists(absl::StrCat(other == nullptr || other->snapshot() ? "snapshot " : "volume ",
                                   name, " exists"));
}

Volume State::Shown(const Volume& volume) const {
  Volume shown = volume;
  if (const Template* t = templates_.Find(volume.template_id())) shown.set_template_name(t->name());
  shown.set_name(NameOf(volume));
  return shown;
}

Attachment State::Shown(const AttachmentRecord& record) const {
  Attachment shown = record.attachment();
  const Volume& volume = *volumes_.Find(shown.volume());
  shown.set_volume_name(NameOf(volume));
  shown.set_global_id(volume.global_id());
  shown.set_snapshot(volume.snapshot());
  return shown;
}

void State::IndexVolumes() {
  names_.clear();
  expiring_.clear();
  by_client_.clear();
  behind_.clear();
  operations_of_.clear();
  clones_.clear();
  lines_on_.clear();
  layer_changes_.clear();
  for (const auto& [id, volume] : volumes_.all()) AddToIndex(volume);
  for (const auto& [id, line] : lines_.all()) {
    ++lines_on_[line.table()];
    if (line.has_foreign_parent()) {
      clones_.insert({line.parent_lineage(), line.parent_layer(), id});
    }
  }
  for (const auto& [key, layer] : layers_.all()) {
    layer_changes_.insert({key.first, layer.changed(), static_cast<uint32_t>(key.second)});
  }
  for (const auto& [key, record] : attachments_.all()) {
    by_client_.insert({key.second, key.first});
    FindBehind(key.first);
  }
  for (const auto& [id, operation] : operations_.all()) IndexOperation(operation);
}

void State::AddToIndex(const Volume& volume) {
  if (volume.deleted()) return;
  if (!volume.name().empty()) names_[volume.name()] = volume.id();
  if (volume.delete_at_seconds() != 0) expiring_.insert({volume.delete_at_seconds(), volume.id()});
}

void State::TakeFromIndex(const Volume& volume) {
  if (volume.deleted()) return;
  names_.erase(volume.name());
  expiring_.erase({volume.delete_at_seconds(), volume.id()});
}

void State::IndexOperation(const OperationRecord& record) {
  for (const auto& one : record.snapshots()) {
    operations_of_[one.snapshot().lineage()] = record.id();
    if (!one.snapshot().name().empty()) names_[one.snapshot().name()] = one.snapshot().id();
  }
  const std::string& clone = record.clone().create().name();
  if (!clone.empty()) names_[clone] = record.clone_id();
}

void State::PutVolume(const Volume& volume) {
  if (const Volume* known = volumes_.Find(volume.id())) TakeFromIndex(*known);
  AddToIndex(volume);
  volumes_.Put(volume.id(), volume);
}

void State::EraseVolume(uint64_t id) {
  const Volume* known = volumes_.Find(id);
  if (known == nullptr) return;
  TakeFromIndex(*known);
  volumes_.Erase(id);
}

void State::TouchVolume(uint64_t id, Outcome& out) {
  auto it = attachments_.all().lower_bound({id, 0});
  for (; it != attachments_.all().end() && it->first.first == id; ++it) {
    TouchAttachments(it->first.second, out);
  }
}

}  // namespace storpool::metadata
