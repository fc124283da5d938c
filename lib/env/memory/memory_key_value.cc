#include "lib/env/memory/memory_key_value.h"

#include "absl/strings/str_cat.h"

namespace storpool::env {

absl::StatusOr<std::string> MemoryKeyValueStore::Get(std::string_view key) const {
  const auto it = present_.find(key);
  if (it != present_.end()) return it->second;
  return absl::NotFoundError(absl::StrCat("no key \"", std::string(key), "\""));
}

absl::Status MemoryKeyValueStore::Write(const KeyValueBatch& batch, bool sync) {
  Apply(batch, &present_);
  unsynced_.push_back(batch);
  if (!sync) return absl::OkStatus();
  for (const KeyValueBatch& b : unsynced_) Apply(b, &durable_);
  unsynced_.clear();
  return absl::OkStatus();
}

absl::Status MemoryKeyValueStore::Scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& fn) const {
  for (auto it = present_.lower_bound(prefix); it != present_.end(); ++it) {
    if (!it->first.starts_with(prefix) || !fn(it->first, it->second)) break;
  }
  return absl::OkStatus();
}

void MemoryKeyValueStore::PowerCut(Random& random) {
  const uint64_t kept = random.Below(unsynced_.size() + 1);
  for (uint64_t i = 0; i < kept; ++i) Apply(unsynced_[i], &durable_);
  unsynced_.clear();
  present_ = durable_;
}

void MemoryKeyValueStore::Apply(const KeyValueBatch& batch, Map* map) {
  for (const KeyValueBatch::Change& change : batch.changes()) {
    if (change.value.has_value()) {
      (*map)[change.key] = *change.value;
    } else {
      map->erase(change.key);
    }
  }
}

}  // namespace storpool::env
