#include "lib/base/request_window.h"

#include "lib/base/check.h"

namespace storpool {

bool RequestWindow::Get(uint64_t number) const {
  const uint64_t bit = number % kWindowNumbers;
  return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
}

void RequestWindow::Set(uint64_t number, bool value) {
  const uint64_t bit = number % kWindowNumbers;
  const uint64_t mask = uint64_t{1} << (bit % 64);
  bits_[bit / 64] = value ? bits_[bit / 64] | mask : bits_[bit / 64] & ~mask;
}

RequestWindow::State RequestWindow::Find(uint64_t number) const {
  if (number < mark_) return State::kBelow;
  if (number - mark_ >= kWindowNumbers) return State::kBeyond;
  return Get(number) ? State::kCommitted : State::kUnknown;
}

void RequestWindow::RaiseMark(uint64_t answered_below) {
  if (answered_below <= mark_) return;
  if (answered_below - mark_ >= kWindowNumbers) {
    bits_ = {};
  } else {
    for (uint64_t n = mark_; n < answered_below; ++n) Set(n, false);
  }
  mark_ = answered_below;
}

void RequestWindow::Commit(uint64_t number) {
  if (number < mark_) return;
  if (number - mark_ >= kWindowNumbers) RaiseMark(number - kWindowNumbers + 1);
  Set(number, true);
}

void RequestWindow::Merge(const RequestWindow& other) {
  RaiseMark(other.mark_);
  for (uint64_t n = mark_; n < other.mark_ + kWindowNumbers; ++n) {
    if (other.Get(n)) Commit(n);
  }
}

RequestWindow RequestWindow::FromParts(uint64_t mark, const Bits& bits) {
  RequestWindow window;
  window.mark_ = mark;
  window.bits_ = bits;
  return window;
}

}  // namespace storpool
