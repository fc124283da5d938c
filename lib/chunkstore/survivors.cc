// Moves the live blocks of a segment to a survivor stream (design 4.9): reads descriptors, then
// what lives and little else, verifies it against the index (4.12), and writes it from the memory
// it was read into.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

// Before large batches a look at the descriptor is enough; small ones are read many at a time.
constexpr uint32_t kPeekBytes = 16u << 10;
constexpr uint32_t kWindowBytes = 1u << 20;
constexpr uint32_t kLargeBatchBytes = 64u << 10;
// Dead blocks between live ones are read along up to here.
constexpr uint64_t kGapBytes = 64u << 10;

}  // namespace

// Reads so that the descriptor at victim->at is in the window. Not valid: the end of what was
// written to this segment, or damage.
Task ChunkStoreImpl::LoadBatch(Victim* v, bool* valid) {
  *valid = false;
  const uint32_t sector = core_->superblock.sector_bytes;
  const uint64_t begin = segments_.OffsetOf(v->segment);
  const uint64_t limit = begin + segments_.segment_bytes();
  BatchHeader& h = v->header;
  for (uint64_t wanted = sector;;) {
    const uint64_t loaded = v->window.empty() ? 0 : v->window_at + v->window.size();
    if (v->at + wanted > loaded) {
      const uint64_t bytes =
          std::min<uint64_t>(std::max<uint64_t>(v->window_bytes, wanted), limit - v->at);
      if (bytes < wanted) co_return absl::OkStatus();
      v->window = pool_.Allocate(bytes);
      v->window_at = v->at;
      const absl::Status read = co_await ReadDevice(device_, v->at, v->window.span());
      if (absl::IsDataLoss(read)) co_return absl::OkStatus();
      SP_RETURN_CO(read);
    }
    const std::span<const uint8_t> there = v->window.span().subspan(v->at - v->window_at);
    if (!LooksLikeBatch(there, &h)) co_return absl::OkStatus();
    const uint64_t padded = RoundUp(h.descriptor_bytes, sector);
    if (padded > there.size() && padded > wanted) {
      wanted = padded;
      continue;
    }
    v->payload = v->at + padded;
    *valid = ParseBatchHeader(there, &h).ok() && h.offset_bytes == v->at - begin &&
             h.segment_sequence == segments_[v->segment].sequence &&
             v->payload + uint64_t{h.payload_blocks} * kBlockBytes <= limit;
    co_return absl::OkStatus();
  }
}

// The blocks of the batch to which the index refers, as runs of at most blocks_max.
void ChunkStoreImpl::FindLive(const Victim& v, uint32_t blocks_max, LiveBlocks* live) const {
  live->runs.clear();
  live->blocks.clear();
  RecordReader reader(v.window.span().subspan(v.at - v.window_at), v.header);
  Record record;
  uint64_t at = v.payload;
  while (reader.Next(&record)) {
    if (record.payload_blocks == 0) continue;
    const bool moved = record.kind == RecordKind::kMoved;
    const EntryRecord& e = record.entry;
    LiveRun run;
    run.record.lineage = moved ? record.moved.lineage : e.lineage;
    run.record.chunk = moved ? record.moved.chunk : e.chunk;
    run.record.layer = moved ? record.moved.layer : e.layer;
    const LineageId lineage(run.record.lineage);
    const LayerId layer(run.record.layer);
    const Index::Chunk* chunk = state_.index().Find({lineage, ChunkIndex(run.record.chunk)});
    const bool elsewhere = state_.lines().IsElsewhere(lineage, layer);
    const Index::Page* page = nullptr;
    bool joins = false;
    for (uint32_t i = 0; i < record.payload_blocks; ++i, at += kBlockBytes) {
      const uint32_t block = moved ? record.moved_blocks[i].block : e.first_block + i;
      if (chunk != nullptr && elsewhere) {
        page = chunk->FindPlace(block, at / kLocationUnitBytes);
      } else if (chunk != nullptr && (page == nullptr || page->run != block / kRunBlocks)) {
        page = chunk->FindPage(block / kRunBlocks, layer);
      }
      const IndexEntry* entry = page == nullptr ? nullptr : page->Find(block % kRunBlocks);
      if (entry == nullptr || entry->location() != at / kLocationUnitBytes) {
        joins = false;
        continue;
      }
      if (!joins || live->runs.back().record.block_count >= blocks_max ||
          live->runs.back().record.layer != page->layer.value()) {
        run.record.layer = page->layer.value();
        run.first = live->blocks.size();
        run.at = at;
        run.record.block_count = 0;
        live->runs.push_back(run);
      }
      joins = true;
      ++live->runs.back().record.block_count;
      live->blocks.push_back({entry->version().raw(), block, entry->crc()});
    }
  }
}

// Appends the blocks of a run that are what the index says; others stay where they are.
void ChunkStoreImpl::Move(StreamWriter& to, const LiveBlocks& live, const LiveRun& run,
                          const Buffer& payload) {
  const auto intact = [&](uint32_t i) {
    const MovedBlock& b = live.blocks[run.first + i];
    const uint32_t seed = ChecksumSeed(LineageId(run.record.lineage), ChunkIndex(run.record.chunk),
                                       b.block, Version::FromRaw(b.version));
    return (Crc32c(payload.data() + size_t{i} * kBlockBytes, kBlockBytes) ^ seed) == b.crc;
  };
  for (uint32_t i = 0; i < run.record.block_count;) {
    const uint32_t start = i;
    while (i < run.record.block_count && intact(i)) ++i;
    const uint32_t count = i - start;
    if (count == 0) {
      ++i;
      continue;
    }
    MovedRecord out = run.record;
    out.block_count = count;
    const auto body = static_cast<uint32_t>(sizeof out + count * sizeof(MovedBlock));
    Batch& batch = to.OpenFor(DescriptorWriter::RecordBytes(body), count);
    uint8_t* at = batch.writer.Add(RecordKind::kMoved, body);
    std::memcpy(at, &out, sizeof out);
    std::memcpy(at + sizeof out, &live.blocks[run.first + start], count * sizeof(MovedBlock));
    batch.AddPayload(payload.Slice(size_t{start} * kBlockBytes, size_t{count} * kBlockBytes));
  }
}

// From the window if it holds the whole batch; else live neighbours are read together.
Task ChunkStoreImpl::MoveLive(StreamWriter& to, const Victim& v, const LiveBlocks& live) {
  for (size_t i = 0; i < live.runs.size();) {
    size_t end = i + 1;
    while (end < live.runs.size() && live.runs[end].at - live.runs[end - 1].end() <= kGapBytes &&
           live.runs[end].end() - live.runs[i].at <= kRequestBytesMax) {
      ++end;
    }
    const uint64_t at = live.runs[i].at;
    const uint64_t bytes = live.runs[end - 1].end() - at;
    Buffer memory;
    if (at + bytes <= v.window_at + v.window.size()) {
      memory = v.window.Slice(at - v.window_at, bytes);
    } else {
      memory = pool_.Allocate(bytes);
      const absl::Status read = co_await ReadDevice(device_, at, memory.span());
      if (!read.ok() && !absl::IsDataLoss(read)) co_return read;
      if (!read.ok()) end = i;  // nothing of it can be moved
    }
    for (size_t run = i; run < end; ++run) {
      Move(to, live, live.runs[run],
           memory.Slice(live.runs[run].at - at, live.runs[run].end() - live.runs[run].at));
    }
    i = std::max(end, i + 1);
    to.PokeFull();
    while (failure_.ok() && to.unsealed() > 1) {
      co_await Progress{*this};
      to.PokeFull();
    }
    SP_RETURN_CO(failure_);
  }
  co_return absl::OkStatus();
}

// Moves what lives to the stream one class up. The last batch may stay open for the next victim.
Task ChunkStoreImpl::Clean(uint32_t segment) {
  const SegmentTable::Segment& s = segments_[segment];
  StreamWriter& to =
      writer(s.stream == StreamId::kLog ? StreamId::kSurvivors1 : StreamId::kSurvivors2);
  const uint64_t limit = segments_.OffsetOf(segment) + segments_.segment_bytes();
  Victim v;
  v.segment = segment;
  v.at = segments_.OffsetOf(segment) + core_->superblock.sector_bytes;
  v.window_bytes = kPeekBytes;
  LiveBlocks live;
  uint32_t left = s.live_blocks;
  while (left > 0 && v.at + core_->superblock.sector_bytes <= limit) {
    bool valid = false;
    absl::Status status = co_await LoadBatch(&v, &valid);
    if (status.ok() && !valid) break;
    if (status.ok()) {
      const uint64_t end = v.payload + uint64_t{v.header.payload_blocks} * kBlockBytes;
      const bool large = end - v.at >= kLargeBatchBytes;
      v.window_bytes = large ? kPeekBytes : kWindowBytes;
      if (!large && end > v.window_at + v.window.size() && v.window_at != v.at) {
        v.window = Buffer();  // read it whole, with its followers
        continue;
      }
      FindLive(v, to.blocks_max(), &live);
      left -= std::min<uint32_t>(left, static_cast<uint32_t>(live.blocks.size()));
      status = co_await MoveLive(to, v, live);
      v.at = end;
    }
    if (!status.ok()) {
      OnDeviceFailed(status);
      co_return failure_;
    }
  }
  co_return absl::OkStatus();
}

// After the survivors are durable: what still lives in a victim is pending, or cannot be read.
void ChunkStoreImpl::SetAside(uint32_t victim) {
  const uint32_t live = segments_[victim].live_blocks;
  if (live == 0) return;
  uint32_t pending = 0;
  for (const auto& [id, chain] : state_.chains()) {
    for (const PendingEntry& p : chain.pending) {
      if (p.entry.kind != EntryKind::kData || IsMemory(p.location)) continue;
      if (segments_.SegmentOf(p.location) == victim) pending += p.entry.place.blocks.count;
    }
  }
  if (!segments_.SetAside(victim, pending)) return;
  log_sink_.Log(env::LogLevel::kError, "chunkstore",
                "disk " + std::to_string(identity_.disk.value()) + ": " +
                    std::to_string(live - pending) + " blocks in segment " +
                    std::to_string(victim) +
                    " cannot be read; they are not moved until they are healed or written over");
}

}  // namespace storpool::chunkstore
