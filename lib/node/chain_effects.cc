// What each effect of a replica does (lib/chain/effects.h).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/control/convert.h"
#include "lib/node/chain_host.h"
#include "lib/node/chain_table.h"
#include "lib/node/clients.h"
#include "lib/node/disk_host.h"
#include "lib/node/leases.h"
#include "lib/node/lines.h"
#include "lib/node/metadata_session.h"
#include "lib/node/peers.h"
#include "lib/node/scan_queue.h"

namespace storpool::node {
namespace {

// Appends a record to the store; returns its position.
struct Appender {
  chunkstore::ChunkStore& store;
  ChainId chain;

  uint64_t operator()(chain::AppendEntry&& r) const {
    return r.heals ? store.AppendHeal(chain, std::move(r.entry))
                   : store.AppendEntry(chain, std::move(r.entry));
  }
  uint64_t operator()(chain::AppendAdopt&& r) const {
    return store.AppendAdopt(chain, r.epoch, control::ToMessage(r.config).SerializeAsString());
  }
  uint64_t operator()(chain::AppendVoid&& r) const {
    return store.AppendVoid(chain, r.above, r.below);
  }
  uint64_t operator()(chain::AppendBase&& r) const { return store.AppendBase(chain, r.base); }
  uint64_t operator()(chain::AppendChunkBase&& r) const {
    return store.AppendChunkBase(chain, r.chunk, r.base);
  }
  uint64_t operator()(chain::AppendCompleteUpTo&& r) const {
    return store.AppendCompleteUpTo(chain, r.complete_up_to);
  }
  uint64_t operator()(chain::AppendMinGeneration&& r) const {
    return store.AppendMinGeneration(chain, r.raise.volume, r.raise.client, r.raise.generation);
  }
  uint64_t operator()(chain::AppendWindow&& r) const {
    return store.AppendWindow(chain, r.session, r.window);
  }
  uint64_t operator()(chain::AppendEndSession&& r) const {
    return store.AppendEndSession(chain, r.session);
  }
  uint64_t operator()(chain::AppendDiscardChain&&) const { return store.AppendDiscardChain(chain); }
};

}  // namespace

void ChainHost::Do(chain::Persist&& e) {
  const bool discard = std::holds_alternative<chain::AppendDiscardChain>(e.record);
  if (const auto* append = std::get_if<chain::AppendEntry>(&e.record)) {
    if (!append->heals) UseRoom(append->entry.payload.size());
  }
  const uint64_t position = std::visit(Appender{disk_.store(), chain_}, std::move(e.record));
  if (!awaits_) disk_.AwaitsDurable(this);
  awaits_ = true;
  records_.Push(position);
  if (discard) disk_.OnDiscarded(chain_, position);
}

void ChainHost::Do(chain::SetCommitted&& e) { disk_.store().SetCommitted(chain_, e.committed); }
void ChainHost::Do(chain::StoreRead&& e) { disk_.Read(*this, std::move(e)); }
void ChainHost::Do(chain::StorePendingAbove&& e) { disk_.ReadPending(*this, e); }

void ChainHost::Do(chain::StoreExtent&& e) {
  const BlockRange extent = disk_.store().Extent(e.chunk, e.blocks);
  Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnStoreExtent(e.id, extent, now, out);
  });
}

// A resync waits while the node's others have much under way; a level-out does not.
void ChainHost::Do(chain::StoreScan&& e) {
  if (!e.of_resync) return disk_.Scan(*this, e);
  services_.scans->Add(disk_.id(), [this, e] { disk_.Scan(*this, e); });
}

void ChainHost::Do(chain::StoreListChunks&& e) {
  std::vector<ChunkSize> chunks = disk_.store().ChunksAbove(chain_, e.above);
  Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnStoreChunks(e.id, std::move(chunks), now, out);
  });
}

void ChainHost::Do(chain::Reserve&& e) {
  const bool granted = disk_.store().Reserve(e.bytes);
  if (granted) room_bytes_ += e.bytes;
  Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnRoom(e.purpose, e.bytes, granted, now, out);
  });
}

void ChainHost::Do(chain::ReturnRoom&& e) {
  const uint64_t reserved = disk_.store().usage().reserved_bytes;
  const uint64_t bytes = std::min({e.bytes, room_bytes_, reserved});
  room_bytes_ -= bytes;
  disk_.store().Unreserve(bytes);
}

// The store takes an entry's bytes from what is reserved on the disk. One that the chain has no
// room for (fetched in a level-out) must not take what others were promised; on a full disk it
// does, since a level-out always goes on (4.11).
void ChainHost::UseRoom(uint64_t size_bytes) {
  if (room_bytes_ >= size_bytes) {
    room_bytes_ -= size_bytes;
  } else if (disk_.store().Reserve(size_bytes - room_bytes_)) {
    room_bytes_ = 0;
  }
}

void ChainHost::Do(chain::Send&& e) {
  if (services_.chains->DiskHere(e.to) != nullptr) {
    services_.chains->DeliverLocally(std::move(e.message));
  } else {
    services_.peers->Send(e.to, e.message);
  }
}

void ChainHost::Do(chain::AnswerWrite&& e) {
  if (e.bytes > 0) {
    ++disk_.counters().writes;
    disk_.counters().written_bytes += e.bytes;
  }
  // 5.2.4: whoever has a connection of the client answers; a tail without one tells the head.
  if (services_.clients->AnswerWrite(e.client, e.relay.answer)) return;
  if (e.head == disk_.id()) return;
  Do(chain::Send{e.head, std::move(e.relay)});
}

void ChainHost::Do(chain::AnswerRead&& e) {
  if (e.answer.result == wire::Result::kOk) {
    ++disk_.counters().reads;
    disk_.counters().read_bytes += uint64_t{e.answer.blocks} * kBlockBytes;
  }
  services_.clients->Send(e.client, e.answer);
}

void ChainHost::Do(chain::HintConfig&& e) {
  services_.clients->Send(e.client, wire::ConfigHint{std::move(e.config)});
}

void ChainHost::Do(chain::NameAgainst&& e) {
  services_.leases->NameAgainst(e.tail, e.chain, e.epoch);
}

void ChainHost::Do(chain::NeedLine&& e) { services_.lines->Await(*this, e.lineage, e.version); }

void ChainHost::Do(chain::OpenReady&& e) {
  ToMetadata message;
  storpool::OpenReady& ready = *message.mutable_open_ready();
  ready.set_chain(chain_.raw());
  ready.set_epoch(e.epoch.value());
  ready.set_opened_at(e.opened_at.raw());
  services_.metadata->Send(message);
}

void ChainHost::Do(chain::LevelFailed&& e) {
  ToMetadata message;
  storpool::LevelFailed& failed = *message.mutable_level_failed();
  failed.set_chain(chain_.raw());
  failed.set_epoch(e.epoch.value());
  failed.add_without_disks(e.disk.value());
  failed.set_reason(e.reason);
  services_.Log(env::LogLevel::kWarning,
                absl::StrCat("chain ", ToString(chain_), " epoch ", e.epoch.value(),
                             " cannot open with disk ", e.disk.value(), ": ", e.reason));
  services_.metadata->Send(message);
}

void ChainHost::Do(chain::EpochEnds&& e) {
  ToMetadata message;
  storpool::LevelFailed& ended = *message.mutable_level_failed();
  ended.set_chain(chain_.raw());
  ended.set_epoch(e.epoch.value());
  ended.set_reason("its sequence is near its end");
  services_.metadata->Send(message);
}

void ChainHost::Do(chain::Promotable&& e) {
  ToMetadata message;
  storpool::Promotable& promotable = *message.mutable_promotable();
  const model::ChainConfig& config = replica_.config().named;
  const model::Member* target = config.Find(e.target);
  if (target == nullptr) return;
  promotable.set_chain(chain_.raw());
  promotable.set_epoch(config.epoch.value());
  promotable.set_disk(e.target.value());
  promotable.set_store(target->store.value());
  promotable.set_incarnation(e.session.target.value());
  promotable.set_complete_up_to(e.complete_up_to.raw());
  services_.metadata->Send(message);
}

void ChainHost::Do(chain::Raised&& e) {
  services_.metadata->Raised(e.id, disk_.id(), chain_, e.epoch);
}

void ChainHost::Do(chain::Alarm&& e) {
  services_.metadata->Alarm(absl::StrCat("disk ", disk_.id().value(), " of node ",
                                         services_.self.value(), ", chain ", ToString(chain_), ": ",
                                         e.text));
}

}  // namespace storpool::node
