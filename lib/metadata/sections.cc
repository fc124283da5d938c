#include "lib/metadata/sections.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

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
    *pages.back().mutable_table()->add_configs() = chain->config();
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

Section OneLine(const State& state, uint64_t lineage) {
  Section section;
  if (const Line* line = state.FindLine(lineage)) {
    *section.mutable_line() = *line;
  } else {  // it was dropped everywhere, or never was
    section.mutable_line()->set_lineage(lineage);
    section.mutable_line()->set_dropped(true);
    section.mutable_line()->set_version(UINT32_MAX);
  }
  return section;
}

Section Attachments(const State& state, uint32_t client) {
  Section section;
  AttachmentsSection& content = *section.mutable_attachments();
  for (const auto& [key, record] : state.attachments()) {
    if (key.second != client) continue;
    const Volume* volume = state.FindVolume(key.first);
    *content.add_attachments() = record.attachment();
    *content.add_volumes() = *volume;
    *content.add_lines() = *state.FindLine(volume->lineage());
  }
  return section;
}

}  // namespace

std::string TableSectionName(uint32_t table) { return absl::StrCat("table/", table); }
std::string LineSectionName(uint64_t lineage) { return absl::StrCat("line/", lineage); }
std::string AttachmentsSectionName(uint32_t client) { return absl::StrCat("attachments/", client); }

std::vector<Section> SectionsAbove(const State& state, const std::string& name, uint64_t known) {
  uint64_t id = 0;
  std::vector<Section> result;
  const uint64_t version = state.SectionVersion(name);
  if (Parse(name, kLine, id)) {
    // A lineage that metadata never had is "gone" too; its version is 1, so that it is said once.
    if (std::max<uint64_t>(version, 1) > known) {
      result.push_back(OneLine(state, id));
      result.back().set_version(std::max<uint64_t>(version, 1));
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

bool Subscriptions::Add(const SectionVersion& wanted) {
  uint64_t id = 0;
  const std::string& name = wanted.section();
  const bool section = name == "disks" || Parse(name, kTable, id) || Parse(name, kLine, id) ||
                       Parse(name, kAttachments, id);
  if (!section || sent_.size() >= kSubscriptionsMax) return false;
  sent_[name] = wanted.version();
  return true;
}

std::vector<Section> Subscriptions::TakeNews(const State& state) {
  std::vector<Section> news;
  for (auto& [name, sent] : sent_) {
    std::vector<Section> sections = SectionsAbove(state, name, sent);
    if (sections.empty()) continue;
    sent = sections.back().version();
    std::move(sections.begin(), sections.end(), std::back_inserter(news));
  }
  return news;
}

}  // namespace storpool::metadata
