// One member of one chain: this disk's part in the protocol of design section 5, as a step
// function. Each call takes an input and the time, changes the state and adds effects (effects.h).
//
// Knows neither store, network nor clock. Never calls back. Reactor thread only. The shell checks
// that a message is for this disk and from the disk that it names; the replica checks all else, so
// that anything may arrive at any time, late, twice or never.
//
// A replica built from its store's record refuses everything until metadata names, or opens as
// syncing, an epoch (5.3b, hazard 3.6).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "lib/base/chain_record.h"
#include "lib/base/types.h"
#include "lib/chain/effects.h"
#include "lib/chain/promises.h"
#include "lib/model/chain_config.h"
#include "lib/model/line.h"
#include "lib/wire/messages.h"

namespace storpool::chain {

struct ReplicaState;

// A disk as this life of its process sees it.
struct OwnDisk {
  DiskId disk;
  StoreId store;
  Incarnation incarnation;
};

// A resync as its source sees it, in bytes of data. Left is an estimate, never too low: blocks that
// the target has already count until their chunk is done.
struct ResyncStatus {
  DiskId target;
  uint64_t done_bytes = 0;  // durable at the target
  uint64_t left_bytes = 0;
};

// For status, for people and for tests; nothing decides by it.
struct ReplicaStatus {
  enum class Role : uint8_t { kNone, kServing, kSyncing };
  Role role = Role::kNone;
  Epoch epoch;             // the highest adopted
  bool opened = false;     // this epoch is open, as far as this member knows
  Version durable;         // D
  Version committed;       // W
  Version complete_up_to;  // F, of a syncing member
  size_t pending = 0;      // entries above W
  size_t waiting = 0;      // requests that wait for room or for an overlapping one
  bool sync_running = false;
  // What this member would still have after a power loss, as far as the chain knows: its base, if
  // it is not serving; nothing if it serves, since then it is the W that its store has durable
  // (5.1).
  std::optional<Version> durable_base;
  absl::InlinedVector<ResyncStatus, 1> resyncs;  // that this member is the source of
};

class Replica {
 public:
  // `config` is what the last AppendAdopt of this chain held, if there was one. `started` is when
  // this life of the disk began. `promises` and `pool` outlive the replica.
  Replica(const ChainRecord& record, std::optional<model::NamedConfig> config, const OwnDisk& self,
          Instant started, const LeaseView& promises, BufferPool& pool);
  ~Replica();

  // ---- From metadata. Names and opens may come late, twice and in any order.
  // Also with an opened config: for syncing and former members, and after a gap.
  void OnName(const model::NamedConfig& config, Instant now, Effects& out);
  void OnOpened(const model::ChainConfig& opened, Instant now, Effects& out);
  // Counts only in the epoch it was computed for (5.6).
  void OnHorizon(Epoch epoch, Version horizon, Instant now, Effects& out);
  // -> Raised{id}, perhaps never: a chain that does not open is named again with the raise (5.9).
  void OnRaise(uint64_t id, const std::vector<model::Raise>& raises, Instant now, Effects& out);
  void OnEndSession(const Session& session, Instant now, Effects& out);
  // A former member deletes its data: `opened` names an opened epoch without this disk (5.7).
  void OnDiscard(const model::ChainConfig& opened, Instant now, Effects& out);

  // ---- From clients. `line` is the line of the request's lineage as this node knows it; without
  // it the shell answers kStaleLine or kGone itself. The request is moved from.
  void OnWrite(wire::WriteRequest&& request, ClientRef client, const model::Line& line, Instant now,
               Effects& out);
  void OnRead(const wire::ReadRequest& request, ClientRef client, const model::Line& line,
              Instant now, Effects& out);
  void OnClientLost(ClientRef client, Instant now, Effects& out);

  // ---- From members.
  void OnMemberConnected(const wire::DiskHere& member, Instant now, Effects& out);
  void OnMemberLost(DiskId member, Instant now, Effects& out);
  // Every message between members (those with a wire::Common), RepairRead excepted.
  void OnMessage(wire::Message&& message, Instant now, Effects& out);
  void OnRepairRead(const wire::RepairRead& request, const model::Line& line, Instant now,
                    Effects& out);
  // A promise answer has named this chain: reads that wait are looked at again (R1).
  void OnPromise(Instant now, Effects& out);

  // ---- From the store and the node.
  void OnDurable(uint64_t record_number, Instant now, Effects& out);
  void OnStoreRead(StoreReadResult&& result, Instant now, Effects& out);
  void OnStoreExtent(uint64_t id, BlockRange extent, Instant now, Effects& out);
  void OnStoreScan(StoreScanResult&& result, Instant now, Effects& out);
  void OnStoreChunks(uint64_t id, std::vector<ChunkSize> chunks, Instant now, Effects& out);
  void OnStorePending(StorePendingResult&& result, Instant now, Effects& out);
  void OnRoom(RoomFor purpose, uint64_t bytes, bool granted, Instant now, Effects& out);
  void OnStoreFailed(Instant now, Effects& out);
  // The node has this line now: asked for, or newer than before.
  void OnLineKnown(const model::Line& line, Instant now, Effects& out);
  void OnTimer(Instant now, Effects& out);

  ReplicaStatus status() const;
  // When OnTimer is due: what the last SetTimer said, after each of the calls above.
  Instant next_timer() const;
  // What was scanned and sent to targets of resyncs, and is not acknowledged.
  uint64_t scan_bytes_out() const;
  // The config that this member has adopted; epoch 0 if none.
  const model::NamedConfig& config() const;
  // For invariant checkers and tests; never for logic.
  const ReplicaState& state() const { return *state_; }

 private:
  void SetTimerIfChanged(Effects& out);

  std::unique_ptr<ReplicaState> state_;
};

}  // namespace storpool::chain
