// A device that fails as told: a rule sees each request and may answer it with an error in place
// of the inner device, which then never learns of it. For tests of what is above.
#pragma once

#include <map>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/block/block_device.h"
#include "lib/env/reactor.h"

namespace storpool::block {

class FaultDevice final : public BlockDevice {
 public:
  // OK: hand it on. Else: the request's outcome, in a later turn.
  using Rule = absl::AnyInvocable<absl::Status(const BlockIo& io)>;

  // `reactor` and `inner` must outlive this device.
  FaultDevice(env::Reactor& reactor, BlockDevice& inner, Rule rule);

  BlockDeviceInfo info() const override { return inner_.info(); }
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return inner_.pool(); }

  uint64_t failed() const { return failed_; }

 private:
  void AnswerFailed();

  env::Reactor& reactor_;
  BlockDevice& inner_;
  Rule rule_;
  uint64_t failed_ = 0;  // also the key of the newest in unanswered_
  std::map<uint64_t, std::pair<BlockIo*, absl::Status>> unanswered_;
};

}  // namespace storpool::block
