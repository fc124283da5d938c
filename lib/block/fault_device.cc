#include "lib/block/fault_device.h"

#include <utility>

#include "lib/base/check.h"

namespace storpool::block {

FaultDevice::FaultDevice(env::Reactor& reactor, BlockDevice& inner, Rule rule)
    : reactor_(reactor), inner_(inner), rule_(std::move(rule)) {}

void FaultDevice::Start(BlockIo* io) {
  absl::Status status = rule_(*io);
  if (status.ok()) {
    inner_.Start(io);
    return;
  }
  unanswered_.emplace(++failed_, std::make_pair(io, std::move(status)));
  reactor_.Post([this] { AnswerFailed(); });
}

void FaultDevice::AnswerFailed() {
  SP_CHECK(!unanswered_.empty());
  const auto [io, status] = std::move(unanswered_.begin()->second);
  unanswered_.erase(unanswered_.begin());
  io->OnDone(status);
}

}  // namespace storpool::block
