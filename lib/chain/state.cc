#include "lib/chain/state.h"

#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {

ReplicaState::ReplicaState(const ChainRecord& record, std::optional<model::NamedConfig> adopted,
                           const OwnDisk& own, Instant started_at, const LeaseView& lease_view,
                           BufferPool& buffers)
    : chain(record.chain),
      self(own),
      started(started_at),
      promises(lease_view),
      pool(buffers),
      epoch(record.epoch),
      damaged(record.damaged),
      committed(record.committed),
      min_generation(record.min_generation),
      knows_layers(record.epoch == Epoch()),
      base(record.base),
      chunk_bases(record.chunk_bases) {
  if (adopted) config = *std::move(adopted);
  for (const auto& [session, window] : record.windows) {
    SessionState& state = FindSession(*this, session);
    state.window = window;
    state.highest_seen = HighestNumber(window);
  }
  for (const Entry& entry : record.pending) AddPending(*this, entry, /*record=*/0);
  pending_durable = pending.size();
  durable = pending.empty() ? committed : pending.back().version;
  has_base = !ServesIn(last_opened());
  if (has_base) {
    complete_up_to = std::max(record.complete_up_to, LowestBase(*this));
  } else {
    durable = std::max(durable, last_opened().opened_at);  // it levelled out there
  }
}

bool ReplicaState::ServesIn(const model::ChainConfig& c) const {
  const model::Member* member = c.Find(self.disk);
  return member != nullptr && member->role == model::Role::kServing && member->store == self.store;
}

wire::Common ReplicaState::CommonTo(DiskId to) const {
  wire::Common common;
  common.chain = chain;
  common.from = self.disk;
  common.to = to;
  common.epoch = epoch;
  common.durable = damaged ? Version() : durable;
  common.committed = committed;
  common.opened = role != Role::kNone && config.named.opened;
  common.opened_at = opened_at;
  return common;
}

}  // namespace storpool::chain
