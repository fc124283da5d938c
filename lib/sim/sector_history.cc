#include "lib/sim/sector_history.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/check.h"

namespace storpool::sim {

std::vector<SectorHistory::Candidate>& SectorHistory::At(uint64_t sector) {
  const auto [it, is_new] = sectors_.try_emplace(sector);
  if (is_new) it->second.push_back({.stamp = 0, .began = 0, .ended = 0});
  return it->second;
}

SectorHistory::OpId SectorHistory::WriteBegan(uint64_t first_sector, uint64_t count, Stamp stamp) {
  const OpId id = order_++;
  writes_[id] = {first_sector, count, stamp, id};
  for (uint64_t s = first_sector; s < first_sector + count; ++s) {
    At(s).push_back({stamp, id, kOpen});
    for (auto& [read_id, read] : reads_) {
      if (s >= read.first && s < read.first + read.allowed.size()) {
        read.allowed[s - read.first].push_back(stamp);
      }
    }
  }
  return id;
}

void SectorHistory::WriteEnded(OpId id, bool ok) {
  const auto it = writes_.find(id);
  SP_CHECK(it != writes_.end());
  const Write write = it->second;
  writes_.erase(it);
  const Order now = order_++;
  for (uint64_t s = write.first; s < write.first + write.count; ++s) {
    std::vector<Candidate>& candidates = At(s);
    for (Candidate& c : candidates) {
      if (c.began == write.began) c.ended = now;
    }
    // It has happened, so what had ended before it began is gone. One that failed may have.
    if (ok) std::erase_if(candidates, [&](const Candidate& c) { return c.ended < write.began; });
  }
}

void SectorHistory::SessionEnded() {
  while (!writes_.empty()) WriteEnded(writes_.begin()->first, false);
  reads_.clear();
}

SectorHistory::OpId SectorHistory::ReadBegan(uint64_t first_sector, uint64_t count) {
  const OpId id = order_++;
  Read& read = reads_[id];
  read.first = first_sector;
  read.began = id;
  for (uint64_t s = first_sector; s < first_sector + count; ++s) {
    std::vector<Stamp>& allowed = read.allowed.emplace_back();
    for (const Candidate& c : At(s)) allowed.push_back(c.stamp);
  }
  return id;
}

void SectorHistory::Narrow(std::vector<Candidate>& candidates, const Read& read, Stamp seen) {
  // The write that was seen was the content at some moment of the read: whatever had ended before
  // the read began, or before that write began, came before it.
  Order began = kOpen;
  for (const Candidate& c : candidates) {
    if (c.stamp == seen) began = std::min(began, c.began);
  }
  const Order before = began == kOpen ? read.began : std::max(read.began, began);
  std::erase_if(candidates,
                [&](const Candidate& c) { return c.stamp != seen && c.ended < before; });
  SP_CHECK(!candidates.empty());
}

absl::Status SectorHistory::ReadEnded(OpId id, const std::vector<Stamp>& stamps) {
  const auto it = reads_.find(id);
  SP_CHECK(it != reads_.end());
  const Read read = std::move(it->second);
  reads_.erase(it);
  SP_CHECK(stamps.size() == read.allowed.size());
  for (size_t i = 0; i < stamps.size(); ++i) {
    if (std::ranges::find(read.allowed[i], stamps[i]) == read.allowed[i].end()) {
      return absl::DataLossError(absl::StrCat("sector ", read.first + i, " was read as stamp ",
                                              stamps[i], " but could only hold one of ",
                                              absl::StrJoin(read.allowed[i], ", ")));
    }
    Narrow(At(read.first + i), read, stamps[i]);
  }
  return absl::OkStatus();
}

void SectorHistory::ReadFailed(OpId id) { reads_.erase(id); }

}  // namespace storpool::sim
