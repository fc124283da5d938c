#include "lib/metadata/line_progress.h"

#include <algorithm>

namespace storpool::metadata {

void LineProgress::OnNodeHere(uint32_t node, const std::set<uint32_t>& disks) {
  for (auto& [lineage, nodes] : ordered_) nodes.erase(node);
  for (auto& [lineage, kept] : kept_) {
    std::erase_if(kept, [&](const auto& entry) { return disks.contains(entry.first); });
  }
}

void LineProgress::OnKept(uint32_t disk, const LineKept& kept) {
  kept_[kept.lineage()][disk] = kept;
  uint64_t& most = most_left_[kept.lineage()];
  most = std::max(most, WorkOn(kept.lineage()).left);
}

void LineProgress::Rest(uint64_t lineage) {
  kept_.erase(lineage);
  most_left_.erase(lineage);
}

void LineProgress::Forget(uint64_t lineage) {
  Rest(lineage);
  ordered_.erase(lineage);
}

uint32_t LineProgress::Ordered(uint32_t node, uint64_t lineage) const {
  const auto nodes = ordered_.find(lineage);
  if (nodes == ordered_.end()) return 0;
  const auto it = nodes->second.find(node);
  return it == nodes->second.end() ? 0 : it->second;
}

void LineProgress::OnOrdered(uint32_t node, uint64_t lineage, uint32_t version) {
  ordered_[lineage][node] = version;
}

bool LineProgress::IsDurable(const State& state, uint64_t lineage, uint32_t version) const {
  const Line* line = state.FindLine(lineage);
  const auto kept = kept_.find(lineage);
  if (line == nullptr || kept == kept_.end()) return false;
  for (uint32_t raw : state.ChainsOfTable(line->table())) {
    const ChainConfig& named = state.FindChain(raw)->config().named();
    if (!named.opened()) return false;
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      const auto it = kept->second.find(m.disk());
      if (it == kept->second.end() || it->second.durable() < version) return false;
    }
  }
  return true;
}

uint32_t LineProgress::Applied(const State& state, uint64_t lineage) const {
  const Line* line = state.FindLine(lineage);
  const auto kept = kept_.find(lineage);
  if (line == nullptr || kept == kept_.end()) return 0;
  uint32_t applied = UINT32_MAX;
  for (uint32_t disk : state.DisksOfTable(line->table())) {
    const auto it = kept->second.find(disk);
    applied = std::min(applied, it == kept->second.end() ? 0 : it->second.applied());
  }
  return applied;
}

LineProgress::Work LineProgress::WorkOn(uint64_t lineage) const {
  Work work;
  const auto kept = kept_.find(lineage);
  if (kept == kept_.end()) return work;
  for (const auto& [disk, said] : kept->second) work.left += said.chunks_left();
  const auto most = most_left_.find(lineage);
  work.all = std::max(work.left, most == most_left_.end() ? 0 : most->second);
  return work;
}

}  // namespace storpool::metadata
