#include "lib/sim/write_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace storpool::sim {

WriteLog::WriteId WriteLog::WriteBegan(uint64_t first_sector, uint64_t count, Stamp stamp) {
  const auto id = static_cast<WriteId>(writes_.size());
  writes_.push_back({stamp, Now()});
  open_.insert(id);
  for (uint64_t s = first_sector; s < first_sector + count; ++s) sectors_[s].push_back({id});
  return id;
}

void WriteLog::WriteAcknowledged(WriteId id) {
  writes_[id].there = writes_[id].over = Now();
  open_.erase(id);
}

void WriteLog::SessionEnded() {
  for (const WriteId id : open_) writes_[id].over = Now();
  open_.clear();
}

void WriteLog::Seen(uint64_t first_sector, const std::vector<Stamp>& stamps) {
  const EventOrder now = Now();
  for (size_t i = 0; i < stamps.size(); ++i) {
    if (stamps[i] == 0) continue;  // which zeroes is not to be told
    for (Here& here : sectors_[first_sector + i]) {
      if (writes_[here.write].stamp == stamps[i]) here.seen = std::min(here.seen, now);
    }
  }
}

// When a sector held this write: from its start until one that came after it is there.
Moments WriteLog::MomentsOf(const std::vector<Here>& writes, const Write& held,
                            uint64_t sector) const {
  Moments moments{.after = held.began};
  Stamp hides = 0;
  for (const Here& here : writes) {
    const Write& later = writes_[here.write];
    const EventOrder there = std::min(later.there, here.seen);
    if (later.began < held.over || there >= moments.before) continue;
    moments.before = there;
    hides = later.stamp;
  }
  moments.why_after = absl::StrCat("sector ", sector, " holds stamp ", held.stamp);
  moments.why_before = absl::StrCat(moments.why_after, ", hidden by ", hides, " afterwards");
  return moments;
}

absl::Status WriteLog::NarrowBy(uint64_t sector, Stamp stamp, Moments& moments) const {
  static const std::vector<Here> kNone;
  const auto known = sectors_.find(sector);
  const std::vector<Here>& writes = known == sectors_.end() ? kNone : known->second;
  std::vector<Moments> possible;
  if (stamp == 0) possible.push_back(MomentsOf(writes, {0, 0, 0, 0}, sector));
  for (const Here& here : writes) {
    const Write& write = writes_[here.write];
    if (write.stamp == stamp) possible.push_back(MomentsOf(writes, write, sector));
  }
  if (possible.empty()) {
    return absl::DataLossError(
        absl::StrCat("sector ", sector, " holds stamp ", stamp, ", which was never written there"));
  }
  Moments left;
  for (const Moments& one : possible) {
    left = moments;
    if (one.after > left.after) {
      left.after = one.after;
      left.why_after = one.why_after;
    }
    if (one.before < left.before) {
      left.before = one.before;
      left.why_before = one.why_before;
    }
    if (!left.empty()) break;
  }
  if (left.empty()) {
    return absl::DataLossError(absl::StrCat("it is of no moment: not before event ", left.after,
                                            " (", left.why_after, "), but before event ",
                                            left.before, " (", left.why_before, ")"));
  }
  // Of several possible writes any later moment may still be right.
  if (possible.size() == 1) moments = left;
  return absl::OkStatus();
}

absl::Status WriteLog::Narrow(const Picture& picture, Moments& moments) const {
  for (const bool zeroes : {false, true}) {  // those may be of several writes: they come last
    for (const auto& [sector, stamp] : picture) {
      if ((stamp == 0) != zeroes) continue;
      const absl::Status status = NarrowBy(sector, stamp, moments);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace storpool::sim
