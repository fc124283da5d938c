#include "lib/chain/invariants.h"

#include <algorithm>

namespace storpool::chain {

Invariants::Invariants(World& world) : world_(world) { world.watcher = this; }

bool Invariants::IsVoided(Version version) const {
  return std::any_of(opened_.begin(), opened_.end(), [&](const model::ChainConfig& c) {
    return version.epoch() < c.epoch && version > c.opened_at;
  });
}

size_t Invariants::voided() const {
  return static_cast<size_t>(std::count_if(ordered_.begin(), ordered_.end(),
                                           [&](const auto& item) { return IsVoided(item.first); }));
}

size_t Invariants::empty() const {
  return static_cast<size_t>(std::count_if(ordered_.begin(), ordered_.end(), [](const auto& item) {
    return item.second.kind == EntryKind::kEmpty;
  }));
}

const Entry* Invariants::Ordered(Version version) const {
  const auto it = ordered_.find(version);
  return it == ordered_.end() ? nullptr : &it->second;
}

const model::ChainConfig* Invariants::OpenedConfig(Epoch epoch) const {
  for (const model::ChainConfig& config : opened_) {
    if (config.epoch == epoch) return &config;
  }
  return nullptr;
}

bool Invariants::IsCommitted(const Session& session, uint64_t number) const {
  const auto it = requests_.find({session, number});
  return it != requests_.end() && !IsVoided(it->second) && it->second <= committed_;
}

void Invariants::OnEffect(DiskId disk, const Effect& effect) {
  if (const auto* persist = std::get_if<Persist>(&effect)) {
    if (const auto* append = std::get_if<AppendEntry>(&persist->record)) {
      if (append->entry.arrival == Arrival::kPending) OnOrdered(append->entry);
    }
    if (const auto* gone = std::get_if<AppendVoid>(&persist->record)) {
      if (gone->above < world_.store(disk).content().record.committed) {
        Violated("I7: " + DiskName(disk) + " voids above " + ToString(gone->above) +
                 ", below its W");
      }
    }
  } else if (const auto* w = std::get_if<SetCommitted>(&effect)) {
    OnCommitted(disk, w->committed);
  } else if (const auto* answer = std::get_if<AnswerWrite>(&effect)) {
    const wire::WriteAnswer& a = answer->relay.answer;
    if (a.result != wire::Result::kOk) return;
    acknowledged_[{a.session, a.number}] = true;
    if (!IsCommitted(a.session, a.number)) {
      Violated("I1: request " + std::to_string(a.number) + " of " + ToString(a.session) +
               " was acknowledged, but is not committed");
    }
  }
}

void Invariants::OnOrdered(const Entry& entry) {
  if (ordered_.contains(entry.version)) return;
  Entry kept = entry;
  kept.payload = entry.payload.empty() ? Buffer() : entry.payload;
  ordered_[entry.version] = kept;
  for (uint32_t b = entry.place.blocks.first; b < entry.place.blocks.end(); ++b) {
    if (entry.kind != EntryKind::kEmpty) blocks_[b].push_back(entry.version);
  }
  // What a level-out has voided was ordered by nobody.
  LayerId& newest = newest_layer_[entry.place.lineage];
  const bool older = entry.place.layer < newest &&
                     std::any_of(ordered_.begin(), ordered_.end(), [&](const auto& other) {
                       return other.second.place.lineage == entry.place.lineage &&
                              other.second.place.layer > entry.place.layer &&
                              !IsVoided(other.first);
                     });
  if (older) Violated("I9: " + ToString(entry.version) + " is ordered in an older layer");
  newest = std::max(newest, entry.place.layer);
  if (entry.number == 0) return;
  Version& version = requests_[{entry.session, entry.number}];
  if (version != Version() && !IsVoided(version)) {
    Violated("exactly once: request " + std::to_string(entry.number) + " of " +
             ToString(entry.session) + " is ordered as " + ToString(version) + " and as " +
             ToString(entry.version));
  }
  version = entry.version;
}

void Invariants::OnCommitted(DiskId disk, Version committed) {
  if (committed <= committed_) return;
  const Epoch epoch = world_.replica(disk).status().epoch;
  const model::ChainConfig* config = OpenedConfig(epoch);
  if (config == nullptr) {
    return Violated("I2: " + DiskName(disk) + " commits " + ToString(committed) +
                    " in an epoch that is not opened");
  }
  for (const model::ChainConfig& newer : opened_) {
    if (newer.epoch > epoch && committed > newer.opened_at) {
      Violated("I2: " + DiskName(disk) + " commits " + ToString(committed) + " in epoch " +
               std::to_string(epoch.value()) + " after a newer one opened");
    }
  }
  CommitTo(committed, *config);
}

void Invariants::CommitTo(Version committed, const model::ChainConfig& config) {
  for (auto it = ordered_.upper_bound(committed_); it != ordered_.end() && it->first <= committed;
       ++it) {
    if (IsVoided(it->first)) continue;
    const Entry& entry = it->second;
    for (const model::Member& m : config.members) {
      if (m.role != model::Role::kServing) continue;
      if (entry.kind == EntryKind::kEmpty) continue;
      if (!world_.store(m.disk).durable().Has(it->first, entry.place)) {
        Violated("I6: " + ToString(it->first) + " is committed, but " + DiskName(m.disk) +
                 " lacks it");
      }
    }
    const auto granted = granted_.find(entry.session.client);
    if (granted != granted_.end() && entry.session.generation < granted->second) {
      Violated("fence: " + ToString(it->first) + " of " + ToString(entry.session) +
               " is committed after a newer generation was granted");
    }
  }
  committed_ = std::max(committed_, committed);
}

void Invariants::OnOpened(const model::ChainConfig& opened) {
  if (opened.opened_at < committed_) {
    Violated("I1: epoch " + std::to_string(opened.epoch.value()) + " opens at " +
             ToString(opened.opened_at) + ", below " + ToString(committed_) +
             ", which is committed");
  }
  opened_.push_back(opened);
  CommitTo(opened.opened_at, opened);
}

void Invariants::CheckDisks() {
  if (opened_.empty()) return;
  const model::ChainConfig& config = opened_.back();
  std::map<BlockKey, std::map<Version, uint32_t>> seen;
  for (const model::Member& m : config.members) {
    if (m.role != model::Role::kServing) continue;
    const StoreContent& disk = world_.store(m.disk).durable();
    for (const auto& [version, entry] : ordered_) {
      if (version > committed_) break;
      if (IsVoided(version) || entry.kind == EntryKind::kEmpty) continue;
      if (!disk.Has(version, entry.place)) {
        Violated("I1: " + ToString(version) + " is committed, but lost on " + DiskName(m.disk));
      }
    }
    for (const auto& [key, block] : disk.index) {
      if (IsVoided(block.version)) {
        Violated("I5: " + DiskName(m.disk) + " has " + ToString(block.version) +
                 ", which was voided");
      }
      const auto [it, added] = seen[key].emplace(block.version, block.checksum);
      if (!added && it->second != block.checksum) {
        Violated("I3: version " + ToString(block.version) + " differs on " + DiskName(m.disk));
      }
    }
  }
}

std::vector<Version> Invariants::Readable(uint32_t block, Version at_start) const {
  std::vector<Version> readable = {Version()};
  const auto it = blocks_.find(block);
  if (it == blocks_.end()) return readable;
  std::vector<Version> versions = it->second;
  std::sort(versions.begin(), versions.end());
  for (Version v : versions) {
    if (v > committed_ || IsVoided(v)) continue;
    if (v <= at_start) readable.clear();
    readable.push_back(v);
  }
  return readable;
}

}  // namespace storpool::chain
