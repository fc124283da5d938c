// One disk: a log-structured store of blocks, design section 4. docs/disk-format.md is the truth
// about its bytes.
//
// Records of all chains of the disk go into one log, in the order of the Append calls. Each gets a
// position, counted from 1 in every incarnation; OnDurable(p) says that every record up to p
// survives power loss (group commit: a batch closes at the end of a turn). Invariants: nothing is
// overwritten in place; a pending entry replaces nothing and is read by nobody until W passes it;
// every read is verified against the index; the index in memory is always what recovery would
// build from the durable log plus what was appended since.
//
// Reactor thread only. Owns nothing of the device but the right to use it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/block_lookup.h"
#include "lib/base/chain_record.h"
#include "lib/base/entry.h"
#include "lib/base/random.h"
#include "lib/env/device.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"
#include "lib/model/line_view.h"

namespace storpool::chunkstore {

using ClusterUuid = std::array<uint8_t, 16>;

// Who a disk is: in both superblocks. A disk is known by this, never by its path (design 6.5).
struct StoreIdentity {
  ClusterUuid cluster = {};
  DiskId disk;
  StoreId store;            // random, made by Format
  Incarnation incarnation;  // counts the opens; durable before anything else is written
};

struct FormatOptions {
  ClusterUuid cluster = {};
  DiskId disk;
  StoreId store;
  // Refuses a device that carries our superblock, unless set.
  bool overwrite = false;
};

// Makes an empty store. Errors name what is wrong with the device: too small, already ours.
void Format(env::Device& device, env::Reactor& reactor, BufferPool& pool,
            const FormatOptions& options, absl::AnyInvocable<void(absl::Status)> done);

struct StoreUsage {
  uint64_t size_bytes = 0;      // of the device
  uint64_t usable_bytes = 0;    // what clients may fill
  uint64_t stored_bytes = 0;    // live blocks
  uint64_t reserved_bytes = 0;  // promised by Reserve and not yet used
  uint64_t free_bytes = 0;      // what Reserve can still grant, after cleaning
  uint64_t entries = 0;         // index entries, holes included: one for a run of 1 MiB
  uint64_t chunks = 0;
  // Live blocks that could not be read when they were to be moved: they stay where they are until
  // they are healed or written over.
  uint64_t unreadable_bytes = 0;
};

class StoreEvents {
 public:
  virtual ~StoreEvents() = default;
  virtual void OnDurable(uint64_t position) = 0;
  // A device request failed: nothing becomes durable any more, reads fail, the disk is out (4.3).
  virtual void OnFailed(const absl::Status& status) = 0;
  // free_bytes grew after Reserve had denied.
  virtual void OnRoom() = 0;
  // LineOf says something else than before.
  virtual void OnLine(LineageId) {}
};

// A read of blocks of one chunk. The caller owns it and keeps it and its memory until OnDone.
class ReadOp {
 public:
  virtual ~ReadOp() = default;
  // OK also with kDamaged blocks; an error means that the store failed or was told to stop.
  virtual void OnDone(const absl::Status& status) = 0;

  ChunkKey chunk;
  std::shared_ptr<const model::LineView> line;  // as seen from `layer`
  LayerId layer;
  BlockRange blocks;
  bool include_pending = false;    // the newest version, not the newest committed (heads, 4.13)
  std::span<BlockResult> results;  // blocks.count of them
  // blocks.count * kBlockBytes bytes, aligned; only kData blocks are filled.
  uint8_t* target = nullptr;

 private:
  friend class ChunkStoreImpl;
  void* state_ = nullptr;  // of the store while under way
};

// What a store has of a lineage's line.
struct KeptLine {
  LineVersion durable;      // this version would survive power loss now; 0: none
  LineVersion handed_over;  // all that this version removed is handed over or freed (4.8)
  uint64_t chunks_left = 0;
};

// What layers hold, counted chunk by chunk. Data blocks only.
struct LayerCount {
  uint64_t stored_blocks = 0;
  // That go if the layer is deleted: the next newer layer has an entry there, or there is none.
  uint64_t freed_blocks = 0;
};
struct LayerCounter {
  LineageId lineage;
  std::shared_ptr<const model::LineView> line;
  std::vector<ChainId> chains;  // whose chunks count; sorted
  ChunkIndex next;              // where to go on
  bool at_end = false;
  std::map<LayerId, LayerCount> counts;
};

// One step of a scan for a resync (design 5.6): committed entries of one chunk, all layers, whose
// version is above `above`, from `cursor` on. Entries come with payload and Arrival::kCommitted. A
// block that is damaged here is in no entry but in `damaged`: whoever relies on the scan fetches it
// elsewhere, by exact version (4.12), and must not take the chunk for complete before.
class ScanOp {
 public:
  virtual ~ScanOp() = default;
  virtual void OnDone(const absl::Status& status) = 0;

  ChunkKey chunk;
  Version above;
  uint64_t cursor = 0;         // 0 begins; set to where to go on
  bool at_end = false;         // set by the store
  std::vector<Entry> entries;  // about kRequestBytesMax of payload at most
  struct Damaged {
    LayerId layer;
    uint32_t block = 0;  // of the chunk
    Version version;
  };
  std::vector<Damaged> damaged;

 private:
  friend class ChunkStoreImpl;
  void* state_ = nullptr;
};

class ChunkStore {
 public:
  struct Options {
    env::Device& device;
    env::Reactor& reactor;
    BufferPool& pool;
    env::LogSink& log;
    // Checkpoint when this much log has been written since the last one.
    uint64_t checkpoint_log_bytes = uint64_t{1} << 30;
  };

  // Reads the superblocks only: whose disk is it? kNotFound: not one of ours.
  static void Identify(env::Device& device, env::Reactor& reactor, BufferPool& pool,
                       absl::AnyInvocable<void(absl::StatusOr<StoreIdentity>)> done);

  // Recovers and opens. Writes nothing until recovery is complete; then makes the new incarnation
  // durable. Errors say what is wrong and what to do (another cluster, damaged, newer format).
  static void Open(const Options& options, const ClusterUuid& cluster,
                   absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ChunkStore>>)> done);

  // As a crash; Close first for a clean stop. The device must have forgotten the store's requests
  // by then (nothing may call back), and coroutines under way end without telling anybody.
  virtual ~ChunkStore() = default;

  virtual void SetEvents(StoreEvents* events) = 0;
  virtual const StoreIdentity& identity() const = 0;
  // A durable batch was found damaged at this life's recovery (4.2), or at an earlier one and some
  // chain that had records then has not been discarded since: ChainRecord::damaged.
  virtual bool damaged() const = 0;
  // What recovery found, by chain; the caller takes it once.
  virtual std::map<ChainId, ChainRecord> TakeChains() = 0;
  virtual StoreUsage usage() const = 0;

  // Room (design 4.11). Reserve promises `bytes` of payload to later AppendEntry calls, or nothing.
  virtual bool Reserve(uint64_t bytes) = 0;
  virtual void Unreserve(uint64_t bytes) = 0;

  // Appends an entry; takes its payload's size from what is reserved (a hole has none). A
  // kCommitted entry is read from the end of the turn on, when its batch is sealed.
  virtual uint64_t AppendEntry(ChainId chain, Entry entry) = 0;
  // The same for blocks that the index has in this very version, and whose bytes were damaged: they
  // take the place of those, so they need no room.
  virtual uint64_t AppendHeal(ChainId chain, Entry entry) = 0;
  // The highest adopted epoch, with the config in its owner's encoding.
  virtual uint64_t AppendAdopt(ChainId chain, Epoch epoch, std::string config) = 0;
  // Drops the pending entries with versions in (above, (below, 0)) that stand before it, after
  // what is in flight to the device has arrived (5.3e, R14).
  virtual uint64_t AppendVoid(ChainId chain, Version above, Epoch below) = 0;
  virtual uint64_t AppendBase(ChainId chain, Version base) = 0;  // drops all chunk bases
  virtual uint64_t AppendChunkBase(ChainId chain, ChunkKey chunk, Version base) = 0;
  virtual uint64_t AppendCompleteUpTo(ChainId chain, Version complete_up_to) = 0;
  virtual uint64_t AppendMinGeneration(ChainId chain, VolumeId volume, ClientId client,
                                       Generation generation) = 0;
  virtual uint64_t AppendWindow(ChainId chain, const Session& session,
                                const RequestWindow& window) = 0;
  virtual uint64_t AppendEndSession(ChainId chain, const Session& session) = 0;
  // All content and state of the chain goes: base nothing (5.5g), or a former member (5.7).
  virtual uint64_t AppendDiscardChain(ChainId chain) = 0;
  // Forgets a lineage: all entries of all its layers are freed (volume delete, 4.8).
  virtual uint64_t AppendDropLineage(LineageId lineage) = 0;
  // Keeps a whole line, if it is newer than what is kept. What it has removed counts as handed over
  // from the seal on, however it stands in the index; when the line is durable it is moved there,
  // beside I/O, or freed (4.8).
  virtual uint64_t AppendLine(const model::Line& line) = 0;
  virtual KeptLine LineOf(LineageId lineage) const = 0;
  // Those kept, sealed ones only, with their views.
  virtual const std::map<LineageId, model::Line>& lines() const = 0;
  // Small values for the owner of the disk: the last map. Replaces what stood under the key.
  virtual uint64_t AppendNote(std::string key, std::string value) = 0;
  virtual std::optional<std::string> Note(const std::string& key) const = 0;

  // W: moves the chain's pending entries up to it to the index. Written with later records (5.3d).
  virtual void SetCommitted(ChainId chain, Version committed) = 0;
  // A W of the chain that would survive power loss now; lags behind what SetCommitted said.
  virtual Version DurableCommitted(ChainId chain) const = 0;

  virtual void Read(ReadOp* op) = 0;
  // From the first to the last of `blocks` of which the chunk has an entry, pending ones and those
  // of all layers included; none: an empty range.
  virtual BlockRange Extent(const ChunkKey& chunk, BlockRange blocks) const = 0;
  // Chunks of the chain whose highest committed version is above `above`, in key order.
  virtual std::vector<ChunkSize> ChunksAbove(ChainId chain, Version above) const = 0;
  virtual void Scan(ScanOp* op) = 0;
  // Counts on, a piece that takes no longer than a few reads.
  virtual void CountLayers(LayerCounter* counter) const = 0;
  // The entries above `above` that are pending now, with payload, in version order (resync stream,
  // level-out fetch, resend after a broken link), whatever is committed before their payload has
  // been read back from the device, where that is needed.
  virtual void PendingAbove(ChainId chain, Version above,
                            absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) = 0;

  // A clean stop: what was appended is durable, a witness batch and a checkpoint are written.
  virtual void Close(absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace storpool::chunkstore
