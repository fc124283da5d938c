#include "lib/sim/store_tap.h"

#include "lib/base/check.h"
#include "lib/control/convert.h"

namespace storpool::sim {

void LedgerStore::SetEvents(chunkstore::StoreEvents* events) {
  events_ = events;
  StoreTap::SetEvents(this);
}

std::map<ChainId, ChainRecord> LedgerStore::TakeChains() {
  std::map<ChainId, ChainRecord> chains = StoreTap::TakeChains();
  ledger_.Recovered(disk_, damaged(), chains);
  return chains;
}

uint64_t LedgerStore::AppendEntry(ChainId chain, Entry entry) {
  Entry seen = entry;
  const uint64_t position = StoreTap::AppendEntry(chain, std::move(entry));
  ledger_.Appended(disk_, chain, seen, position);
  return position;
}

uint64_t LedgerStore::AppendHeal(ChainId chain, Entry entry) {
  Entry seen = entry;
  const uint64_t position = StoreTap::AppendHeal(chain, std::move(entry));
  ledger_.Appended(disk_, chain, seen, position);
  return position;
}

uint64_t LedgerStore::AppendAdopt(ChainId chain, Epoch epoch, std::string config) {
  NamedConfig message;
  SP_CHECK(message.ParseFromString(config));
  const auto named = control::ToModel(message);
  SP_CHECK(named.ok());
  ledger_.Adopted(chain, *named);
  return StoreTap::AppendAdopt(chain, epoch, std::move(config));
}

uint64_t LedgerStore::AppendVoid(ChainId chain, Version above, Epoch below) {
  const uint64_t position = StoreTap::AppendVoid(chain, above, below);
  ledger_.Voided(disk_, chain, above, below, position);
  return position;
}

uint64_t LedgerStore::AppendDiscardChain(ChainId chain) {
  ledger_.Discarded(disk_, chain);
  return StoreTap::AppendDiscardChain(chain);
}

void LedgerStore::SetCommitted(ChainId chain, Version committed) {
  ledger_.Committed(disk_, chain, committed);
  StoreTap::SetCommitted(chain, committed);
}

void LedgerStore::OnDurable(uint64_t position) {
  ledger_.Durable(disk_, position);
  events_->OnDurable(position);
}

node::OpenStore OpenTapped(Ledger& ledger, WrapStore wrap) {
  return
      [&ledger, wrap = std::move(wrap)](
          const chunkstore::ChunkStore::Options& options, const chunkstore::ClusterUuid& cluster,
          absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>>)> done) {
        chunkstore::ChunkStore::Open(
            options, cluster,
            [&ledger, wrap, done = std::move(done)](
                absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> store) mutable {
              if (!store.ok()) return done(store.status());
              auto tapped = std::make_unique<LedgerStore>(*std::move(store), ledger);
              if (!wrap) return done(std::move(tapped));
              done(wrap(std::move(tapped)));
            });
      };
}

}  // namespace storpool::sim
