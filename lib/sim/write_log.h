// When each write to each sector may have happened: from its start until it is known to be there.
// A picture of the volume that claims to be of one moment (a snapshot, design 9.3) must agree with
// some moment for all its sectors at once: every write known to be there by then is in it or under
// a later one, none that began after it is.
//
// Unlike SectorHistory it forgets nothing, so a picture can be judged long after it was taken.
// Moments lie between events, which all logs that share an EventOrder count together: so the
// pictures of several volumes can be asked for one moment.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace storpool::sim {

using EventOrder = uint64_t;

// What is left of the time in which a picture can have been taken: later than `after` and earlier
// than `before`; empty if no moment is left.
struct Moments {
  EventOrder after = 0;
  EventOrder before = UINT64_MAX;
  std::string why_after = "it was asked for then";
  std::string why_before = "it was there then";
  bool empty() const { return after >= before; }
};

class WriteLog {
 public:
  using Stamp = uint64_t;
  using WriteId = uint32_t;
  using Picture = std::map<uint64_t, Stamp>;  // by sector; 0: zeroes

  explicit WriteLog(EventOrder& clock) : clock_(clock) {}

  // An event of its own: nothing else has this number.
  EventOrder Now() { return ++clock_; }

  // A write or trim (stamp 0) of [first, first + count) has been asked.
  WriteId WriteBegan(uint64_t first_sector, uint64_t count, Stamp stamp);
  void WriteAcknowledged(WriteId id);
  // Writes without an answer happened by now or never.
  void SessionEnded();
  // The volume was read: what was seen is there for good.
  void Seen(uint64_t first_sector, const std::vector<Stamp>& stamps);

  // Narrows the moments by what the picture holds. kDataLoss, naming the sectors, if none is left.
  absl::Status Narrow(const Picture& picture, Moments& moments) const;

 private:
  static constexpr EventOrder kNever = UINT64_MAX;

  struct Write {
    Stamp stamp;
    EventOrder began;
    EventOrder there = kNever;  // acknowledged
    EventOrder over = kNever;   // it does not happen any more: acknowledged, or its session ended
  };
  struct Here {  // a write to one sector
    WriteId write;
    EventOrder seen = kNever;  // first
  };
  Moments MomentsOf(const std::vector<Here>& writes, const Write& held, uint64_t sector) const;
  absl::Status NarrowBy(uint64_t sector, Stamp stamp, Moments& moments) const;

  EventOrder& clock_;
  std::vector<Write> writes_;
  std::set<WriteId> open_;  // neither acknowledged nor of an ended session
  std::map<uint64_t, std::vector<Here>> sectors_;
};

}  // namespace storpool::sim
