#include "tests/sim/canaries.h"

#include <map>
#include <memory>
#include <utility>

#include "lib/sim/store_tap.h"

namespace storpool::sim {
namespace {

using chunkstore::ChunkStore;

// 5.3a: the disk is told to flush nothing.
Seams NoFlush() {
  Seams seams;
  seams.on_device = [](const std::string&, env::DeviceIo& io) {
    io.durable = false;
    return io.op == env::DeviceIo::Op::kFlush;
  };
  return seams;
}

// 5.2.4: the tail takes node 1's report for everything, whatever is durable there.
Seams CommitWithoutOneReport() {
  Seams seams;
  seams.on_send = [](const std::string& host, wire::Message& message) {
    if (host != "node1") return;
    std::visit(
        [](auto& m) {
          using M = std::decay_t<decltype(m)>;
          if constexpr (requires { m.common.durable; } && !std::is_same_v<M, wire::Adopted>) {
            if (m.common.durable == Version()) return;
            m.common.durable = Version(m.common.epoch, UINT32_MAX);
          }
        },
        message);
  };
  return seams;
}

// 5.5c: every member but the coordinator claims to have all there is.
Seams LevelIsTheMaximum() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* adopted = std::get_if<wire::Adopted>(&message);
    if (adopted == nullptr || adopted->common.durable == Version()) return;
    adopted->common.durable = Version(adopted->common.durable.epoch(), UINT32_MAX);
  };
  return seams;
}

// 5.6: a target says that it has everything up to the epoch.
Seams WrongBase() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* open = std::get_if<wire::SyncOpen>(&message);
    if (open == nullptr) return;
    open->base = Version(open->common.epoch, 0);
    for (auto& [chunk, base] : open->chunk_bases) base = open->base;
  };
  return seams;
}

// 5.8: metadata takes every life of the client for the same one, and its session goes on.
Seams SessionUsedAgain() {
  Seams seams;
  seams.to_metadata = [](const std::string&, ToMetadata& message) {
    if (message.has_register_() && message.register_().has_client()) {
      message.mutable_register_()->set_process(7);
    }
  };
  return seams;
}

Seams WithStores(WrapStore wrap) {
  Seams seams;
  seams.open_store = [wrap](const std::string&) { return OpenWrapped(wrap); };
  return seams;
}

// 5.5c: what a level-out voids stays in the store.
class KeepsVoided final : public StoreTap {
 public:
  using StoreTap::StoreTap;
  uint64_t AppendVoid(ChainId, Version, Epoch) override {
    return StoreTap::AppendNote("canary", "");
  }
};

// 5.3d: W is written as soon as there is an entry.
class CommitsAhead final : public StoreTap {
 public:
  using StoreTap::StoreTap;
  uint64_t AppendEntry(ChainId chain, Entry entry) override {
    const Version version = entry.version;
    const bool pending = entry.arrival == Arrival::kPending;
    const uint64_t position = StoreTap::AppendEntry(chain, std::move(entry));
    if (pending) StoreTap::SetCommitted(chain, version);
    return position;
  }
};

// 4.2: batches of an earlier life become valid again: the void records that stand behind them are
// not found by the next recovery.
class RevivesVoided final : public StoreTap {
 public:
  // What was voided, by store: outlives the process, as the bytes on a disk do.
  struct Stale {
    Entry entry;
    std::vector<uint8_t> bytes;
  };
  using Graves = std::map<StoreId, std::map<ChainId, std::map<Version, Stale>>>;

  RevivesVoided(std::unique_ptr<ChunkStore> inner, std::shared_ptr<Graves> graves)
      : StoreTap(std::move(inner)), graves_(std::move(graves)) {}

  std::map<ChainId, ChainRecord> TakeChains() override {
    auto chains = StoreTap::TakeChains();
    for (auto& [chain, stale] : (*graves_)[identity().store]) {
      for (auto& [version, grave] : stale) {
        Entry entry = grave.entry;
        entry.arrival = Arrival::kCommitted;
        entry.payload = pool_.Copy(grave.bytes);
        StoreTap::AppendEntry(chain, std::move(entry));
      }
    }
    (*graves_)[identity().store].clear();
    return chains;
  }
  uint64_t AppendEntry(ChainId chain, Entry entry) override {
    if (entry.arrival == Arrival::kPending && entry.kind == EntryKind::kData) {
      Stale& kept = pending_[chain][entry.version];
      kept.entry.place = entry.place;
      kept.entry.version = entry.version;
      kept.entry.kind = entry.kind;
      kept.entry.session = entry.session;
      kept.entry.checksums = entry.checksums;
      kept.bytes.assign(entry.payload.span().begin(), entry.payload.span().end());
    }
    return StoreTap::AppendEntry(chain, std::move(entry));
  }
  uint64_t AppendVoid(ChainId chain, Version above, Epoch below) override {
    auto& pending = pending_[chain];
    auto& graves = (*graves_)[identity().store][chain];
    for (auto it = pending.upper_bound(above);
         it != pending.end() && it->first < Version(below, 0);) {
      graves.insert_or_assign(it->first, std::move(it->second));
      it = pending.erase(it);
    }
    return StoreTap::AppendVoid(chain, above, below);
  }
  void SetCommitted(ChainId chain, Version committed) override {
    auto& pending = pending_[chain];
    pending.erase(pending.begin(), pending.upper_bound(committed));
    StoreTap::SetCommitted(chain, committed);
  }

 private:
  std::shared_ptr<Graves> graves_;
  std::map<ChainId, std::map<Version, Stale>> pending_;
  BufferPool pool_;
};

template <class Store>
WrapStore Wrapping() {
  return [](std::unique_ptr<ChunkStore> inner) -> std::unique_ptr<ChunkStore> {
    return std::make_unique<Store>(std::move(inner));
  };
}

Seams StaleBatchAccepted() {
  auto graves = std::make_shared<RevivesVoided::Graves>();
  return WithStores([graves](std::unique_ptr<ChunkStore> inner) -> std::unique_ptr<ChunkStore> {
    return std::make_unique<RevivesVoided>(std::move(inner), graves);
  });
}

}  // namespace

std::vector<Canary> Canaries() {
  return {
      {"NoFlush", NoFlush()},
      {"CommitWithoutOneReport", CommitWithoutOneReport()},
      {"LevelIsTheMaximum", LevelIsTheMaximum()},
      {"NoVoid", WithStores(Wrapping<KeepsVoided>())},
      {"WLeads", WithStores(Wrapping<CommitsAhead>())},
      {"WrongBase", WrongBase()},
      {"StaleBatchAccepted", StaleBatchAccepted()},
      {"SessionUsedAgain", SessionUsedAgain()},
  };
}

}  // namespace storpool::sim
