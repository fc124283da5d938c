#include "lib/sim/store_tap.h"

namespace storpool::sim {

std::map<ChainId, ChainRecord> CountingStore::TakeChains() {
  std::map<ChainId, ChainRecord> chains = StoreTap::TakeChains();
  for (const auto& [chain, record] : chains) {
    for (const Entry& entry : record.pending) pending_[chain].insert(entry.version);
  }
  return chains;
}

uint64_t CountingStore::AppendEntry(ChainId chain, Entry entry) {
  if (entry.arrival == Arrival::kPending) pending_[chain].insert(entry.version);
  return StoreTap::AppendEntry(chain, std::move(entry));
}

uint64_t CountingStore::AppendVoid(ChainId chain, Version above, Epoch below) {
  std::set<Version>& pending = pending_[chain];
  const auto first = pending.upper_bound(above);
  const auto last = pending.lower_bound(Version(below, 0));
  if (first != pending.end() && *first < Version(below, 0)) {
    voided_ += static_cast<uint64_t>(std::distance(first, last));
    pending.erase(first, last);
  }
  return StoreTap::AppendVoid(chain, above, below);
}

void CountingStore::SetCommitted(ChainId chain, Version committed) {
  std::set<Version>& pending = pending_[chain];
  pending.erase(pending.begin(), pending.upper_bound(committed));
  StoreTap::SetCommitted(chain, committed);
}

node::OpenStore OpenWrapped(WrapStore wrap) {
  return
      [wrap = std::move(wrap)](
          const chunkstore::ChunkStore::Options& options, const chunkstore::ClusterUuid& cluster,
          absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>>)> done) {
        chunkstore::ChunkStore::Open(
            options, cluster,
            [wrap, done = std::move(done)](
                absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> store) mutable {
              if (!store.ok()) return done(store.status());
              done(wrap(*std::move(store)));
            });
      };
}

}  // namespace storpool::sim
