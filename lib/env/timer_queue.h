// The armed timers of a reactor, earliest first; every implementation of Reactor has one.
// Invariant: timers of one instant fire in the order they were armed; arming and stopping take
// O(log n) and allocate nothing in steady state.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/env/reactor.h"

namespace storpool::env {

class TimerQueue {
 public:
  // A time in the past counts as `now`: a timer that arms itself again starves no other.
  void Add(Timer* timer, Instant now);
  void Remove(Timer* timer);
  // Fires what is due at `now` and was armed before this call. True if there was any.
  bool FireDue(Instant now);
  bool empty() const { return heap_.empty(); }
  // Instant::Max() if there is none.
  Instant next() const { return heap_.empty() ? Instant::Max() : heap_.front().at; }

 private:
  struct Item {
    Instant at;
    uint64_t order;
    Timer* timer;
    bool Before(const Item& other) const {
      return at != other.at ? at < other.at : order < other.order;
    }
  };
  void Place(size_t slot, const Item& item);
  void Up(size_t slot, const Item& item);
  void Down(size_t slot, const Item& item);

  std::vector<Item> heap_;
  uint64_t next_order_ = 0;
};

}  // namespace storpool::env
