// The state of one replica, plain. Who changes what: each struct names the file of its steps.
// Words as in design 5.1: D is `durable`, W is `committed`, F is `complete_up_to`, T is `level` or
// `opened_at`.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "lib/base/chain_record.h"
#include "lib/base/limits.h"
#include "lib/base/types.h"
#include "lib/chain/effects.h"
#include "lib/chain/promises.h"
#include "lib/chain/replica.h"
#include "lib/chain/ring.h"
#include "lib/chain/slots.h"
#include "lib/model/chain_config.h"
#include "lib/wire/messages.h"

namespace storpool::chain {

using Role = ReplicaStatus::Role;

// An entry above W: what is left of it in memory once it is in the store's log.
struct PendingEntry {
  Version version;
  uint64_t record = 0;  // durable when OnDurable reaches it
  Session session;
  uint64_t number = 0;  // 0: not the (last) entry of a request
  uint64_t answered_below = 0;
  Place place;
};

// sessions.cc (5.8). Only `window` outlives the process: the store keeps it too.
struct SessionState {
  RequestWindow window;       // committed numbers
  uint64_t highest_seen = 0;  // a number above it is new for certain
  ClientRef client = 0;       // the newest connection that wrote here
  bool fenced = false;        // its generation is below the minimum (5.9)
};

// Entries on their way to another member: the successor, or a target of a resync (forward.cc).
struct Feed {
  enum class Stage : uint8_t {
    kLive,     // every entry is sent as it is accepted
    kBroken,   // the link was lost: nothing is sent until the member says what it has
    kReading,  // what it lacks is read from the log; newer entries wait in `held`
  };
  Stage stage = Stage::kLive;
  uint64_t query = 0;
  Version sent;
  std::vector<Entry> held;
};

// Blocks that the head must know before it can order a request (ingress.cc): the block at either
// edge of one that begins or ends within a block, or all blocks of a fill.
struct Lookup {
  uint64_t read = 0;  // 0: done
  BlockRange blocks;
  std::vector<BlockResult> found;
  Buffer old;
};

// A request at the head that is not ordered yet: it waits for an overlapping one, for blocks that
// it must know, or for room (ingress.cc, 4.13, 4.11).
struct Ingress {
  enum class Stage : uint8_t { kWaiting, kReading, kReady };
  Stage stage = Stage::kWaiting;
  wire::WriteRequest request;
  std::shared_ptr<const model::LineView> line;
  uint32_t foreign_blocks = 0;  // blocks of the chunk that a foreign parent may have (9.4)
  BlockRange blocks;            // all that the request touches
  std::vector<Lookup> lookups;  // at most two
  BlockRange hole;              // of a trim: the whole blocks that have something to hide
  uint64_t extent = 0;          // the query that says which these are; 0: none, or it is answered
};

// read.cc (5.4)
struct PendingRead {
  // kAgain: what was read for it has been given back; it is read again when it can be answered.
  enum class Stage : uint8_t { kStore, kRepair, kConfirm, kAgain };
  Stage stage = Stage::kStore;
  ClientRef client = 0;
  wire::ReadRequest request;
  std::shared_ptr<const model::LineView> line;
  bool newest = false;  // it asks for what the volume holds now, in whatever layer
  uint32_t foreign_blocks = 0;
  std::vector<BlockResult> results;
  Buffer payload;
  bool kept = false;   // the payload counts in `kept_bytes`
  uint64_t round = 0;  // kConfirm: every other member must have answered this round
};

// A damaged block asked from the other mirrors, one after the other (repair.cc, 4.12).
struct Repair {
  uint64_t waiting = 0;  // the read id of the PendingRead or Lookup that waits; 0: a ChunkWalk
  wire::RepairRead ask;
  BlockResult damaged;
  Instant asked_at;
  size_t next_member = 0;  // whom to ask next, round and round
  uint32_t without = 0;    // members that do not have it, by their place in the config
};

// Another mirror's question, being read here (repair.cc).
struct RepairServe {
  wire::RepairRead ask;
  std::shared_ptr<const model::LineView> line;
  bool pending_tried = false;
};

// At the tail: what each serving member has reported (commit.cc).
struct Report {
  DiskId disk;
  Version durable;
};

// At the head: what each serving member has granted in this epoch (credits.cc, 4.11).
struct Credit {
  DiskId disk;
  uint64_t total_bytes = 0;
  bool asked = false;
};

// At the coordinator, the head of a named epoch (level_out.cc, 5.5c).
struct LevelOut {
  struct Member {
    wire::Adopted adopted;
    bool levelled = false;
    uint64_t credit_bytes = 0;
  };
  Epoch epoch;
  std::map<DiskId, Member> members;  // those that have reported
  std::optional<Version> level;      // T, once decided
  bool failed = false;
  bool ready = false;  // everybody has levelled out
};

// At every member of a named epoch, until it opens (reconfigure.cc, level_out.cc).
struct Change {
  uint64_t adopt_record = 0;
  bool adopted = false;          // durable: refuses all lower epochs from here on
  std::optional<Version> level;  // T, once told
  uint64_t level_record = 0;     // void record and all that was fetched
  bool fetched = true;           // a promoted member has what it lacked
  bool room_answered = false;
  bool levelled = false;  // all of it durable: Leveled was said
  size_t fetch_attempts = 0;
};

// A name that waits for promises to run out (5.4).
struct ToldName {
  model::NamedConfig config;
  Instant adopt_at;
};

// Serving a promoted member's Fetch, or a resync's scan: chunk by chunk (fetch.cc,
// resync_source.cc)
struct ChunkWalk {
  uint64_t list_query = 0;
  std::vector<ChunkSize> chunks;
  size_t next = 0;
  uint64_t scan_query = 0;
  // The step that was read last.
  uint64_t cursor = 0;
  bool at_end = false;  // of the chunk
  LineVersion line_version;
  std::vector<DamagedBlock> damaged;  // asked from the other mirrors, the last one first
  uint64_t repair = 0;                // that asks for it
  // Of this chunk, what no other mirror has either, and the one with the lowest version.
  uint32_t lost_blocks = 0;
  DamagedBlock lost;
};

struct FetchServe {
  DiskId target;
  Version above, up_to;
  ChunkWalk walk;
  uint64_t pending_query = 0;
};

// resync_source.cc (5.6)
struct SyncSource {
  struct Streamed {
    Version version;
    uint64_t total_bytes = 0;
  };
  DiskId target;
  wire::SyncSession session;
  bool asked = false;                // the target has said all that it has
  bool begun = false;                // its turn has come
  Instant progress_at;               // of the scan
  Instant look_at = Instant::Max();  // whether what was sent has been acknowledged since
  Version base;
  std::map<ChunkKey, Version> chunk_bases;
  Version stream_base;
  Ring<Streamed> streamed;  // new entries that the target has not acknowledged as durable
  uint64_t stream_bytes = 0, stream_bytes_durable = 0;
  Feed feed;
  ChunkWalk walk;
  bool scan_ended = false;
  uint64_t scan_bytes_sent = 0;
  uint64_t scan_bytes_durable = 0;
  uint64_t unscanned_bytes = 0;   // data of the chunks from walk.next on, as listed
  uint64_t chunk_bytes_sent = 0;  // of the one at walk.next
  // Chunks with blocks that nobody has undamaged: the target must not take them for complete. They
  // are scanned again later, since somebody who has the blocks may return, or write over them.
  std::vector<ChunkSize> unfinished;
  std::string lost;  // one of them, for people
  Instant rescan_at = Instant::Max();
  Duration rescan_delay;
  // F, once the target lacks nothing, and when metadata is told so again.
  Version complete_up_to;
  Instant announce_at = Instant::Max();
};

// resync_target.cc (5.6)
struct SyncTarget {
  enum class Stage : uint8_t { kIdle, kRoom, kOpening, kRunning };
  struct ScannedChunk {
    wire::SyncChunkEnd end;
    uint64_t record = 0;  // the last scanned entry before it
  };
  struct ScannedBytes {
    uint64_t record = 0;
    uint64_t total = 0;
  };
  Stage stage = Stage::kIdle;
  wire::SyncSession session;
  uint32_t sessions_opened = 0;
  Version stream_base;
  Version stream_received, stream_durable;
  Version source_committed;  // W of the source
  uint64_t scan_bytes_received = 0, scan_bytes_durable = 0;
  Ring<ScannedBytes> unscanned;  // received, not yet durable
  Ring<ScannedChunk> chunks;     // ended, not yet counted
  uint64_t room_bytes = 0;       // reserved and not yet used
  bool room_asked = false;
  bool scan_ended = false;
  bool complete = false;         // every chunk is scanned and durable
  uint64_t complete_record = 0;  // that says so (R16)
  bool announced = false;
  wire::SyncAck acked;  // the last one sent
  // The newest that have been known here in this session.
  std::map<LineageId, LineVersion> lines;
};

struct ReplicaState {
  ReplicaState(const ChainRecord& record, std::optional<model::NamedConfig> adopted,
               const OwnDisk& own, Instant started_at, const LeaseView& lease_view,
               BufferPool& buffers);

  // ---- Who and where
  const ChainId chain;
  const OwnDisk self;
  const Instant started;
  const LeaseView& promises;
  BufferPool& pool;
  std::map<DiskId, wire::DiskHere> connected;

  // ---- Membership
  Role role = Role::kNone;    // kNone: refuses everything
  Epoch epoch;                // the highest adopted
  model::NamedConfig config;  // of that epoch; `named.opened` once this member knows
  Version opened_at;          // T of this epoch, once opened
  bool damaged = false;       // the store has lost what was durable: counts for nothing (4.2)
  bool kept_aside = false;    // 5.5h: proof of lost writes; nothing is touched any more
  bool store_failed = false;
  bool released = false;  // a tail that gave its reads up for a newer epoch (R18)
  Epoch released_to_us;   // the last opened epoch whose tail has released it
  std::optional<ToldName> told;
  Change change;
  LevelOut level_out;

  // ---- Entries
  uint64_t last_record = 0;  // appended by this life
  uint64_t durable_record = 0;
  Version durable;             // D; frozen from adopting an epoch until it opens
  Version committed;           // W
  Ring<PendingEntry> pending;  // above W, in version order
  size_t pending_durable = 0;  // how many of them are durable
  uint32_t sequence = 0;       // last one accepted in this epoch
  bool resend_asked = false;
  Feed successor_feed;
  std::vector<Report> reports;  // tail
  Version told_committed;       // tail: the W that the others were told
  Instant commit_due = Instant::Max();

  // ---- Sessions
  absl::btree_map<Session, SessionState> sessions;
  std::map<std::pair<VolumeId, ClientId>, Generation> min_generation;
  struct RaiseOrder {
    uint64_t id = 0;
    std::vector<model::Raise> raises;
    uint64_t record = 0;
  };
  std::vector<RaiseOrder> raise_orders;
  // The newest layer of each lineage in which a write was seen; complete only if this life has
  // seen every write of the chain, or else an older layer takes none (I9).
  absl::btree_map<LineageId, LayerId> newest_layer;
  bool knows_layers = false;

  // ---- Head
  std::vector<Ingress> ingress;  // in order of arrival
  std::vector<Credit> credits;
  uint64_t spent_bytes = 0;  // ordered in this epoch

  // ---- Room granted to the head in this epoch, by this member
  uint64_t granted_bytes = 0;
  uint64_t used_bytes = 0;
  bool granting = false;  // a Reserve of this epoch is under way
  int stale_grants = 0;   // and so many of earlier ones: what they bring is given back

  // ---- Reads
  Slots<PendingRead> reads{0};
  uint64_t kept_bytes = 0;           // read for requests that could not be answered at once
  std::deque<uint64_t> reads_again;  // ids of those in kAgain, and of some that have ended since
  Slots<RepairServe> repair_serves{2};
  Slots<Repair> repairs{3};
  uint64_t confirm_round = 0;
  bool confirm_asked = false;            // that round is not answered by all yet
  std::map<DiskId, uint64_t> confirmed;  // the last round that each member has answered

  // ---- Base and resync
  bool has_base = true;  // not serving as far as the store knows: `base` counts, not W (5.1)
  Version base;
  uint64_t base_record = 0;  // that says so
  std::map<ChunkKey, Version> chunk_bases;
  Version complete_up_to;  // F
  Version horizon;         // of this epoch
  std::vector<SyncSource> sync_sources;
  SyncTarget sync_target;
  Instant sync_from;  // the next one: this disk was full
  std::vector<FetchServe> fetch_serves;

  uint64_t last_query = 0;
  Instant retry_at = Instant::Max();
  Instant timer = Instant::Max();  // as the shell was last told

  // ---- What follows from the above
  const model::ChainConfig& named() const { return config.named; }
  bool opened() const { return role == Role::kServing && config.named.opened; }
  bool is_head() const { return role == Role::kServing && named().head().disk == self.disk; }
  bool is_tail() const { return role == Role::kServing && named().tail().disk == self.disk; }
  bool ServesIn(const model::ChainConfig& config) const;
  // The opened config as this member knows it: the adopted one, or the one it was named with.
  const model::ChainConfig& last_opened() const {
    return config.named.opened ? config.named : config.last_opened;
  }
  Version NextVersion() const { return Version(epoch, sequence + 1); }
  wire::Common CommonTo(DiskId to) const;
  // The other serving members of the adopted config.
  template <class F>
  void ForOtherServing(F f) const {
    for (const model::Member& m : named().members) {
      if (m.role == model::Role::kServing && m.disk != self.disk) f(m.disk);
    }
  }
};

// Adds a durable record; returns its number.
template <class R>
uint64_t Append(ReplicaState& s, Effects& out, R record) {
  out.Add(Persist{++s.last_record, Record(std::move(record))});
  return s.last_record;
}

}  // namespace storpool::chain
