#include "lib/chunkstore/store_state.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::chunkstore {
namespace {

Entry FromRecord(const EntryRecord& e) {
  Entry entry;
  entry.place = {
      LineageId(e.lineage), ChunkIndex(e.chunk), LayerId(e.layer), {e.first_block, e.block_count}};
  entry.version = Version::FromRaw(e.version);
  entry.kind = static_cast<EntryKind>(e.entry_kind);
  entry.arrival = static_cast<Arrival>(e.arrival);
  entry.session = {VolumeId(e.volume), ClientId(e.client), Generation(e.generation)};
  entry.number = e.number;
  entry.answered_below = e.answered_below;
  entry.line_version = LineVersion(e.line_version);
  return entry;
}

uint32_t Seed(const EntryRecord& e, uint32_t i) {
  return ChecksumSeed(LineageId(e.lineage), ChunkIndex(e.chunk), e.first_block + i,
                      Version::FromRaw(e.version));
}

bool HasPayload(const Entry& e) { return e.kind == EntryKind::kData; }

ChunkKey KeyOf(const Place& place) { return {place.lineage, place.chunk}; }

}  // namespace

EntryRecord ToRecord(ChainId chain, const Entry& entry) {
  EntryRecord e;
  e.lineage = entry.place.lineage.value();
  e.version = entry.version.raw();
  e.volume = entry.session.volume.value();
  e.number = entry.number;
  e.answered_below = entry.answered_below;
  e.chain = chain.raw();
  e.chunk = entry.place.chunk.value();
  e.layer = entry.place.layer.value();
  e.first_block = entry.place.blocks.first;
  e.block_count = entry.place.blocks.count;
  e.line_version = entry.line_version.value();
  e.generation = entry.session.generation.value();
  e.client = entry.session.client.value();
  e.entry_kind = static_cast<uint8_t>(entry.kind);
  e.arrival = static_cast<uint8_t>(entry.arrival);
  return e;
}

ChunkKey KeyOf(const EntryRecord& e) { return {LineageId(e.lineage), ChunkIndex(e.chunk)}; }

ChainState* StoreState::FindChain(ChainId chain) {
  const auto it = chains_.find(chain);
  return it == chains_.end() ? nullptr : &it->second;
}

ChainState& StoreState::Ensure(ChainId chain) {
  ChainState& state = chains_[chain];
  state.record.chain = chain;
  return state;
}

void StoreState::Apply(const Record& record, uint64_t location, uint64_t memory_location,
                       bool replay) {
  const Version version = Version::FromRaw(record.version.version);
  switch (record.kind) {
    case RecordKind::kEntry:
    case RecordKind::kPendingAt:
      return ApplyEntry(record, location, memory_location, replay);
    case RecordKind::kAdopt: {
      ChainRecord& chain = Ensure(ChainId::FromRaw(record.adopt.chain)).record;
      if (record.adopt.epoch < chain.epoch.value()) return;
      chain.epoch = Epoch(record.adopt.epoch);
      chain.config = std::string(record.text);
      return;
    }
    case RecordKind::kVoid:
      return DropPending(Ensure(ChainId::FromRaw(record.version.chain)), version,
                         Epoch(record.version.below_epoch), true);
    case RecordKind::kBase: {
      ChainRecord& chain = Ensure(ChainId::FromRaw(record.version.chain)).record;
      chain.base = version;
      chain.chunk_bases.clear();
      return;
    }
    case RecordKind::kChunkBase: {
      const ChunkBaseRecord& b = record.chunk_base;
      Ensure(ChainId::FromRaw(b.chain))
          .record.chunk_bases[{LineageId(b.lineage), ChunkIndex(b.chunk)}] =
          Version::FromRaw(b.version);
      return;
    }
    case RecordKind::kCompleteUpTo:
      Ensure(ChainId::FromRaw(record.version.chain)).record.complete_up_to = version;
      return;
    case RecordKind::kMinGeneration:
    case RecordKind::kWindow:
    case RecordKind::kEndSession:
      return ApplySession(record);
    case RecordKind::kDiscardChain:
      return DiscardChain(ChainId::FromRaw(static_cast<uint32_t>(record.id.id)));
    case RecordKind::kDropLineage:
      return DropLineage(LineageId(record.id.id));
    case RecordKind::kNote:
      return ApplyNote(record);
    case RecordKind::kCommitted: {
      ChainState& chain = Ensure(ChainId::FromRaw(record.version.chain));
      chain.record.committed = std::max(chain.record.committed, version);
      CommitReady(chain);
      chain.written = std::max(chain.written, version);
      if (replay) chain.marked = chain.written;
      return;
    }
    case RecordKind::kMoved: {
      const MovedRecord& m = record.moved;
      for (const MovedBlock& b : record.moved_blocks) {
        index_.Move({LineageId(m.lineage), ChunkIndex(m.chunk)}, LayerId(m.layer), b.block,
                    Version::FromRaw(b.version), location);
        location += kUnitsPerBlock;
      }
      return;
    }
    case RecordKind::kLine:
      return lines_.Apply(record, &index_);
    case RecordKind::kPage:
      return index_.LoadPage(record.page, record.entries);
    case RecordKind::kRecovered:
    case RecordKind::kSegmentUse:
      return;  // for recovery itself
  }
}

void StoreState::ApplyEntry(const Record& record, uint64_t location, uint64_t memory_location,
                            bool replay) {
  const EntryRecord& e = record.entry;
  const auto kind = static_cast<EntryKind>(e.entry_kind);
  if (static_cast<Arrival>(e.arrival) == Arrival::kPending) {
    if (record.kind == RecordKind::kPendingAt) location = e.location;
    return ApplyPending(record, location, memory_location, replay);
  }
  if (!replay) unsealed_blocks_ -= record.payload_blocks;
  if (kind == EntryKind::kEmpty || e.block_count == 0) return;
  const StoreLines::Target target =
      lines_.TargetOf(KeyOf(e), LayerId(e.layer), {e.first_block, e.block_count});
  if (target.count == 0) return;
  Index::Chunk& chunk = index_.Ensure(KeyOf(e), ChainId::FromRaw(e.chain));
  const BlockRange range{e.first_block, target.count};
  if (kind == EntryKind::kHole) {
    index_.PutHole(chunk, target.layer, range, Version::FromRaw(e.version));
  } else {
    index_.PutData(chunk, target.layer, range, Version::FromRaw(e.version), location,
                   record.checksums);
  }
}

void StoreState::ApplyPending(const Record& record, uint64_t location, uint64_t memory_location,
                              bool replay) {
  const EntryRecord& e = record.entry;
  const Version version = Version::FromRaw(e.version);
  ChainState& chain = Ensure(ChainId::FromRaw(e.chain));
  auto it = chain.pending.LowerBound(version);
  const bool there = it != chain.pending.end() && it->entry.version == version;
  if (!replay) {
    if (!there || it->location != memory_location) return;  // voided, or received again since
    unsealed_blocks_ -= record.payload_blocks;
    it->location = location;
  } else {
    if (there) ErasePending(chain, it, it + 1);
    PendingEntry pending{FromRecord(e), location};
    if (HasPayload(pending.entry)) {
      pending.entry.checksums = Checksums(record.checksums.size(), pool_);
      for (uint32_t i = 0; i < record.checksums.size(); ++i) {
        pending.entry.checksums.span()[i] = record.checksums[i] ^ Seed(e, i);
      }
    }
    if (e.block_count > 0) ++index_.Ensure(KeyOf(e), chain.record.chain).pending;
    it = chain.pending.Insert(std::move(pending));
  }
  if (HasPayload(it->entry)) segments_.AddBlocks(location, e.block_count);
  if (version <= chain.record.committed) CommitReady(chain);
}

void StoreState::AddUnsealed(ChainId id, Entry entry, uint64_t memory_location) {
  ChainState& chain = Ensure(id);
  const auto it = chain.pending.LowerBound(entry.version);
  if (it != chain.pending.end() && it->entry.version == entry.version) {
    ErasePending(chain, it, it + 1);
  }
  if (HasPayload(entry)) unsealed_blocks_ += entry.place.blocks.count;
  if (entry.place.blocks.count > 0) ++index_.Ensure(KeyOf(entry.place), id).pending;
  entry.payload = Buffer();
  chain.pending.Insert({std::move(entry), memory_location});
}

void StoreState::Release(const PendingEntry& p) {
  const uint32_t blocks = p.entry.place.blocks.count;
  if (HasPayload(p.entry)) {
    if (IsMemory(p.location)) {
      unsealed_blocks_ -= blocks;
    } else {
      segments_.DropBlocks(p.location, blocks);
    }
  }
  if (blocks == 0) return;
  const ChunkKey key = KeyOf(p.entry.place);
  Index::Chunk& chunk = index_.Ensure(key, ChainId());
  SP_CHECK(chunk.pending > 0);
  if (--chunk.pending == 0) index_.Shrink(key);
}

void StoreState::ErasePending(ChainState& chain, PendingSet::Iterator first,
                              PendingSet::Iterator last) {
  for (auto it = first; it != last; ++it) Release(*it);
  chain.pending.Erase(first, last);
}

void StoreState::DropPending(ChainState& chain, Version above, Epoch below, bool only_sealed) {
  const Version end(below, 0);
  auto it = chain.pending.LowerBound(above);
  if (it != chain.pending.end() && it->entry.version == above) ++it;
  while (it != chain.pending.end() && it->entry.version < end) {
    if (only_sealed && IsMemory(it->location)) {
      ++it;
      continue;
    }
    const Version next = it->entry.version;
    ErasePending(chain, it, it + 1);
    it = chain.pending.LowerBound(next);
  }
}

void StoreState::SetCommitted(ChainId id, Version committed) {
  ChainState& chain = Ensure(id);
  if (committed <= chain.record.committed) return;
  chain.record.committed = committed;
  CommitReady(chain);
}

void StoreState::CommitReady(ChainState& chain) {
  auto it = chain.pending.begin();
  bool all = true;
  while (it != chain.pending.end() && it->entry.version <= chain.record.committed) {
    if (IsMemory(it->location)) {
      all = false;
      break;
    }
    CommitOne(chain, *it);
    chain.applied = std::max(chain.applied, it->entry.version);
    ++it;
  }
  ErasePending(chain, chain.pending.begin(), it);
  if (all) chain.applied = chain.record.committed;
  if (chain.applied > chain.written && !chain.listed_dirty) {
    chain.listed_dirty = true;
    dirty_.push_back(&chain);
  }
}

void StoreState::CommitOne(ChainState& chain, const PendingEntry& pending) {
  const Entry& entry = pending.entry;
  if (entry.number != 0) {
    RequestWindow& window = chain.record.windows[entry.session];
    window.RaiseMark(entry.answered_below);
    window.Commit(entry.number);
  }
  if (entry.kind == EntryKind::kEmpty || entry.place.blocks.count == 0) return;
  const ChunkKey key = KeyOf(entry.place);
  const StoreLines::Target target = lines_.TargetOf(key, entry.place.layer, entry.place.blocks);
  if (target.count == 0) return;  // an empty step (4.8)
  Index::Chunk& chunk = index_.Ensure(key, chain.record.chain);
  const BlockRange range{entry.place.blocks.first, target.count};
  if (entry.kind == EntryKind::kHole) {
    index_.PutHole(chunk, target.layer, range, entry.version);
    return;
  }
  const EntryRecord e = ToRecord(chain.record.chain, entry);
  seeded_.resize(e.block_count);
  for (uint32_t i = 0; i < e.block_count; ++i) seeded_[i] = entry.checksums[i] ^ Seed(e, i);
  index_.PutData(chunk, target.layer, range, entry.version, pending.location, seeded_);
}

void StoreState::ApplySession(const Record& record) {
  const SessionRecord& s = record.session;
  ChainRecord& chain = Ensure(ChainId::FromRaw(s.chain)).record;
  const Session session{VolumeId(s.volume), ClientId(s.client), Generation(s.generation)};
  if (record.kind == RecordKind::kMinGeneration) {
    Generation& least = chain.min_generation[{session.volume, session.client}];
    least = std::max(least, session.generation);
  } else if (record.kind == RecordKind::kEndSession) {
    chain.windows.erase(session);
  } else {
    RequestWindow::Bits bits;
    std::copy(std::begin(s.bits), std::end(s.bits), bits.begin());
    chain.windows[session].Merge(RequestWindow::FromParts(s.mark, bits));
  }
}

void StoreState::ApplyNote(const Record& record) {
  if (record.note.is_first != 0) partial_note_.clear();
  partial_note_.append(record.text);
  if (record.note.is_last == 0) return;
  notes_[std::string(record.key)] = std::exchange(partial_note_, {});
}

void StoreState::DiscardChain(ChainId id) {
  ChainState& chain = Ensure(id);
  DropPending(chain, Version(), Epoch(kEpochMax + 1), true);
  index_.DropChain(id);
  ChainRecord fresh;
  fresh.chain = id;
  chain.record = std::move(fresh);
  chain.applied = chain.written = chain.marked = chain.proven = Version();
  if (!chain.pending.empty() || chain.listed_dirty) return;
  chains_.erase(id);
}

// Pending entries of the lineage become empty steps (4.8): so it does not matter whether the W that
// covers them was written before the drop or after it.
void StoreState::DropLineage(LineageId lineage) {
  for (auto& [id, chain] : chains_) {
    for (PendingEntry& p : chain.pending) {
      if (p.entry.place.lineage != lineage || IsMemory(p.location)) continue;
      Release(p);
      p.entry.kind = EntryKind::kEmpty;
      p.entry.place.blocks = {};
    }
  }
  index_.DropLineage(lineage);
}

bool StoreState::HasPendingOfRemoved(LineageId lineage) const {
  const model::Line* line = lines_.Find(lineage);
  if (line == nullptr) return false;
  for (const auto& [id, chain] : chains_) {
    for (const PendingEntry& p : chain.pending) {
      const Place& place = p.entry.place;
      if (place.lineage == lineage && line->view->OwnerOf(place.layer).removed) return true;
    }
  }
  return false;
}

void StoreState::ForgetCommitted(ChainId id) {
  if (ChainState* chain = FindChain(id)) chain->written = std::max(chain->written, chain->applied);
}

std::map<ChainId, ChainRecord> StoreState::CopyChains() const {
  std::map<ChainId, ChainRecord> copy;
  for (const auto& [id, chain] : chains_) {
    ChainRecord& record = copy[id] = chain.record;
    for (const PendingEntry& p : chain.pending) {
      Entry& entry = record.pending.emplace_back(p.entry);
      entry.checksums = Checksums();
    }
  }
  return copy;
}

}  // namespace storpool::chunkstore
