#include "lib/env/timer_queue.h"

#include <algorithm>

#include "lib/base/check.h"

namespace storpool::env {

void TimerQueue::Add(Timer* timer, Instant now) {
  heap_.emplace_back();
  Up(heap_.size() - 1, Item{std::max(timer->at(), now), next_order_++, timer});
}

void TimerQueue::Remove(Timer* timer) {
  const size_t slot = timer->slot_;
  SP_CHECK(slot < heap_.size() && heap_[slot].timer == timer);
  const Item last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot > 0 && last.Before(heap_[(slot - 1) / 2])) {
    Up(slot, last);
  } else {
    Down(slot, last);
  }
}

bool TimerQueue::FireDue(Instant now) {
  const uint64_t armed_later = next_order_;
  bool any = false;
  while (!heap_.empty() && heap_.front().at <= now && heap_.front().order < armed_later) {
    Timer* timer = heap_.front().timer;
    Remove(timer);
    any = true;
    timer->Fire();
  }
  return any;
}

void TimerQueue::Place(size_t slot, const Item& item) {
  heap_[slot] = item;
  item.timer->slot_ = slot;
}

void TimerQueue::Up(size_t slot, const Item& item) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (!item.Before(heap_[parent])) break;
    Place(slot, heap_[parent]);
    slot = parent;
  }
  Place(slot, item);
}

void TimerQueue::Down(size_t slot, const Item& item) {
  for (;;) {
    size_t child = 2 * slot + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].Before(heap_[child])) ++child;
    if (!heap_[child].Before(item)) break;
    Place(slot, heap_[child]);
    slot = child;
  }
  Place(slot, item);
}

}  // namespace storpool::env
