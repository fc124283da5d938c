// What the records of a disk add up to: index, chains, notes. No I/O.
//
// Always holds: Apply is the only thing that changes committed content, and it is the same function
// when a batch is sealed and when it is replayed, so memory is what recovery would build. A pending
// entry of an unsealed batch is here already (with a location in memory), so that heads can read
// it; nothing else of an unsealed batch is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/chain_record.h"
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/index.h"
#include "lib/chunkstore/pending_set.h"
#include "lib/chunkstore/segment_table.h"
#include "lib/chunkstore/store_lines.h"

namespace storpool::chunkstore {

struct ChainState {
  ChainRecord record;  // its `pending` stays empty; `committed` is what was asked for
  PendingSet pending;
  Version applied;            // all pending up to here have moved: what a W record may say (5.3d)
  Version written;            // the W of the newest sealed record
  bool listed_dirty = false;  // in StoreState::dirty()
  // A W is durable when the batch of the log that holds its record is. One at a time is waited for.
  Version marked;
  uint64_t marked_in = 0;
  Version proven;  // until then
};

EntryRecord ToRecord(ChainId chain, const Entry& entry);
ChunkKey KeyOf(const EntryRecord& e);

class StoreState {
 public:
  StoreState(SegmentTable& segments, BufferPool& pool)
      : segments_(segments), pool_(pool), index_(segments) {}

  Index& index() { return index_; }
  const Index& index() const { return index_; }
  const std::map<ChainId, ChainState>& chains() const { return chains_; }
  ChainState* FindChain(ChainId chain);
  const std::map<std::string, std::string>& notes() const { return notes_; }
  StoreLines& lines() { return lines_; }
  const StoreLines& lines() const { return lines_; }
  // Whether entries of layers that the lineage's line has removed are pending.
  bool HasPendingOfRemoved(LineageId lineage) const;

  // Applies a record whose payload, if it has some, lies at `location`. `replay`: nothing was
  // there before; else `memory_location` is what AddUnsealed was told for it.
  void Apply(const Record& record, uint64_t location, uint64_t memory_location, bool replay);

  // A pending entry that was appended and not sealed.
  void AddUnsealed(ChainId chain, Entry entry, uint64_t memory_location);
  // The blocks of a committed one: they count as stored, too.
  void CountUnsealed(uint32_t blocks) { unsealed_blocks_ += blocks; }
  // Removes pending entries in (above, (below, 0)); when sealed again only those on the device.
  void DropPending(ChainState& chain, Version above, Epoch below, bool only_sealed);
  void SetCommitted(ChainId chain, Version committed);
  // The chain is about to be discarded: its W needs no record any more.
  void ForgetCommitted(ChainId chain);
  // Chains whose W is ahead of its newest record. The log's seal takes them off.
  std::vector<ChainState*>& dirty() { return dirty_; }

  uint64_t stored_bytes() const {
    return (segments_.live_blocks() + unsealed_blocks_) * kBlockBytes;
  }
  std::map<ChainId, ChainRecord> CopyChains() const;

 private:
  ChainState& Ensure(ChainId chain);
  void ApplyEntry(const Record& record, uint64_t location, uint64_t memory_location, bool replay);
  void ApplyPending(const Record& record, uint64_t location, uint64_t memory_location, bool replay);
  void ApplySession(const Record& record);
  void ApplyNote(const Record& record);
  void Release(const PendingEntry& pending);
  void ErasePending(ChainState& chain, PendingSet::Iterator first, PendingSet::Iterator last);
  void CommitReady(ChainState& chain);
  void CommitOne(ChainState& chain, const PendingEntry& pending);
  void DiscardChain(ChainId chain);
  void DropLineage(LineageId lineage);

  SegmentTable& segments_;
  BufferPool& pool_;
  Index index_;
  std::map<ChainId, ChainState> chains_;  // stable addresses
  std::map<std::string, std::string> notes_;
  StoreLines lines_;
  std::string partial_note_;
  std::vector<ChainState*> dirty_;
  std::vector<uint32_t> seeded_;
  uint64_t unsealed_blocks_ = 0;
};

}  // namespace storpool::chunkstore
