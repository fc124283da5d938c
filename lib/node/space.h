// What layers hold, for metadata, on demand: the tails of the lineages' chains that are here count
// their chunks, a piece a turn, so that requests do not wait (proto/control.proto, SpaceOrder).
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "lib/chunkstore/chunk_store.h"
#include "lib/env/reactor.h"
#include "lib/node/services.h"
#include "proto/control.pb.h"

namespace storpool::node {

class Space {
 public:
  explicit Space(Services& services);

  void OnOrder(const SpaceOrder& order);
  void Stop() { timer_.Stop(); }

 private:
  struct Count {
    uint64_t id = 0;
    std::deque<std::pair<DiskId, LineageId>> left;
    chunkstore::LayerCounter counter;  // of the first that is left
    std::map<std::pair<LineageId, LayerId>, chunkstore::LayerCount> counts;
  };

  void OnTurn();
  bool Begin(Count& count) const;
  void Answer(const Count& count);

  Services& services_;
  std::deque<Count> orders_;
  env::Timer timer_;
};

}  // namespace storpool::node
