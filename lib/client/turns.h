// Whose request goes out next when volumes of one client together want more than may be out (design
// 9.1): each in turn, so that a deep queue of one does not stand before the others.
//
// Invariants: what a volume has out below its own share waits for nobody, so a volume whose chains
// do not answer stops no other; beyond the shares all volumes have kClientRequestsOutMax and
// kClientBytesOutMax together, and what waits for that room gets it round robin, by bytes. A volume
// that wants less than there is room for never waits. Nothing is allocated.
#pragma once

#include <cstdint>

#include "lib/base/limits.h"
#include "lib/client/request_list.h"

namespace storpool::client {

struct Call;

// One volume, as Turns sees it.
class TurnTaker : public ListNode<TurnTaker> {
 public:
  bool waits() const { return !waiting_.empty(); }

 protected:
  virtual ~TurnTaker() = default;

 private:
  friend class Turns;
  // It is this call's turn. Completes nothing from within.
  virtual void OnTurn(Call* call) = 0;

  List<Call> waiting_;
  uint64_t requests_out_ = 0;
  uint64_t bytes_out_ = 0;
  uint64_t left_bytes_ = 0;  // of its present turn
};

class Turns {
 public:
  // True: the call is out now, until Done. False: OnTurn comes later, unless it is taken back.
  bool Ask(TurnTaker& taker, Call* call);
  // A call that was out has ended.
  void Done(TurnTaker& taker, const Call& call);
  // Some call is out.
  bool busy() const { return requests_out_ > 0; }
  // Takes the oldest call of the taker that waits; nullptr if none does.
  Call* TakeBack(TurnTaker& taker);

 private:
  bool MayGo(const TurnTaker& taker) const;
  void GoOut(TurnTaker& taker, const Call& call);
  void NextTurns();

  List<TurnTaker> queue_;  // those with calls that wait; the front one has its turn
  uint64_t requests_out_ = 0;
  uint64_t bytes_out_ = 0;
  bool in_turn_ = false;
};

}  // namespace storpool::client
