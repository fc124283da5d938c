// Snapshots of a volume that is written to: the layer first, the snapshot after (design 9.3).
#include <algorithm>
#include <utility>

#include "lib/client/volume.h"

namespace storpool::client {

void Volume::Hold(uint64_t id, LayerId layer, Duration timeout) {
  if (!ended_.ok()) return;
  if (hold_id_ == id) {
    if (hold_said_) events_.OnHeld(identity_.session, id);
    return;
  }
  if (layer <= write_layer_) {  // it has gone on already; who asks last hears when it is drained
    const bool drained = Drained();
    undrained_id_ = drained ? 0 : id;
    return events_.OnReleased(identity_.session, id, {.drained = drained});
  }
  if (hold_id_ != 0) GoOn(false);  // metadata has given it up
  hold_id_ = id;
  hold_said_ = false;
  hold_layer_ = layer;
  hold_since_ = context_.reactor.Now();
  EachChain([](ChainSession& chain) { chain.Hold(true); });
  hold_timer_.StartIn(timeout);
  CheckDrained();
}

void Volume::Release(uint64_t id) {
  if (hold_id_ == id) GoOn(hold_said_);
}

// Goes on in the new layer. What may be out to the former one, because it did not end in time, is
// repeated in the new one with its number: it is done once, in whichever its head has it (5.8, I9).
void Volume::GoOn(bool held) {
  const uint64_t id = std::exchange(hold_id_, 0);
  hold_timer_.Stop();
  write_layer_ = std::max(write_layer_, hold_layer_);
  if (!held) EachChain([](ChainSession& chain) { chain.writes().RepeatAll(); });
  const bool drained = held || Drained();
  undrained_id_ = drained ? 0 : id;
  pause_ = context_.reactor.Now() - hold_since_;
  EachChain([](ChainSession& chain) { chain.Hold(false); });
  events_.OnReleased(identity_.session, id, {held, drained, pause_});
}

bool Volume::Drained() const {
  for (const TableChains& table : tables_) {
    for (const auto& chain : table.chains) {
      if (chain != nullptr && chain->HasOlderThan(write_layer_)) return false;
    }
  }
  return true;
}

// A write has ended while a snapshot waits for the last one.
void Volume::CheckDrained() {
  if (undrained_id_ != 0 && Drained()) {
    events_.OnReleased(identity_.session, std::exchange(undrained_id_, 0),
                       {.drained = true, .pause = pause_});
  }
  if (hold_id_ == 0 || hold_said_) return;
  for (const TableChains& table : tables_) {
    for (const auto& chain : table.chains) {
      if (chain != nullptr && chain->WritesOut()) return;
    }
  }
  hold_said_ = true;
  events_.OnHeld(identity_.session, hold_id_);
}

}  // namespace storpool::client
