// Whoever waits for the end of a command: what is waited for on behalf of one that has gone is
// dropped, since nobody would hear of it. Any thread.
#pragma once

#include <memory>
#include <utility>

namespace storpool::metadata {

class Caller {
 public:
  // One that never goes.
  Caller() = default;
  // One that is there as long as somebody owns what `present` points to.
  explicit Caller(std::weak_ptr<const void> present)
      : may_go_(true), present_(std::move(present)) {}

  bool gone() const { return may_go_ && present_.expired(); }

 private:
  bool may_go_ = false;
  std::weak_ptr<const void> present_;
};

}  // namespace storpool::metadata
