#include "lib/metadata/fence_progress.h"

namespace storpool::metadata {

void FenceProgress::OnStarted(uint64_t fence, Instant now) { fences_[fence].since = now; }

void FenceProgress::OnRaised(const Raised& message) {
  const auto it = fences_.find(message.fence());
  if (it == fences_.end()) return;
  for (const ChainEpoch& c : message.chains()) {
    uint32_t& epoch = it->second.raised[{c.chain(), message.disk()}];
    if (epoch < c.epoch()) epoch = c.epoch();
  }
}

void FenceProgress::ForgetGone(const std::map<uint64_t, FenceRecord>& fences) {
  std::erase_if(fences_, [&](const auto& known) { return !fences.contains(known.first); });
}

std::vector<uint32_t> FenceProgress::Waiting(const State& state, const FenceRecord& fence) const {
  static const Fence kNothing;
  const auto it = fences_.find(fence.id());
  const Fence& progress = it == fences_.end() ? kNothing : it->second;
  const bool waits_for_all =
      fence.purpose() == FenceRecord::DETACH || fence.purpose() == FenceRecord::RENEW;
  std::map<uint32_t, uint32_t> floors;
  for (const auto& floor : fence.floors()) floors[floor.chain()] = floor.epoch();
  std::vector<uint32_t> waiting;
  for (uint32_t raw : state.ChainsOfTable(fence.table())) {
    const ChainConfig& named = state.FindChain(raw)->config().named();
    const auto floor = floors.find(raw);
    const bool bound = floor != floors.end() && named.epoch() >= floor->second;
    if (bound && (named.opened() || !waits_for_all)) continue;
    bool all = named.opened();  // R20: answers count in opened epochs only
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      const auto raised = progress.raised.find({raw, m.disk()});
      all = all && raised != progress.raised.end() && raised->second == named.epoch();
    }
    if (!all) waiting.push_back(raw);
  }
  return waiting;
}

Instant FenceProgress::since(uint64_t fence) const {
  const auto it = fences_.find(fence);
  return it == fences_.end() ? Instant() : it->second.since;
}

void FenceProgress::Restart(uint64_t fence, Instant now) {
  const auto it = fences_.find(fence);
  if (it != fences_.end()) it->second.since = now;
}

}  // namespace storpool::metadata
