// One replica and the execution of its effects: against its disk's store, the connections, the
// leases and metadata.
//
// Invariants: effects are executed in order, all of them before the call that made them returns;
// record numbers are given to the store in their order, and the replica hears once a batch how far
// they are durable.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "lib/base/chain_record.h"
#include "lib/chain/effects.h"
#include "lib/chain/replica.h"
#include "lib/node/services.h"

namespace storpool::node {

class DiskHost;

// Positions of records in the store's log, oldest first, by record number. Allocates only while it
// grows.
class RecordPositions {
 public:
  void Push(uint64_t position) {
    if (head_ == positions_.size()) positions_.clear(), head_ = 0;
    if (head_ > 64 && head_ * 2 > positions_.size()) {
      positions_.erase(positions_.begin(), positions_.begin() + static_cast<ptrdiff_t>(head_));
      head_ = 0;
    }
    positions_.push_back(position);
  }
  bool empty() const { return head_ == positions_.size(); }
  // Forgets those up to `position`; returns how many.
  size_t PopUpTo(uint64_t position) {
    const size_t before = head_;
    while (!empty() && positions_[head_] <= position) ++head_;
    return head_ - before;
  }

 private:
  std::vector<uint64_t> positions_;
  size_t head_ = 0;
};

class ChainHost {
 public:
  ChainHost(Services& services, DiskHost& disk, const ChainRecord& record,
            std::optional<model::NamedConfig> config);

  // Calls step(replica, now, effects) and executes what comes of it. `now` is this moment, not the
  // turn's beginning: a lease that ended in between covers no read (5.4).
  template <class F>
  void Step(F&& step) {
    step(replica_, services_.reactor.clock().Now(), effects_);
    if (!running_) Run();
  }

  ChainId chain() const { return chain_; }
  DiskHost& disk() const { return disk_; }
  const chain::Replica& replica() const { return replica_; }
  // The disk serves in the newest config that this member has adopted, as its head, as its tail.
  bool is_head() const;
  bool is_tail() const;
  Epoch epoch() const { return replica_.config().named.epoch; }
  Instant deadline() const { return deadline_; }
  // The deadline is over.
  void OnTimer();
  // Whether records wait to become durable; if not, it leaves its disk's list.
  bool StillAwaits() { return awaits_ = !records_.empty(); }
  // The store's records up to `position` are durable.
  void OnDurable(uint64_t position);

 private:
  void Run();
  void NoticeConfig();
  void UseRoom(uint64_t size_bytes);

  void Do(chain::Persist&& e);
  void Do(chain::SetCommitted&& e);
  void Do(chain::StoreRead&& e);
  void Do(chain::StoreScan&& e);
  void Do(chain::StoreExtent&& e);
  void Do(chain::StoreListChunks&& e);
  void Do(chain::StorePendingAbove&& e);
  void Do(chain::Reserve&& e);
  void Do(chain::ReturnRoom&& e);
  void Do(chain::Send&& e);
  void Do(chain::AnswerWrite&& e);
  void Do(chain::AnswerRead&& e);
  void Do(chain::HintConfig&& e);
  void Do(chain::NameAgainst&& e);
  void Do(chain::NeedLine&& e);
  void Do(chain::OpenReady&& e);
  void Do(chain::LevelFailed&& e);
  void Do(chain::EpochEnds&& e);
  void Do(chain::Promotable&& e);
  void Do(chain::Raised&& e);
  void Do(chain::Alarm&& e);
  void Do(chain::SetTimer&& e);

  Services& services_;
  DiskHost& disk_;
  const ChainId chain_;
  chain::Replica replica_;
  chain::Effects effects_;
  bool running_ = false;
  uint64_t room_bytes_ = 0;  // reserved in the store for this chain, not yet used
  RecordPositions records_;
  bool awaits_ = false;  // is in its disk's list
  uint64_t durable_record_ = 0;
  Instant deadline_ = Instant::Max();
  Epoch seen_epoch_;
  bool seen_opened_ = false;
};

}  // namespace storpool::node
