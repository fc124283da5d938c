#include "lib/metadata/detection.h"

#include <algorithm>

namespace storpool::metadata {

void Detection::Start(Instant now) {
  started_ = now;
  last_tick_ = now;
}

Detection::Facts& Detection::Of(uint32_t node) {
  const auto [it, is_new] = nodes_.try_emplace(node);
  if (is_new) it->second.heard = started_;
  return it->second;
}

void Detection::Heard(uint32_t node, Instant now) {
  Facts& facts = Of(node);
  facts.heard = now;
  facts.met = true;
  facts.link_down = false;
  facts.refused = false;
}

void Detection::LinkDown(uint32_t node, bool refused) {
  Facts& facts = Of(node);
  facts.link_down = true;
  facts.refused = refused && facts.met;
}

void Detection::Suspected(uint32_t node, Instant now) { Of(node).suspected = now; }

bool Detection::Witnessed(const Facts& facts, Instant now) const {
  const bool complained = facts.suspected != Instant() && now - facts.suspected <= ejection_;
  return facts.link_down || complained;
}

std::vector<uint32_t> Detection::Tick(const std::set<uint32_t>& up, Instant now) {
  // Stood still: what was said meanwhile was not heard, so all silences begin again (4.10).
  const bool stood_still = now - last_tick_ > ejection_ / 3;
  last_tick_ = now;
  if (stood_still) {
    started_ = now;
    for (auto& [id, facts] : nodes_) facts.heard = std::max(facts.heard, now);
  }
  std::vector<uint32_t> gone, silent;
  for (uint32_t id : up) {
    const Facts& facts = Of(id);
    const Duration silence = now - facts.heard;
    if (facts.refused) {
      gone.push_back(id);
    } else if (silence >= (Witnessed(facts, now) ? ejection_ : ejection_ * 2)) {
      silent.push_back(id);
    }
  }
  if (now - started_ < ejection_) silent.clear();
  if (silent.size() * 3 > up.size()) {
    std::erase_if(silent, [&](uint32_t id) { return now - Of(id).heard < ejection_ * 3; });
  }
  gone.insert(gone.end(), silent.begin(), silent.end());
  std::sort(gone.begin(), gone.end());
  return gone;
}

}  // namespace storpool::metadata
