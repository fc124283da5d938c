// Lines that nodes are to keep, and what they have kept and applied (design 4.8, 9.3).
#include <utility>

#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

constexpr size_t kOrderBytes = 1 << 20;  // far below a message's limit

}  // namespace

// To each node with a disk in a line's table: the line while there is work on it, and what changes
// after that; a node that has registered since then waits for the next work.
void Leader::OrderLines(const std::set<uint64_t>& lineages) {
  std::map<uint32_t, FromMetadata> by_node;
  const auto send = [this](uint32_t node, FromMetadata& message) {
    if (PeerState* peer = FindPeer(Kind::kNode, node)) peer->link->Send(message);
    message.Clear();
  };
  for (uint64_t lineage : lineages) {
    const Line* line = state_.FindLine(lineage);
    if (line == nullptr || line->dropped()) {  // that is a drop, with an order of its own
      lines_.Forget(lineage);
      continue;
    }
    const bool work = state_.HasWork(lineage);
    std::set<uint32_t> nodes;
    for (uint32_t disk : state_.DisksOfTable(line->table())) {
      nodes.insert(state_.FindDisk(disk)->disk().node());
    }
    for (uint32_t node : nodes) {
      const uint32_t known = lines_.Ordered(node, lineage);
      if (known >= line->version() || (!work && known == 0)) continue;
      if (FindPeer(Kind::kNode, node) == nullptr) continue;
      *by_node[node].mutable_lines()->add_lines() = LineFor(state_, lineage, known);
      lines_.OnOrdered(node, lineage, line->version());
      if (by_node[node].ByteSizeLong() > kOrderBytes) send(node, by_node[node]);
    }
    if (!work) lines_.Rest(lineage);
  }
  for (auto& [node, message] : by_node) {
    if (message.has_lines()) send(node, message);
  }
}

std::set<uint64_t> Leader::LinesWithWork() const {
  std::set<uint64_t> lineages;
  for (const auto& [key, removed] : state_.removed_layers()) lineages.insert(key.first);
  for (const auto& [id, operation] : state_.operations()) {
    for (const auto& one : operation.snapshots()) lineages.insert(one.snapshot().lineage());
  }
  return lineages;
}

void Leader::Handle(PeerState& peer, const LinesKept& message) {
  if (!OwnsDisk(peer, message.disk())) return;
  for (const LineKept& kept : message.lines()) {
    if (!state_.HasWork(kept.lineage())) continue;
    lines_.OnKept(message.disk(), kept);
    Retire(kept.lineage());
  }
  Changed();
}

void Leader::Retire(uint64_t lineage) {
  const auto first = state_.removed_layers().lower_bound({lineage, 0});
  const uint32_t applied = lines_.Applied(state_, lineage);
  bool ready = false;
  auto it = first;
  for (; it != state_.removed_layers().end() && it->first.first == lineage; ++it) {
    ready = ready || it->second.removed().changed() <= applied;
  }
  if (!ready || !retiring_.insert(lineage).second) return;
  Command command;
  command.mutable_retire_layers()->set_lineage(lineage);
  command.mutable_retire_layers()->set_applied(applied);
  Propose(std::move(command), [this, lineage](absl::StatusOr<CommandResult>) {
    retiring_.erase(lineage);
    Changed();
  });
}

}  // namespace storpool::metadata
