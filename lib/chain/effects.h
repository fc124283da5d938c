// What a replica wants done: a closed list of effects, executed by its shell in order. Nothing in
// lib/chain acts by itself; a test or the simulator executes the same effects against fakes.
//
// Invariants: durable records are numbered from 1 without gaps and appended to the store in that
// order; an effect refers to nothing of the replica, so it may be executed at any later time, but
// never before one that stands in front of it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/block_lookup.h"
#include "lib/base/chain_record.h"
#include "lib/base/entry.h"
#include "lib/base/request_window.h"
#include "lib/base/types.h"
#include "lib/model/chain_config.h"
#include "lib/model/line_view.h"
#include "lib/wire/messages.h"

namespace storpool::chain {

// A connection of a client, as its shell numbers them; 0 is none. Opaque to the chain.
using ClientRef = uint64_t;

// ---- Durable records (lib/chunkstore's Append calls) ----------------------------------------

struct AppendEntry {
  Entry entry;
  bool heals = false;  // damaged bytes of this version: it needs no room
};
// The shell encodes `config`: it comes back, decoded, when the replica is built again.
struct AppendAdopt {
  Epoch epoch;
  model::NamedConfig config;
};
struct AppendVoid {
  Version above;
  Epoch below;
};
struct AppendBase {
  Version base;
};
struct AppendChunkBase {
  ChunkKey chunk;
  Version base;
};
struct AppendCompleteUpTo {
  Version complete_up_to;
};
struct AppendMinGeneration {
  model::Raise raise;
};
struct AppendWindow {
  Session session;
  RequestWindow window;
};
struct AppendEndSession {
  Session session;
};
struct AppendDiscardChain {};

using Record = std::variant<AppendEntry, AppendAdopt, AppendVoid, AppendBase, AppendChunkBase,
                            AppendCompleteUpTo, AppendMinGeneration, AppendWindow, AppendEndSession,
                            AppendDiscardChain>;

// Append `record`. Replica::OnDurable(n) tells that every record up to n survives power loss.
struct Persist {
  uint64_t number = 0;
  Record record;
};

// W: the store moves pending entries up to it to its index. Lags, never leads (5.3d).
struct SetCommitted {
  Version committed;
};

// ---- Asking the store; `id` comes back with the result --------------------------------------

// -> OnStoreRead. Sees every entry that an earlier effect appended, if `include_pending`.
struct StoreRead {
  uint64_t id = 0;
  ChunkKey chunk;
  std::shared_ptr<const model::LineView> line;  // as seen from `layer`
  LayerId layer;
  BlockRange blocks;
  bool include_pending = false;
};
// -> OnStoreExtent: from the first to the last of these blocks of which the chunk has an entry, in
// whatever layer, those that an earlier effect appended included. By the index alone.
struct StoreExtent {
  uint64_t id = 0;
  ChunkKey chunk;
  BlockRange blocks;
};
// -> OnStoreScan: committed entries of one chunk above a version, a step at a time (5.6).
struct StoreScan {
  uint64_t id = 0;
  ChunkKey chunk;
  Version above;
  uint64_t cursor = 0;
  bool of_resync = false;  // may wait, so that all resyncs of a node have no more than it can hold
};
// -> OnStoreChunks
struct StoreListChunks {
  uint64_t id = 0;
  Version above;
};
// -> OnStorePending: the entries that are pending when this effect is executed, those of earlier
// effects included, whatever is committed before their payload has been read.
struct StorePendingAbove {
  uint64_t id = 0;
  Version above;
};

// ---- Room (4.11) ----------------------------------------------------------------------------

enum class RoomFor : uint8_t { kCredit, kSync };

// -> OnRoom
struct Reserve {
  RoomFor purpose = RoomFor::kCredit;
  uint64_t bytes = 0;
};
struct ReturnRoom {
  uint64_t bytes = 0;
};

// ---- Members and clients --------------------------------------------------------------------
// What they send comes with payloads that match their checksums: lib/wire compares, once (6.3).

// To the reactor of a disk. Without a connection to it the message is dropped: the replica hears
// of a new connection by OnMemberConnected and repeats what is needed.
struct Send {
  DiskId to;
  wire::Message message;
};

// A write has been decided. The shell answers, the first that it can: over a connection of
// `relay.answer.session`; over `client`, the connection that asked this member (0: none did); by
// sending `relay` to the disk `head`, unless that is this very disk (5.2.4).
struct AnswerWrite {
  ClientRef client = 0;
  DiskId head;
  wire::RelayAnswer relay;
  uint64_t bytes = 0;  // that this member has committed for it, for counting
};
struct AnswerRead {
  ClientRef client = 0;
  wire::ReadAnswer answer;
};
struct HintConfig {
  ClientRef client = 0;
  model::ChainConfig config;
};

// From now on promise answers to the reactor of disk `tail` name (chain, epoch) (5.4, R1).
struct NameAgainst {
  DiskId tail;
  ChainId chain;
  Epoch epoch;
};

// -> OnLineKnown, as soon as the node has this line at this version or a later one (S7).
struct NeedLine {
  LineageId lineage;
  LineVersion version;
};

// ---- To metadata ----------------------------------------------------------------------------

// Coordinator: everybody has levelled out: mark the epoch opened (5.5d).
struct OpenReady {
  Epoch epoch;
  Version opened_at;  // T
};
// Coordinator: this epoch can never open with `disk` as serving; name again without it (R12, R13).
struct LevelFailed {
  Epoch epoch;
  DiskId disk;
  std::string reason;
};
// Head: this open epoch has hardly a version left (5.1); metadata names the chain again.
struct EpochEnds {
  Epoch epoch;
};
// Said by target and source both; metadata promotes when they agree on the session (5.6).
struct Promotable {
  DiskId target;
  Version complete_up_to;  // F
  wire::SyncSession session;
};
// The raise with this id is durable here, the epoch is open, this member serves in it, and nothing
// of a lower generation is pending (5.9, R20).
struct Raised {
  uint64_t id = 0;
  Epoch epoch;
};
// Something that an operator must see.
struct Alarm {
  std::string text;
};

// Call OnTimer at this moment (replaces what was set before; Instant::Max(): not at all).
struct SetTimer {
  Instant at;
};

using Effect = std::variant<Persist, SetCommitted, StoreRead, StoreExtent, StoreScan,
                            StoreListChunks, StorePendingAbove, Reserve, ReturnRoom, Send,
                            AnswerWrite, AnswerRead, HintConfig, NameAgainst, NeedLine, OpenReady,
                            LevelFailed, EpochEnds, Promotable, Raised, Alarm, SetTimer>;

// A list that keeps its memory. While executing it the shell may call replicas with the same list:
// what they add stands behind and is executed in its turn.
//
//   for (size_t i = 0; i < effects.size(); ++i) Execute(effects.Take(i));
//   effects.Clear();
class Effects {
 public:
  template <class E>
  void Add(E effect) {
    list_.emplace_back(std::in_place_type<E>, std::move(effect));
  }
  size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  const Effect& operator[](size_t i) const { return list_[i]; }
  Effect Take(size_t i) { return std::move(list_[i]); }
  void Clear() { list_.clear(); }

 private:
  std::vector<Effect> list_;
};

// ---- What the store answers -----------------------------------------------------------------

struct StoreReadResult {
  uint64_t id = 0;
  bool ok = false;                       // false: the store has failed
  std::span<const BlockResult> results;  // one for each block, for the duration of the call
  Buffer payload;                        // blocks.count blocks; only the kData ones are filled
};
// A block that the index has and whose bytes on the device do not match: whoever relies on the scan
// asks another mirror for it, by exact version (4.12).
struct DamagedBlock {
  LayerId layer;
  uint32_t block = 0;  // of the chunk
  Version version;
};
struct StoreScanResult {
  uint64_t id = 0;
  bool ok = false;
  uint64_t cursor = 0;
  bool at_end = false;
  LineVersion line_version;  // under which the store's index was read
  std::vector<Entry> entries;
  std::vector<DamagedBlock> damaged;  // in none of the entries
};
struct StorePendingResult {
  uint64_t id = 0;
  bool ok = false;
  std::vector<Entry> entries;
};

}  // namespace storpool::chain
