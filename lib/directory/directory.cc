#include "lib/directory/directory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/control/convert.h"

namespace storpool::directory {
namespace {

// Whether two configs of one epoch are the same decision. `excluded_at` is metadata's knowledge,
// set when it marks the epoch opened (5.5h): members that learned of the opening from each other
// (R17) do not have it.
bool SameDecision(const model::ChainConfig& a, const model::ChainConfig& b) {
  if (a.opened && b.opened && a.opened_at != b.opened_at) return false;
  return std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const model::Member& x, const model::Member& y) {
                      return x.disk == y.disk && x.store == y.store && x.role == y.role;
                    });
}

template <class T>
void SortUnique(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

Changes Sorted(Changes changes) {
  SortUnique(changes.tables);
  SortUnique(changes.chains);
  SortUnique(changes.lines);
  SortUnique(changes.incomplete);
  SortUnique(changes.attachments);
  return changes;
}

}  // namespace

bool Changes::empty() const {
  return !disks && tables.empty() && chains.empty() && lines.empty() && incomplete.empty() &&
         attachments.empty() && alarms.empty();
}

absl::StatusOr<Changes> Directory::Apply(const Section& section) {
  const auto known = versions_.find(section.name());
  const bool newer = known == versions_.end() || section.version() > known->second;
  Changes changes;
  absl::Status status;
  switch (section.content_case()) {
    case Section::kDisks:
      status = ApplyDisks(section.disks(), newer, changes);
      break;
    case Section::kTable:
      status = ApplyTable(section.table(), changes);
      break;
    case Section::kLine: {
      auto line = control::ToModel(section.line());
      status = line.status();
      if (line.ok()) Merge(*line, changes);
      break;
    }
    case Section::kAttachments:
      status = ApplyAttachments(section.name(), section.attachments(), newer, changes);
      break;
    case Section::CONTENT_NOT_SET:
      status = absl::InvalidArgumentError("it has no content");
  }
  if (!status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("section ", section.name(), " of the cluster map: ", status.message()));
  }
  // A line that could not be taken over has not been seen.
  if (newer && changes.incomplete.empty()) versions_[section.name()] = section.version();
  return Sorted(std::move(changes));
}

Changes Directory::Apply(const model::NamedConfig& config) {
  Changes changes;
  if (config.last_opened.epoch.value() != 0) Merge(config.last_opened, changes);
  Merge(config.named, changes);
  return Sorted(std::move(changes));
}

Changes Directory::Apply(const model::ChainConfig& config) {
  Changes changes;
  Merge(config, changes);
  return changes;
}

Changes Directory::Apply(const model::Line& line) {
  Changes changes;
  Merge(line, changes);
  return changes;
}

void Directory::Merge(const model::ChainConfig& config, Changes& changes) {
  Chain& chain = chains_[config.chain];
  bool changed = false;
  const auto take = [&](model::ChainConfig& kept, std::string_view what) {
    if (config.epoch < kept.epoch) return;
    if (config.epoch == kept.epoch) {
      if (!SameDecision(config, kept)) {
        changes.alarms.push_back(absl::StrCat("chain ", ToString(config.chain), " has two ",
                                              absl::string_view(what.data(), what.size()),
                                              " configs of epoch ", config.epoch.value()));
        return;
      }
      if (kept.opened || !config.opened) return;
    }
    kept = config;
    changed = true;
  };
  take(chain.named, "named");
  if (config.opened) take(chain.opened, "opened");
  if (changed) changes.chains.push_back(config.chain);
}

void Directory::Merge(const model::Line& line, Changes& changes) {
  const auto it = lines_.find(line.lineage);
  if (it == lines_.end()) {
    if (!line.whole()) return changes.incomplete.push_back(line.lineage);
    lines_.emplace(line.lineage, line).first->second.MakeView();
  } else {
    model::Line& known = it->second;
    if (line.version < known.version) return;
    if (line.version == known.version) {
      if (!line.whole() || line == known || (line.dropped && known.dropped)) return;
      changes.alarms.push_back(absl::StrCat("lineage ", line.lineage.value(),
                                            " has two lines of version ", line.version.value()));
      return;
    }
    model::Line merged = known;
    if (known.CanTake(line)) merged.Take(line);
    if (merged.version != line.version || !merged.Validate().ok()) {
      return changes.incomplete.push_back(line.lineage);
    }
    known = std::move(merged);
  }
  uint64_t& version = versions_[absl::StrCat("line/", line.lineage.value())];
  version = std::max<uint64_t>(version, line.version.value());
  changes.lines.push_back(line.lineage);
}

absl::Status Directory::ApplyDisks(const DisksSection& section, bool newer, Changes& changes) {
  if (!newer) return absl::OkStatus();
  absl::btree_map<DiskId, std::string> addresses;
  for (const Disk& disk : section.disks()) {
    if (disk.id() > kDiskIdMax) {
      return absl::InvalidArgumentError(absl::StrCat("disk id ", disk.id(), " is out of range"));
    }
    if (!disk.address().empty()) addresses[DiskId(disk.id())] = disk.address();
  }
  if (addresses == addresses_) return absl::OkStatus();
  addresses_ = std::move(addresses);
  changes.disks = true;
  return absl::OkStatus();
}

// Configs are ordered by their own epochs, so also a late section is merged.
absl::Status Directory::ApplyTable(const TableSection& section, Changes& changes) {
  if (section.table() > UINT16_MAX || section.chains() > kChainsPerTableMax ||
      (section.chains() & (section.chains() - 1)) != 0) {
    return absl::InvalidArgumentError("the table's id or number of chains is out of range");
  }
  std::vector<model::NamedConfig> configs;
  configs.reserve(section.configs_size());
  for (const NamedConfig& proto : section.configs()) {
    auto config = control::ToModel(proto);
    if (!config.ok()) return config.status();
    if (config->named.chain.table().value() != section.table()) {
      return absl::InvalidArgumentError(
          absl::StrCat("it holds chain ", ToString(config->named.chain), " of another table"));
    }
    configs.push_back(*std::move(config));
  }
  const TableId id(static_cast<uint16_t>(section.table()));
  uint32_t& chains = tables_[id];
  if (section.chains() > chains) {  // tables only grow
    chains = section.chains();
    changes.tables.push_back(id);
  }
  for (const model::NamedConfig& config : configs) {
    if (config.last_opened.epoch.value() != 0) Merge(config.last_opened, changes);
    Merge(config.named, changes);
  }
  return absl::OkStatus();
}

absl::Status Directory::ApplyAttachments(std::string_view name, const AttachmentsSection& section,
                                         bool newer, Changes& changes) {
  constexpr std::string_view kPrefix = "attachments/";
  uint32_t client = 0;
  if (!name.starts_with(kPrefix) ||
      !absl::SimpleAtoi(
          absl::string_view(name.data() + kPrefix.size(), name.size() - kPrefix.size()), &client)) {
    return absl::InvalidArgumentError("its name does not say whose attachments these are");
  }
  std::vector<model::Line> lines;
  for (const Line& proto : section.lines()) {
    auto line = control::ToModel(proto);
    if (!line.ok()) return line.status();
    lines.push_back(*std::move(line));
  }
  for (const model::Line& line : lines) Merge(line, changes);
  if (!newer) return absl::OkStatus();
  attachments_[client] = section;
  changes.attachments.push_back(client);
  return absl::OkStatus();
}

const model::ChainConfig* Directory::NewestNamed(ChainId chain) const {
  const auto it = chains_.find(chain);
  return it == chains_.end() || it->second.named.epoch.value() == 0 ? nullptr : &it->second.named;
}

const model::ChainConfig* Directory::NewestOpened(ChainId chain) const {
  const auto it = chains_.find(chain);
  return it == chains_.end() || it->second.opened.epoch.value() == 0 ? nullptr : &it->second.opened;
}

const model::Line* Directory::FindLine(LineageId lineage) const {
  const auto it = lines_.find(lineage);
  return it == lines_.end() ? nullptr : &it->second;
}

std::string_view Directory::AddressOf(DiskId disk) const {
  const auto it = addresses_.find(disk);
  return it == addresses_.end() ? std::string_view() : std::string_view(it->second);
}

uint32_t Directory::ChainsOf(TableId table) const {
  const auto it = tables_.find(table);
  return it == tables_.end() ? 0 : it->second;
}

const AttachmentsSection* Directory::AttachmentsOf(ClientId client) const {
  const auto it = attachments_.find(client.value());
  return it == attachments_.end() ? nullptr : &it->second;
}

}  // namespace storpool::directory
