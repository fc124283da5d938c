// The messages of the data path as plain structs (design 5, 6.3): client with member, member with
// member. codec.h knows their bytes; docs/wire-format.md describes them. Nothing here acts.
//
// Payloads are whole blocks in a shared Buffer, except in a WriteRequest, which may begin and end
// within a block. Checksums are CRC-32C without seed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/chain_record.h"
#include "lib/base/checksums.h"
#include "lib/base/entry.h"
#include "lib/base/request_window.h"
#include "lib/base/types.h"
#include "lib/model/chain_config.h"
#include "lib/model/line.h"

namespace storpool::wire {

inline constexpr uint16_t kProtocolMin = 1;
inline constexpr uint16_t kProtocolMax = 1;

// ---- Connection ----------------------------------------------------------------------------

struct DiskHere {
  DiskId disk;
  StoreId store;
  Incarnation incarnation;
};

// The first frame in each direction (design 6.3). `proof` is a keyed digest of both nonces with
// the cluster secret; a wrong one closes the connection.
struct Hello {
  uint16_t protocol_min = kProtocolMin, protocol_max = kProtocolMax;
  std::array<uint8_t, 16> cluster = {};
  std::array<uint8_t, 16> nonce = {};
  std::array<uint8_t, 32> proof = {};  // zero in the first Hello of the connecting side
  bool is_client = false;
  NodeId node;      // !is_client
  ClientId client;  // is_client
  Incarnation process;
  std::vector<DiskHere> disks;
};

// ---- Client and member ---------------------------------------------------------------------

enum class WriteOp : uint8_t {
  kWrite = 1,
  kHole = 2,  // trim or write zeroes; sectors at unaligned edges are zeroed by the head
  kFill = 3,  // takes effect only where the lineage has no entry (design 9.4)
};

// Why a request was not done. The client decides by it: retry, fetch the config, give up.
enum class Result : uint8_t {
  kOk = 0,
  kWrongEpoch = 1,     // the config that the member has adopted follows as ConfigHint
  kNotServing = 2,     // named, not opened; or not a member; or the tail has no lease: try again
  kFenced = 3,         // the session's generation is below the minimum (5.9): final
  kRefusedNumber = 4,  // below the mark or beyond the window (5.8): final, a client's bug
  kNoSpace = 5,        // a member has denied credit (4.11): final for this request
  kGone = 6,           // layer or lineage unknown or dropped: fetch the line (4.7)
  kStaleLine = 7,      // the member is behind or ahead of the line version: fetch the line
  kNeedsBase = 8,      // a small write over a foreign parent (9.4)
  kBeyondEnd = 9,
  kMediaError = 10,  // every mirror's block is damaged
};

struct WriteRequest {
  ChainId chain;
  Epoch epoch;
  Session session;
  uint64_t number = 0;  // counts up per (session, chain), from 1, never restarts (5.8)
  uint64_t answered_below = 1;
  uint32_t attempt = 0;  // of the client, at this number: counts the copies that it has sent
  LineVersion line_version;
  WriteOp op = WriteOp::kWrite;
  LineageId lineage;
  ChunkIndex chunk;
  LayerId layer;
  uint32_t first_sector = 0;  // within the chunk
  uint32_t sectors = 0;       // kWrite and kFill: at most kRequestBytesMax
  Checksums checksums;        // of each block, or piece of a block, that the payload covers
  Buffer payload;             // kWrite and kFill
};

struct WriteAnswer {
  ChainId chain;
  Session session;
  uint64_t number = 0;
  Result result = Result::kOk;
  uint32_t attempt = 0;  // of a refusal: the copy that was refused; another may yet be taken
};

struct ReadRequest {
  ChainId chain;
  Epoch epoch;
  Session session;
  uint64_t number = 0;  // of this connection; has nothing to do with the numbers of writes
  LineVersion line_version;
  LineageId lineage;
  ChunkIndex chunk;
  LayerId layer;  // LayerId(): the newest that the tail knows
  BlockRange blocks;
  bool states_only = false;  // the answer has states, but neither payload nor checksums
};

// States of the blocks in order; the payload holds the blocks that are data, densely.
struct ReadAnswer {
  ChainId chain;
  uint64_t number = 0;
  Result result = Result::kOk;
  uint32_t blocks = 0;                                       // 0 unless kOk
  std::array<uint64_t, kRequestBlocksMax / 64> data = {};    // bit i: block i is data
  std::array<uint64_t, kRequestBlocksMax / 64> absent = {};  // bit i: ask the foreign parent
  Checksums checksums;                                       // one for each data block
  Buffer payload;
};

// The config that a member has adopted, so that clients follow without metadata (6.6).
struct ConfigHint {
  model::ChainConfig config;
};

// A client teaches a node a line that it lacks (9.3; metadata may be dead).
struct LineHint {
  model::Line line;
};

// ---- Member and member ---------------------------------------------------------------------

// What rides on every frame between members: the sender's D and W in `epoch`, and for the
// receiver that has not learned it, that the epoch is open, with its T (R17).
struct Common {
  ChainId chain;
  DiskId from, to;
  Epoch epoch;
  Version durable;    // D; 0: not reported
  Version committed;  // W
  bool opened = false;
  Version opened_at;  // T
};

struct Forward {
  Common common;
  Entry entry;
};

// D and W alone.
struct Progress {
  Common common;
};

// After a broken link, to the predecessor: "I have everything up to `have`" (5.2.2).
struct Resend {
  Common common;
  Version have;
};

// Tail to head: answer this client, I have no connection of its (5.2.4).
struct RelayAnswer {
  Common common;
  WriteAnswer answer;
};

struct Adopted {
  Common common;
  Version complete_up_to;  // F
  Incarnation incarnation;
  StoreId store;
  bool damaged = false;
};

struct Level {
  Common common;
  Version level;  // T
};

struct Leveled {
  Common common;
  Version level;
  uint64_t credit_bytes = 0;  // running total granted to the head in this epoch (4.11)
};

// To a former member: send (above, up_to] with pending ones, then FetchEnd.
struct Fetch {
  Common common;
  Version above, up_to;
};

struct FetchEntry {
  Common common;
  Entry entry;  // Arrival::kCommitted up to the sender's W, kPending above it
};

// Windows and minimum generations travel apart from the data (R10, R20), in pieces.
struct SessionState {
  Session session;
  RequestWindow window;
};

struct FetchEnd {
  Common common;
  Version up_to;
  bool more = false;  // another piece follows
  std::vector<SessionState> windows;
  std::vector<model::Raise> min_generations;
};

// ---- Reading: promises and confirmation (5.4) ----------------------------------------------

// Per pair of reactors, not per chain. `nonce` names the asking; the holder remembers when it sent.
struct PromiseRequest {
  uint64_t nonce = 0;  // counts up
  uint64_t heard = 0;  // the highest nonce whose answer has been taken: what it named is known
  uint32_t duration_ms = 0;
};

struct NamedChain {
  ChainId chain;
  Epoch epoch;
};

struct PromiseAnswer {
  uint64_t nonce = 0;
  uint32_t duration_ms = 0;  // promised; 0 if `named` did not hold all that had to be named
  // Chains for which the answerer was told of an epoch in which a tail of the asker's reactor does
  // not serve: the asker stops them before it counts this answer (R1).
  std::vector<NamedChain> named;
};

// Planned change: the tail has stopped serving the chain; final (R18).
struct Release {
  Common common;
};

struct Confirm {
  Common common;
  uint64_t round = 0;
};

struct ConfirmAnswer {
  Common common;
  uint64_t round = 0;
  Epoch highest_adopted;
};

// ---- Credits (4.11) ------------------------------------------------------------------------

struct CreditAsk {
  Common common;
  uint64_t want_bytes = 0;
};

struct CreditGrant {
  Common common;
  uint64_t total_bytes = 0;  // running total of this (member, chain, epoch)
  bool denied = false;       // nothing more for now: "no space"
};

// ---- Resync (5.6) --------------------------------------------------------------------------

// One session of stream and scan; every frame of it names it.
struct SyncSession {
  Incarnation source, target;
  uint32_t number = 0;
  auto operator<=>(const SyncSession&) const = default;
};

// Target to source: begin. Also repeats its bases: every chunk not named has `base`.
struct SyncOpen {
  Common common;
  SyncSession session;
  bool more = false;  // another piece, with more chunks, follows
  Version base;
  std::vector<std::pair<ChunkKey, Version>> chunk_bases;
};

// Source to target: the stream begins; `stream_base` is the source's W at this moment. Windows are
// copied here, committed numbers only.
struct SyncBegin {
  Common common;
  SyncSession session;
  bool more = false;  // another piece, with more sessions, follows
  Version stream_base;
  std::vector<SessionState> windows;
  std::vector<model::Raise> min_generations;
};

// A new write (or one above the source's W at the beginning), in order, without holes.
struct SyncStream {
  Common common;
  SyncSession session;
  Entry entry;  // Arrival::kPending
};

struct SyncScan {
  Common common;
  SyncSession session;
  Entry entry;  // Arrival::kCommitted
};

// The chunk was sent in full, under this line version; also for one with nothing to send (S7).
struct SyncChunkEnd {
  Common common;
  SyncSession session;
  ChunkKey chunk;
  LineVersion line_version;
};

// All chunks were sent.
struct SyncScanEnd {
  Common common;
  SyncSession session;
};

// Target to source: received and durable up to here; the scan's window opens by it.
struct SyncAck {
  Common common;
  SyncSession session;
  Version stream_durable;
  uint64_t scan_bytes_durable = 0;  // running total of the session
  bool lacks_nothing = false;       // every chunk scanned, everything durable: F = stream_durable
};

struct SyncEnd {
  Common common;
  SyncSession session;
  std::string reason;
};

// Read one block range by exact version from another mirror, to answer for a damaged one (4.12).
struct RepairRead {
  Common common;
  uint64_t number = 0;
  ChunkKey chunk;
  LayerId layer;  // as the reader asked; the block may lie in an older one of the line
  BlockRange blocks;
  Version version;
};

struct RepairAnswer {
  Common common;
  uint64_t number = 0;
  std::vector<Entry> entries;  // what this mirror has of them, verified; may be fewer
};

using Message =
    std::variant<Hello, WriteRequest, WriteAnswer, ReadRequest, ReadAnswer, ConfigHint, LineHint,
                 Forward, Progress, Resend, RelayAnswer, Adopted, Level, Leveled, Fetch, FetchEntry,
                 FetchEnd, PromiseRequest, PromiseAnswer, Release, Confirm, ConfirmAnswer,
                 CreditAsk, CreditGrant, SyncOpen, SyncBegin, SyncStream, SyncScan, SyncChunkEnd,
                 SyncScanEnd, SyncAck, SyncEnd, RepairRead, RepairAnswer>;

}  // namespace storpool::wire
