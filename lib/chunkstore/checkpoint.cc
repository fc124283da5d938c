// Checkpoints: docs/disk-format.md section 4.
#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

template <class Body>
void Add(StreamWriter& index, RecordKind kind, const Body& body) {
  index.OpenFor(DescriptorWriter::RecordBytes(sizeof body), 0).writer.AddFixed(kind, body);
}

VersionRecord VersionOf(ChainId chain, Version version) {
  VersionRecord record;
  record.chain = chain.raw();
  record.version = version.raw();
  return record;
}

void AddPending(StreamWriter& index, ChainId chain, const PendingEntry& p) {
  EntryRecord record = ToRecord(chain, p.entry);
  record.location = p.location;
  const uint32_t blocks = p.entry.kind == EntryKind::kData ? record.block_count : 0;
  const auto body = static_cast<uint32_t>(sizeof record + blocks * sizeof(uint32_t));
  uint8_t* at = index.OpenFor(DescriptorWriter::RecordBytes(body), 0)
                    .writer.Add(RecordKind::kPendingAt, body);
  std::memcpy(at, &record, sizeof record);
  auto* crcs = reinterpret_cast<uint32_t*>(at + sizeof record);
  for (uint32_t i = 0; i < blocks; ++i) {
    crcs[i] = p.entry.checksums[i] ^ ChecksumSeed(p.entry.place.lineage, p.entry.place.chunk,
                                                  record.first_block + i, p.entry.version);
  }
}

void AddText(StreamWriter& index, RecordKind kind, const void* head, size_t head_bytes,
             std::string_view first, std::string_view second) {
  const auto body = static_cast<uint32_t>(head_bytes + first.size() + second.size());
  uint8_t* at = index.OpenFor(DescriptorWriter::RecordBytes(body), 0).writer.Add(kind, body);
  std::memcpy(at, head, head_bytes);
  // Not memcpy: an empty text may have no address.
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), at + head_bytes));
}

void AddNote(StreamWriter& index, std::string_view key, std::string_view value) {
  size_t at = 0;
  do {
    const size_t part = std::min<size_t>(value.size() - at, kRecordTextBytesMax);
    NoteRecord record;
    record.key_bytes = static_cast<uint16_t>(key.size());
    record.is_first = at == 0;
    record.is_last = at + part == value.size();
    record.value_bytes = static_cast<uint32_t>(part);
    AddText(index, RecordKind::kNote, &record, sizeof record, key, value.substr(at, part));
    at += part;
  } while (at < value.size());
}

void AddLine(StreamWriter& index, const LineAndForgotten& what, bool complete) {
  for (const std::string& body : LinePieces(what, complete)) {
    AddText(index, RecordKind::kLine, body.data(), body.size(), {}, {});
  }
}

void AddSessions(StreamWriter& index, ChainId chain, const ChainRecord& r) {
  SessionRecord record;
  record.chain = chain.raw();
  for (const auto& [session, window] : r.windows) {
    record.volume = session.volume.value();
    record.client = session.client.value();
    record.generation = session.generation.value();
    record.mark = window.mark();
    std::copy(window.bits().begin(), window.bits().end(), std::begin(record.bits));
    Add(index, RecordKind::kWindow, record);
  }
  for (const auto& [key, generation] : r.min_generation) {
    record.volume = key.first.value();
    record.client = key.second.value();
    record.generation = generation.value();
    Add(index, RecordKind::kMinGeneration, record);
  }
}

void AddPage(StreamWriter& index, const ChunkKey& key, ChainId chain, const Index::Page& page) {
  PageRecord record;
  record.lineage = key.lineage.value();
  record.chunk = key.chunk.value();
  record.layer = page.layer.value();
  record.chain = chain.raw();
  record.run = static_cast<uint8_t>(page.run);
  record.flags = page.uniform_hole ? PageRecord::kUniformHole : 0;
  record.entry_count = static_cast<uint16_t>(page.kept());
  std::copy(page.bitmap.begin(), page.bitmap.end(), std::begin(record.bitmap));
  const IndexEntry* entries = page.uniform_hole ? &page.only : page.entries;
  AddText(index, RecordKind::kPage, &record, sizeof record,
          {reinterpret_cast<const char*>(entries), record.entry_count * sizeof(IndexEntry)}, {});
}

}  // namespace

// In the order in which replay needs them: bases of the chain before those of chunks, W before the
// pending entries, which are all above it or not yet moved.
void ChunkStoreImpl::SnapshotChains(StreamWriter& index) {
  for (const auto& [key, value] : state_.notes()) AddNote(index, key, value);
  for (const auto& [id, chain] : state_.chains()) {
    const ChainRecord& r = chain.record;
    AdoptRecord adopt;
    adopt.chain = id.raw();
    adopt.epoch = r.epoch.value();
    adopt.text_bytes = static_cast<uint32_t>(r.config.size());
    AddText(index, RecordKind::kAdopt, &adopt, sizeof adopt, r.config, {});
    Add(index, RecordKind::kBase, VersionOf(id, r.base));
    Add(index, RecordKind::kCompleteUpTo, VersionOf(id, r.complete_up_to));
    Add(index, RecordKind::kCommitted, VersionOf(id, chain.applied));
    for (const auto& [key, base] : r.chunk_bases) {
      ChunkBaseRecord record;
      record.lineage = key.lineage.value();
      record.chunk = key.chunk.value();
      record.chain = id.raw();
      record.version = base.raw();
      Add(index, RecordKind::kChunkBase, record);
    }
    AddSessions(index, id, r);
    for (const PendingEntry& p : chain.pending) {
      if (!IsMemory(p.location)) AddPending(index, id, p);  // unsealed ones come in the log
    }
  }
}

void ChunkStoreImpl::SnapshotLines(StreamWriter& index) {
  for (const auto& [lineage, line] : state_.lines().all()) {
    AddLine(index, state_.lines().WithForgotten(lineage), true);
  }
  // The last piece comes in the log.
  if (state_.lines().partial()) AddLine(index, *state_.lines().partial(), false);
}

void ChunkStoreImpl::SnapshotSegments(StreamWriter& index) {
  constexpr uint32_t kPerRecord = 65536;
  for (uint32_t first = 0; first < segments_.size(); first += kPerRecord) {
    SegmentUseRecord record;
    record.first_segment = first;
    record.segments = std::min(kPerRecord, segments_.size() - first);
    std::string bits(RoundUp(record.segments, 64) / 8, '\0');
    for (uint32_t i = 0; i < record.segments; ++i) {
      if (segments_[first + i].state == SegmentTable::State::kFree) continue;
      bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << i % 8);
    }
    AddText(index, RecordKind::kSegmentUse, &record, sizeof record, bits, {});
  }
}

void ChunkStoreImpl::SnapshotPages(StreamWriter& index, const ChunkKey& key, Index::Chunk& chunk,
                                   bool all) {
  if (!all && !chunk.dirty) return;
  chunk.dirty = false;
  for (Index::Pages& pages : chunk.runs) {
    for (Index::Page& page : pages) {
      if (all || page.dirty) AddPage(index, key, chunk.chain, page);
      page.dirty = false;
    }
  }
}

// Only what has changed is written, behind the index of the last root, as long as all of that is at
// most half of the index: so reading and replacing it stays cheap. The first one of an incarnation
// is whole, so that no later incarnation's batches ever stand in an index of several checkpoints.
bool ChunkStoreImpl::MayAddToIndex() {
  const bool dropped = state_.index().TakePagesDropped();
  if (index_bytes_ == 0 || dropped) return false;
  const uint64_t added = writer(StreamId::kIndex).bytes_written() - index_end_bytes_;
  return added + state_.index().DirtyBytes() <= index_bytes_ / 2;
}

CheckpointRoot ChunkStoreImpl::BeginRoot(bool whole) {
  StreamWriter& index = writer(StreamId::kIndex);
  const CheckpointRoot& last = core_->superblock.root;
  CheckpointRoot root;
  root.checkpoint = last.checkpoint + 1;
  root.sequence = core_->next_sequence;
  root.incarnation = core_->superblock.incarnation;
  if (whole) index.CloseSegment();
  for (int i = 0; i < kStreams; ++i) root.streams[i] = writers_[i]->position();
  if (!whole) {
    StreamPosition& base = root.streams[static_cast<int>(StreamId::kIndex)];
    base = last.streams[static_cast<int>(StreamId::kIndex)];
    root.index_segment = last.index_segment;
    root.state_batch = static_cast<uint32_t>(index.last_sealed().number - base.last.number);
  }
  return root;
}

Task ChunkStoreImpl::Checkpoint() {
  StreamWriter& index = writer(StreamId::kIndex);
  SP_CHECK(index.idle());
  const uint64_t begun = segments_.BeginCheckpoint();
  checkpoints_begun_ = begun;
  checkpointed_log_bytes_ = log().bytes_written();
  const bool whole = !MayAddToIndex();
  CheckpointRoot root = BeginRoot(whole);
  new_index_segments_.clear();
  const uint64_t bytes_before = index.bytes_written();
  SnapshotSegments(index);
  SnapshotLines(index);
  SnapshotChains(index);
  index.Poke();
  ChunkKey next;
  for (;;) {
    while (failure_.ok() && index.has_unsealed() && index.under_way() > 0) {
      co_await Progress{*this};
    }
    SP_RETURN_CO(failure_);
    const auto it = state_.index().chunks().lower_bound(next);
    if (it == state_.index().chunks().end()) break;
    SnapshotPages(index, it->first, *it->second, whole);
    index.Poke();
    next = {it->first.lineage, ChunkIndex(it->first.chunk.value() + 1)};
    if (it->first.chunk.value() == UINT32_MAX)
      next = {LineageId(it->first.lineage.value() + 1), {}};
  }
  // What pages may show must be durable before the root is, the Ws too: the next batch has them. A
  // log that waits for a segment is not waited for: what it has not sealed shows nowhere.
  const uint64_t sealed = log().last_sealed().number;
  if (!state_.dirty().empty() && !log().has_unsealed()) AppendWitness();
  while (failure_.ok() && !state_.dirty().empty() && log().last_sealed().number == sealed &&
         !log_waits_) {
    ScheduleBatch();
    co_await Progress{*this};
  }
  const uint64_t log_end = log().last_sealed().number;
  while (failure_.ok() && (!index.idle() || log().durable_number() < log_end)) {
    index.Poke();
    co_await Progress{*this};
  }
  SP_RETURN_CO(failure_);
  root.log_end = log_end;
  root.segment_sequence = segments_.last_sequence();
  root.index_last = index.last_sealed();
  root.index_batches =
      root.index_last.number - root.streams[static_cast<int>(StreamId::kIndex)].last.number;
  if (whole) {
    SP_CHECK(!new_index_segments_.empty());
    root.index_segment = new_index_segments_.front();
  }
  core_->superblock.root = root;
  const absl::Status written = co_await WriteSuperblocks();
  if (!written.ok()) {
    OnDeviceFailed(written);
    co_return failure_;
  }
  segments_.CheckpointDurable(begun);
  std::vector<uint32_t>& used = core_->index_segments;
  if (whole) {
    for (const uint32_t segment : used) segments_.ForgetIndexSegment(segment);
    used.clear();
    index_bytes_ = index.bytes_written() - bytes_before;
    index_end_bytes_ = index.bytes_written();
  }
  used.insert(used.end(), new_index_segments_.begin(), new_index_segments_.end());
  co_return co_await FreeSegments();
}

}  // namespace storpool::chunkstore
