// Scans for a resync, and pending entries with their payload (design 5.6).
#include <algorithm>
#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

constexpr uint32_t kScanEntriesMax = 1024;

// A cursor names the next block: run, layer, block of the run, plus one; 0 begins.
uint64_t CursorOf(uint32_t run, LayerId layer, uint32_t block) {
  return (uint64_t{run} << 40 | uint64_t{layer.value()} << 8 | block) + 1;
}

uint32_t RunOf(uint64_t cursor) {
  return cursor == 0 ? 0 : static_cast<uint32_t>((cursor - 1) >> 40);
}

bool Continues(const Entry& entry, LayerId layer, uint32_t block, const IndexEntry& e) {
  return entry.place.layer == layer && entry.place.blocks.end() == block &&
         entry.version == e.version() && (entry.kind == EntryKind::kHole) == e.is_hole() &&
         (e.is_hole() || entry.place.blocks.count < kRequestBlocksMax);
}

}  // namespace

void ChunkStoreImpl::Scan(ScanOp* op) {
  StartTask(RunScan(op));
  ScheduleBatch();
}

// The entries of one step, with where their payload lies. Entries are cut where version, kind or
// neighbourhood changes. They come by run, layer and block: what a hand-over moves while the scan
// goes on moves to a newer layer of its run, so it is never passed by (S7).
std::vector<ChunkStoreImpl::Fetch> ChunkStoreImpl::CollectScan(ScanOp* op) {
  std::vector<Fetch> fetches;
  op->entries.clear();
  op->damaged.clear();
  op->at_end = true;
  const Index::Chunk* chunk = state_.index().Find(op->chunk);
  if (chunk == nullptr) return fetches;
  const uint64_t from = op->cursor;
  uint32_t blocks = 0;
  for (uint32_t run = RunOf(from); run < kRunsPerChunk; ++run) {
    const Index::Pages& pages = chunk->runs[run];
    const auto first = std::partition_point(
        pages.begin(), pages.end(),
        [from](const Index::Page& p) { return CursorOf(p.run, p.layer, kRunBlocks - 1) < from; });
    for (auto page = first; page != pages.end(); ++page) {
      if (!CollectPage(op, *page, from, &blocks, &fetches)) return fetches;
    }
  }
  return fetches;
}

// False: the step is full.
bool ChunkStoreImpl::CollectPage(ScanOp* op, const Index::Page& page, uint64_t from,
                                 uint32_t* blocks, std::vector<Fetch>* fetches) {
  for (uint32_t b = 0; b < kRunBlocks; ++b) {
    const uint64_t cursor = CursorOf(page.run, page.layer, b);
    const IndexEntry* e = page.Find(b);
    if (cursor < from || e == nullptr || e->version() <= op->above) continue;
    const uint32_t block = page.run * kRunBlocks + b;
    const bool joins = !op->entries.empty() && Continues(op->entries.back(), page.layer, block, *e);
    if ((!e->is_hole() && *blocks >= kRequestBlocksMax) ||
        (!joins && op->entries.size() >= kScanEntriesMax)) {
      op->at_end = false;
      op->cursor = cursor;
      return false;
    }
    if (!joins) {
      Entry& entry = op->entries.emplace_back();
      entry.place = {op->chunk.lineage, op->chunk.chunk, page.layer, {block, 0}};
      entry.version = e->version();
      entry.kind = e->is_hole() ? EntryKind::kHole : EntryKind::kData;
      entry.arrival = Arrival::kCommitted;
    }
    BlockRange& range = op->entries.back().place.blocks;
    if (!e->is_hole()) {
      ++*blocks;
      const size_t n = op->entries.size() - 1;
      Fetch* last = fetches->empty() || fetches->back().entry != n ? nullptr : &fetches->back();
      if (last != nullptr &&
          last->location + uint64_t{last->count} * kUnitsPerBlock == e->location() &&
          segments_.SegmentOf(last->location) == segments_.SegmentOf(e->location())) {
        ++last->count;
      } else {
        fetches->push_back({n, e->location(), range.count, 1});
      }
    }
    ++range.count;
  }
  return true;
}

// Payload of batches under way is copied at once; the rest is pinned, then read and verified.
Task ChunkStoreImpl::FetchPayload(std::vector<Entry>* entries, std::vector<Fetch> fetches,
                                  std::vector<DamagedAt>* damaged) {
  for (Entry& entry : *entries) {
    if (entry.kind != EntryKind::kData) continue;
    entry.payload = pool_.Allocate(size_t{entry.place.blocks.count} * kBlockBytes);
  }
  std::vector<Fetch> reads;
  for (const Fetch& f : fetches) {
    const uint8_t* memory =
        IsMemory(f.location) ? log().FindUnsealed(f.location) : log().FindUnderWay(f.location);
    if (memory == nullptr) {
      segments_.AddReader(f.location);
      reads.push_back(f);
      continue;
    }
    for (uint32_t i = 0; i < f.count; ++i) {  // parts of a batch need not lie side by side
      const uint64_t at = f.location + (IsMemory(f.location) ? i : uint64_t{i} * kUnitsPerBlock);
      memory = IsMemory(at) ? log().FindUnsealed(at) : log().FindUnderWay(at);
      SP_CHECK(memory != nullptr);
      std::memcpy((*entries)[f.entry].payload.data() + size_t{f.first + i} * kBlockBytes, memory,
                  kBlockBytes);
    }
  }
  absl::Status status = failure_;
  for (const Fetch& f : reads) {
    const Entry& entry = (*entries)[f.entry];
    const std::span<uint8_t> to =
        entry.payload.span().subspan(size_t{f.first} * kBlockBytes, size_t{f.count} * kBlockBytes);
    absl::Status read;
    if (status.ok()) read = co_await ReadDevice(device_, f.location * kLocationUnitBytes, to);
    segments_.DropReader(f.location);
    if (!read.ok() && !absl::IsDataLoss(read)) {
      OnDeviceFailed(read);
      status = failure_;
    }
    for (uint32_t i = 0; i < f.count && status.ok(); ++i) {
      const uint32_t crc = Crc32c(to.data() + size_t{i} * kBlockBytes, kBlockBytes);
      if (read.ok() && crc == entry.checksums[f.first + i]) continue;
      damaged->push_back({f.entry, f.first + i});
    }
  }
  if (log_waits_) ScheduleBatch();  // for a segment that was read, perhaps
  co_return status;
}

Task ChunkStoreImpl::RunScan(ScanOp* op) {
  co_await Progress{*this};
  std::vector<Fetch> fetches = CollectScan(op);
  const Index::Chunk* chunk = state_.index().Find(op->chunk);
  for (Entry& entry : op->entries) {
    if (entry.kind != EntryKind::kData) continue;
    entry.checksums = Checksums(entry.place.blocks.count, pool_);
    for (uint32_t i = 0; i < entry.place.blocks.count; ++i) {
      const uint32_t block = entry.place.blocks.first + i;
      const IndexEntry* e =
          chunk->FindPage(block / kRunBlocks, entry.place.layer)->Find(block % kRunBlocks);
      entry.checksums.span()[i] =
          e->crc() ^ ChecksumSeed(op->chunk.lineage, op->chunk.chunk, block, entry.version);
    }
  }
  std::vector<DamagedAt> damaged;
  const absl::Status status = co_await FetchPayload(&op->entries, std::move(fetches), &damaged);
  if (!damaged.empty()) TakeOut(op, damaged);
  op->OnDone(status);
  co_return status;
}

// Cuts the entries so that no damaged block is in one.
void ChunkStoreImpl::TakeOut(ScanOp* op, const std::vector<DamagedAt>& damaged) {
  std::vector<Entry> sound;
  for (size_t n = 0; n < op->entries.size(); ++n) {
    const Entry& entry = op->entries[n];
    uint32_t begin = 0;
    const auto keep = [&](uint32_t end) {
      if (end == begin) return;
      Entry& part = sound.emplace_back(entry);
      if (begin == 0 && end == entry.place.blocks.count) return;
      part.place.blocks = {entry.place.blocks.first + begin, end - begin};
      part.payload =
          entry.payload.Slice(size_t{begin} * kBlockBytes, size_t{end - begin} * kBlockBytes);
      part.checksums = Checksums(end - begin, pool_);
      std::copy_n(entry.checksums.span().begin() + begin, end - begin,
                  part.checksums.span().begin());
    };
    for (const DamagedAt& d : damaged) {
      if (d.entry != n) continue;
      keep(d.block);
      begin = d.block + 1;
      op->damaged.push_back({entry.place.layer, entry.place.blocks.first + d.block, entry.version});
    }
    keep(entry.place.blocks.count);
  }
  op->entries = std::move(sound);
}

void ChunkStoreImpl::PendingAbove(
    ChainId chain, Version above,
    absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) {
  StartTask(RunPending(chain, above, std::move(done)));
}

Task ChunkStoreImpl::RunPending(ChainId chain, Version above,
                                absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) {
  // At once: what is committed from here on has left the pending set when the device answers.
  std::vector<Entry> entries;
  std::vector<Fetch> fetches;
  if (const ChainState* state = state_.FindChain(chain)) {
    for (const PendingEntry& p : state->pending) {
      if (p.entry.version <= above) continue;
      if (p.entry.kind == EntryKind::kData) {
        fetches.push_back({entries.size(), p.location, 0, p.entry.place.blocks.count});
      }
      entries.push_back(p.entry);
    }
  }
  std::vector<DamagedAt> damaged;
  absl::Status status = co_await FetchPayload(&entries, std::move(fetches), &damaged);
  if (status.ok() && !damaged.empty()) {
    const Entry& entry = entries[damaged[0].entry];
    status = absl::DataLossError(
        "block " + std::to_string(entry.place.blocks.first + damaged[0].block) + " of chunk " +
        std::to_string(entry.place.chunk.value()) + " of lineage " +
        std::to_string(entry.place.lineage.value()) + ", pending, is damaged on disk " +
        std::to_string(identity_.disk.value()) + ": the other members have it");
  }
  ScheduleBatch();
  co_await Progress{*this};  // never from within the call
  if (status.ok()) {
    done(std::move(entries));
  } else {
    done(status);
  }
  co_return status;
}

}  // namespace storpool::chunkstore
