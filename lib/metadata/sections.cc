#include "lib/metadata/sections.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/metadata/volume_limits.h"

namespace storpool::metadata {
namespace {

constexpr std::string_view kTable = "table/";
constexpr std::string_view kLine = "line/";
constexpr std::string_view kAttachments = "attachments/";

// The number behind `prefix`.
bool Parse(const std::string& name, std::string_view prefix, uint64_t& id) {
  if (name.compare(0, prefix.size(), prefix.data(), prefix.size()) != 0) return false;
  return absl::SimpleAtoi(name.substr(prefix.size()), &id);
}

Section Disks(const State& state) {
  Section section;
  DisksSection& content = *section.mutable_disks();
  for (const auto& [id, node] : state.nodes()) *content.add_nodes() = node;
  for (const auto& [id, record] : state.disks()) *content.add_disks() = record.disk();
  return section;
}

std::vector<Section> TablePages(const State& state, const std::string& name, uint32_t table,
                                uint64_t known) {
  const Table* t = state.FindTable(table);
  std::vector<const ChainRecord*> newer;
  for (uint32_t raw : state.ChainsOfTable(table)) {
    const ChainRecord* chain = state.FindChain(raw);
    if (chain->changed() > known) newer.push_back(chain);
  }
  std::vector<Section> pages(1);
  for (const ChainRecord* chain : newer) {
    if (pages.back().table().configs_size() == kConfigsPerPage) pages.emplace_back();
    NamedConfig& config = *pages.back().mutable_table()->add_configs();
    config = chain->config();
    config.clear_raises();  // members get them with the name
  }
  for (Section& page : pages) {
    page.set_version(known);  // until the last page
    page.mutable_table()->set_table(table);
    page.mutable_table()->set_chains(t == nullptr ? 0 : t->chains());
    page.mutable_table()->set_complete(pages.size() == 1 && known == 0);
  }
  pages.back().set_version(state.SectionVersion(name));
  return pages;
}

Section OneLine(const State& state, uint64_t lineage, uint64_t known) {
  Section section;
  if (state.FindLine(lineage) != nullptr) {
    *section.mutable_line() = LineFor(state, lineage, static_cast<uint32_t>(known));
  } else {  // it was dropped everywhere, or never was
    section.mutable_line()->set_lineage(lineage);
    section.mutable_line()->set_dropped(true);
    section.mutable_line()->set_version(UINT32_MAX);
  }
  section.set_version(section.line().version());
  return section;
}

Section LostLine(const Line& line) {
  Section section;
  *section.mutable_line() = line;
  section.set_version(line.version());
  return section;
}

Section Attachments(const State& state, uint32_t client) {
  Section section;
  AttachmentsSection& content = *section.mutable_attachments();
  std::set<uint64_t> lines;
  auto it = state.attachments_by_client().lower_bound({client, 0});
  for (; it != state.attachments_by_client().end() && it->first == client; ++it) {
    *content.add_attachments() = state.Shown(state.attachments().at({it->second, client}));
    Volume& volume = *content.add_volumes();
    volume = state.Shown(*state.FindVolume(it->second));
    *volume.mutable_limits() = InForce(volume.limits(), volume.size_bytes());
    if (state.cluster().restoring()) continue;  // nodes may know newer ones
    lines.insert(volume.lineage());
    for (uint64_t ancestor : state.Ancestors(volume.lineage())) lines.insert(ancestor);
  }
  for (uint64_t lineage : lines) {
    const uint32_t version = state.FindLine(lineage)->version();
    *content.add_lines() = LineFor(state, lineage, version);  // a long one comes by its own section
  }
  return section;
}

// Not worth the reader's state: up to so many layers it gets the whole line.
constexpr uint32_t kWholeLineLayers = 64;

}  // namespace

Line LineFor(const State& state, uint64_t lineage, uint32_t known) {
  const uint32_t layers = state.NewestLayer(lineage) - state.OldestLayer(lineage) + 1;
  return state.WholeLine(lineage, layers <= kWholeLineLayers ? 0 : known);
}

std::string TableSectionName(uint32_t table) { return absl::StrCat("table/", table); }
std::string LineSectionName(uint64_t lineage) { return absl::StrCat("line/", lineage); }
std::string AttachmentsSectionName(uint32_t client) { return absl::StrCat("attachments/", client); }

bool IsSection(const std::string& name) {
  uint64_t id = 0;
  return name == "disks" || Parse(name, kTable, id) || Parse(name, kLine, id) ||
         Parse(name, kAttachments, id);
}

bool IsOfLostLine(const State& state, const std::string& section) {
  uint64_t id = 0;
  return Parse(section, kLine, id) && state.FindLine(id) == nullptr && state.IsLost(id);
}

std::vector<Section> SectionsAbove(const State& state, const std::string& name, uint64_t known) {
  uint64_t id = 0;
  std::vector<Section> result;
  const uint64_t version = state.SectionVersion(name);
  if (Parse(name, kLine, id)) {
    // "Gone" would destroy what disks have; a line of the backup would hide what is newer.
    if (state.cluster().restoring()) return result;
    const Line* line = state.FindLine(id);
    if (IsOfLostLine(state, name)) {
      const Line* lost = state.FindLostLine(id);
      if (lost != nullptr && lost->version() > known) result.push_back(LostLine(*lost));
    } else if (line == nullptr ? known < UINT32_MAX : line->version() > known) {
      // A lineage that metadata never had is "gone" too.
      result.push_back(OneLine(state, id, known));
    }
  } else if (version <= known) {
    return result;
  } else if (name == "disks") {
    result.push_back(Disks(state));
    result.back().set_version(version);
  } else if (Parse(name, kTable, id)) {
    result = TablePages(state, name, static_cast<uint32_t>(id), known);
  } else if (Parse(name, kAttachments, id)) {
    result.push_back(Attachments(state, static_cast<uint32_t>(id)));
    result.back().set_version(version);
  }
  for (Section& section : result) section.set_name(name);
  return result;
}

bool Subscriptions::Add(const SectionVersion& wanted, size_t max) {
  const std::string& name = wanted.section();
  if (!IsSection(name) || (sent_.size() >= max && !sent_.contains(name))) return false;
  sent_[name] = wanted.version();
  added_.insert(name);
  return true;
}

void Subscriptions::AskAgain() {
  for (const auto& [name, version] : sent_) added_.insert(name);
}

std::vector<Section> Subscriptions::TakeNews(const State& state,
                                             const std::set<std::string>& changed) {
  std::set<std::string> asked = std::exchange(added_, {});
  for (const std::string& name : changed) {
    if (sent_.contains(name)) asked.insert(name);
  }
  std::vector<Section> news;
  for (const std::string& name : asked) {
    uint64_t& sent = sent_[name];
    std::vector<Section> sections = SectionsAbove(state, name, sent);
    if (sections.empty()) continue;
    sent = sections.back().version();
    if (sections.back().line().dropped()) sent_.erase(name);
    std::move(sections.begin(), sections.end(), std::back_inserter(news));
  }
  return news;
}

}  // namespace storpool::metadata
