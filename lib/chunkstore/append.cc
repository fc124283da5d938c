// The Append calls of the store: each encodes its record straight into the batch being filled.
#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

SessionRecord SessionOf(ChainId chain, VolumeId volume, ClientId client, Generation generation) {
  SessionRecord record;
  record.volume = volume.value();
  record.chain = chain.raw();
  record.generation = generation.value();
  record.client = client.value();
  return record;
}

VersionRecord VersionOf(ChainId chain, Version version) {
  VersionRecord record;
  record.chain = chain.raw();
  record.version = version.raw();
  return record;
}

bool IsAligned(const Buffer& buffer, uint32_t sector_bytes) {
  return reinterpret_cast<uintptr_t>(buffer.data()) % sector_bytes == 0;
}

}  // namespace

Batch& ChunkStoreImpl::OpenLog(uint32_t body_bytes, uint32_t blocks) {
  return log().OpenFor(DescriptorWriter::RecordBytes(body_bytes), blocks);
}

uint64_t ChunkStoreImpl::Appended(Batch& batch) {
  batch.last_position = ++position_;
  ScheduleBatch();
  return position_;
}

template <class Body>
uint64_t ChunkStoreImpl::AppendFixed(RecordKind kind, const Body& body) {
  Batch& batch = OpenLog(sizeof body, 0);
  batch.writer.AddFixed(kind, body);
  return Appended(batch);
}

uint64_t ChunkStoreImpl::AppendEntry(ChainId chain, Entry entry) {
  reserved_bytes_ -= std::min<uint64_t>(reserved_bytes_, entry.payload.size());
  return AddEntry(chain, std::move(entry));
}

uint64_t ChunkStoreImpl::AppendHeal(ChainId chain, Entry entry) {
  SP_CHECK(entry.arrival == Arrival::kCommitted);
  return AddEntry(chain, std::move(entry));
}

uint64_t ChunkStoreImpl::AddEntry(ChainId chain, Entry&& entry) {
  const BlockRange range = entry.place.blocks;
  const bool data = entry.kind == EntryKind::kData;
  SP_CHECK(range.first <= kBlocksPerChunk && range.count <= kBlocksPerChunk - range.first);
  SP_CHECK(!data || (range.count > 0 && range.count <= kRequestBlocksMax &&
                     entry.payload.size() == size_t{range.count} * kBlockBytes &&
                     entry.checksums.size() == range.count));
  const EntryRecord record = ToRecord(chain, entry);
  const uint32_t blocks = data ? range.count : 0;
  const auto body = static_cast<uint32_t>(sizeof record + blocks * sizeof(uint32_t));
  Batch& batch = OpenLog(body, blocks);
  uint8_t* at = batch.writer.Add(RecordKind::kEntry, body);
  std::memcpy(at, &record, sizeof record);
  auto* crcs = reinterpret_cast<uint32_t*>(at + sizeof record);
  for (uint32_t i = 0; i < blocks; ++i) {
    crcs[i] = entry.checksums[i] ^
              ChecksumSeed(entry.place.lineage, entry.place.chunk, range.first + i, entry.version);
  }
  const uint32_t first_block = batch.payload_blocks;
  if (data) {
    batch.AddPayload(IsAligned(entry.payload, core_->superblock.sector_bytes)
                         ? std::move(entry.payload)
                         : pool_.Copy(entry.payload.span()));
  }
  if (entry.arrival == Arrival::kPending) {
    state_.AddUnsealed(chain, std::move(entry), MemoryLocation(batch.slot, first_block));
  } else {
    state_.CountUnsealed(blocks);
  }
  return Appended(batch);
}

uint64_t ChunkStoreImpl::AppendAdopt(ChainId chain, Epoch epoch, std::string config) {
  SP_CHECK(epoch.value() <= kEpochMax && config.size() <= kRecordTextBytesMax);
  AdoptRecord record;
  record.chain = chain.raw();
  record.epoch = epoch.value();
  record.text_bytes = static_cast<uint32_t>(config.size());
  const auto body = static_cast<uint32_t>(sizeof record + config.size());
  Batch& batch = OpenLog(body, 0);
  uint8_t* at = batch.writer.Add(RecordKind::kAdopt, body);
  std::memcpy(at, &record, sizeof record);
  std::memcpy(at + sizeof record, config.data(), config.size());
  return Appended(batch);
}

uint64_t ChunkStoreImpl::AppendVoid(ChainId chain, Version above, Epoch below) {
  if (ChainState* state = state_.FindChain(chain)) {
    above = std::max(above, state->record.committed);  // I7: nothing at or below W is ever voided
    state_.DropPending(*state, above, below, false);
  }
  VersionRecord record = VersionOf(chain, above);
  record.below_epoch = below.value();
  Batch& batch = OpenLog(sizeof record, 0);
  batch.drain_first = true;  // R14
  batch.writer.AddFixed(RecordKind::kVoid, record);
  return Appended(batch);
}

uint64_t ChunkStoreImpl::AppendBase(ChainId chain, Version base) {
  return AppendFixed(RecordKind::kBase, VersionOf(chain, base));
}

uint64_t ChunkStoreImpl::AppendChunkBase(ChainId chain, ChunkKey chunk, Version base) {
  ChunkBaseRecord record;
  record.lineage = chunk.lineage.value();
  record.chunk = chunk.chunk.value();
  record.chain = chain.raw();
  record.version = base.raw();
  return AppendFixed(RecordKind::kChunkBase, record);
}

uint64_t ChunkStoreImpl::AppendCompleteUpTo(ChainId chain, Version complete_up_to) {
  return AppendFixed(RecordKind::kCompleteUpTo, VersionOf(chain, complete_up_to));
}

uint64_t ChunkStoreImpl::AppendMinGeneration(ChainId chain, VolumeId volume, ClientId client,
                                             Generation generation) {
  return AppendFixed(RecordKind::kMinGeneration, SessionOf(chain, volume, client, generation));
}

uint64_t ChunkStoreImpl::AppendWindow(ChainId chain, const Session& session,
                                      const RequestWindow& window) {
  SessionRecord record = SessionOf(chain, session.volume, session.client, session.generation);
  record.mark = window.mark();
  std::copy(window.bits().begin(), window.bits().end(), std::begin(record.bits));
  return AppendFixed(RecordKind::kWindow, record);
}

uint64_t ChunkStoreImpl::AppendEndSession(ChainId chain, const Session& session) {
  return AppendFixed(RecordKind::kEndSession,
                     SessionOf(chain, session.volume, session.client, session.generation));
}

uint64_t ChunkStoreImpl::AppendDiscardChain(ChainId chain) {
  state_.ForgetCommitted(chain);
  const uint64_t position = AppendFixed(RecordKind::kDiscardChain, IdRecord{chain.raw()});
  return damaged_chains_.erase(chain) > 0 ? AppendDamage() : position;
}

uint64_t ChunkStoreImpl::AppendDropLineage(LineageId lineage) {
  return AppendFixed(RecordKind::kDropLineage, IdRecord{lineage.value()});
}

uint64_t ChunkStoreImpl::AppendNote(std::string key, std::string value) {
  SP_CHECK(!key.empty() && key.size() <= kNameBytesMax);
  uint64_t position = 0;
  size_t at = 0;
  do {
    NoteRecord record;
    const size_t part = std::min<size_t>(value.size() - at, kRecordTextBytesMax);
    record.key_bytes = static_cast<uint16_t>(key.size());
    record.is_first = at == 0;
    record.is_last = at + part == value.size();
    record.value_bytes = static_cast<uint32_t>(part);
    const auto body = static_cast<uint32_t>(sizeof record + key.size() + part);
    Batch& batch = OpenLog(body, 0);
    uint8_t* to = batch.writer.Add(RecordKind::kNote, body);
    std::memcpy(to, &record, sizeof record);
    std::memcpy(to + sizeof record, key.data(), key.size());
    std::memcpy(to + sizeof record + key.size(), value.data() + at, part);
    at += part;
    position = Appended(batch);
  } while (at < value.size());
  return position;
}

void ChunkStoreImpl::SetCommitted(ChainId chain, Version committed) {
  state_.SetCommitted(chain, committed);
  if (!state_.dirty().empty() && !idle_timer_.active() && failure_.ok() && !closing_) {
    idle_timer_.StartIn(Duration::Millis(20));
  }
  if (denied_ || log_waits_) ScheduleBatch();
}

Version ChunkStoreImpl::DurableCommitted(ChainId chain) const {
  const auto it = state_.chains().find(chain);
  if (it == state_.chains().end()) return Version();
  const uint64_t durable = writers_[static_cast<size_t>(StreamId::kLog)]->durable_number();
  return it->second.marked_in <= durable ? it->second.marked : it->second.proven;
}

}  // namespace storpool::chunkstore
