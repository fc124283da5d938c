#include "lib/env/phase_queue.h"

#include "lib/base/check.h"

namespace storpool::env {
namespace {

uint8_t Bit(Phase phase) { return static_cast<uint8_t>(1u << static_cast<int>(phase)); }

}  // namespace

void PhaseQueue::Add(Phase phase, PhaseHook* hook) {
  if ((hook->waiting_ & Bit(phase)) != 0) return;
  hook->waiting_ |= Bit(phase);
  phases_[static_cast<size_t>(phase)].hooks.push_back(hook);
  ++waiting_;
}

void PhaseQueue::Remove(PhaseHook* hook) {
  for (size_t p = 0; hook->waiting_ != 0 && p < phases_.size(); ++p) {
    const uint8_t bit = Bit(static_cast<Phase>(p));
    if ((hook->waiting_ & bit) == 0) continue;
    hook->waiting_ &= static_cast<uint8_t>(~bit);
    --waiting_;
    Waiting& list = phases_[p];
    size_t i = list.done;
    while (list.hooks[i] != hook) ++i;
    list.hooks[i] = nullptr;
  }
}

void PhaseQueue::Run(Phase phase) {
  Waiting& list = phases_[static_cast<size_t>(phase)];
  const size_t enough = 4 * list.hooks.size() + 64;
  while (list.done < list.hooks.size() && list.done < enough) {
    PhaseHook* hook = list.hooks[list.done++];
    if (hook == nullptr) continue;
    hook->waiting_ &= static_cast<uint8_t>(~Bit(phase));
    --waiting_;
    hook->OnPhase(phase);
  }
  list.hooks.erase(list.hooks.begin(), list.hooks.begin() + static_cast<ptrdiff_t>(list.done));
  list.done = 0;
}

}  // namespace storpool::env
