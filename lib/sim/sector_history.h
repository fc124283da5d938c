// Checks that what reads return could have been there (design 5.10, I4), sector by sector.
//
// Every write carries a stamp of its own (stamp.h), 0 stands for zeroes. For each sector the
// history keeps which stamps it may hold now, given all that has been asked and answered; a read
// must return one that it may have held at some moment between the read's start and its end, and
// narrows what may come after. Writes whose session has ended without an answer may or may not
// have happened, but not any more later (design 5.9).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace storpool::sim {

class SectorHistory {
 public:
  using Stamp = uint64_t;
  using OpId = uint64_t;

  // A write or trim (stamp 0) of [first, first + count) has been asked. Returns its id.
  OpId WriteBegan(uint64_t first_sector, uint64_t count, Stamp stamp);
  void WriteEnded(OpId id, bool ok);
  // The session is over: its writes without an answer happened by now or never.
  void SessionEnded();

  OpId ReadBegan(uint64_t first_sector, uint64_t count);
  // `stamps`: what each sector held. kDataLoss, naming the sector, if it cannot have been.
  absl::Status ReadEnded(OpId id, const std::vector<Stamp>& stamps);
  void ReadFailed(OpId id);

 private:
  using Order = uint64_t;  // of events: operations begin and end
  static constexpr Order kOpen = UINT64_MAX;

  // A write that a sector may hold.
  struct Candidate {
    Stamp stamp;
    Order began, ended;  // ended: answered, or its session is over
  };
  struct Write {
    uint64_t first, count;
    Stamp stamp;
    Order began;
  };
  struct Read {
    uint64_t first;
    Order began;
    std::vector<std::vector<Stamp>> allowed;  // since the read began
  };
  std::vector<Candidate>& At(uint64_t sector);
  void Narrow(std::vector<Candidate>& candidates, const Read& read, Stamp seen);

  std::map<uint64_t, std::vector<Candidate>> sectors_;
  std::map<OpId, Write> writes_;
  std::map<OpId, Read> reads_;
  Order order_ = 1;
};

}  // namespace storpool::sim
