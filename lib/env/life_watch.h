// Tells a member function whether a callback that it made has destroyed its object.
//
//   LifeWatch watch(&watch_);        // LifeWatch* watch_ = nullptr; is a member
//   handler_->OnBytes(bytes);
//   if (watch.gone()) return;        // nothing of *this may be touched
//
// The destructor calls LifeWatch::Gone(watch_).
#pragma once

namespace storpool::env {

class LifeWatch {
 public:
  explicit LifeWatch(LifeWatch** slot) : slot_(slot), outer_(*slot) { Enter(slot, this); }
  LifeWatch(const LifeWatch&) = delete;
  LifeWatch& operator=(const LifeWatch&) = delete;
  ~LifeWatch() {
    if (!gone_) *slot_ = outer_;
  }
  bool gone() const { return gone_; }

  static void Gone(LifeWatch* innermost) {
    for (LifeWatch* watch = innermost; watch != nullptr; watch = watch->outer_) {
      watch->gone_ = true;
    }
  }

 private:
  // Out of line: gcc takes the address of a local for one that dangles, not seeing the destructor.
  [[gnu::noinline]] static void Enter(LifeWatch** slot, LifeWatch* watch) { *slot = watch; }

  LifeWatch** slot_;
  LifeWatch* outer_;
  bool gone_ = false;
};

}  // namespace storpool::env
