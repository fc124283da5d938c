// Cleaning: live blocks of the worst segments move to survivor streams, then a checkpoint lets the
// emptied segments go (design 4.9, 4.10).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

// A victim must free at least this part of itself.
constexpr uint32_t kLeastGain = 24;

}  // namespace

bool ChunkStoreImpl::NeedsSpace() const { return segments_.free_count() < room().low_segments(); }

bool ChunkStoreImpl::NeedsMaintenance() const {
  // Writing the whole index costs: not before the log has grown by four times its size.
  const uint64_t index_bytes = state_.index().entries() * sizeof(IndexEntry);
  return NeedsSpace() || writers_[0]->bytes_written() - checkpointed_log_bytes_ >=
                             std::max(checkpoint_log_bytes_, 4 * index_bytes);
}

void ChunkStoreImpl::KickMaintenance() {
  if (maintaining_ || closing_ || !failure_.ok() || !NeedsMaintenance()) return;
  maintaining_ = true;
  maintenance_ = Maintain();
  maintenance_.Start();
}

Task ChunkStoreImpl::Maintain() {
  ScheduleBatch();
  co_await Progress{*this};  // not from within the call that needed it
  uint32_t without_gain = 0;
  while (failure_.ok() && !closing_ && NeedsMaintenance() && without_gain < 8) {
    const uint32_t before = segments_.free_count();
    if (NeedsSpace()) {
      if (!ChooseVictim() && segments_.CountEmptied() == 0) break;
      SP_RETURN_CO(co_await MakeSpace());
    }
    SP_RETURN_CO(co_await Checkpoint());
    if (segments_.free_count() > before) {
      without_gain = 0;
    } else {
      ++without_gain;
    }
  }
  maintaining_ = false;
  ScheduleBatch();
  co_return absl::OkStatus();
}

// Cleans as much as the free segments allow, leaving enough for the checkpoint that frees them.
Task ChunkStoreImpl::MakeSpace() {
  const Room r = room();
  const uint32_t wanted = r.low_segments() + 2;
  uint64_t copied_blocks = 0;
  const uint64_t blocks_per_segment = segments_.segment_bytes() / kBlockBytes;
  while (failure_.ok()) {
    if (segments_.free_count() + segments_.CountEmptied() >= wanted) break;
    if (segments_.free_count() < r.cleaning_segments()) break;  // the checkpoint frees some
    if (copied_blocks > 8 * blocks_per_segment) break;
    const std::optional<uint32_t> victim = ChooseVictim();
    if (!victim) break;
    copied_blocks += segments_[*victim].live_blocks;
    clean_tried_[*victim] = checkpoints_begun_ + 1;
    SP_RETURN_CO(co_await Clean(*victim));
  }
  for (const StreamId s : {StreamId::kSurvivors1, StreamId::kSurvivors2}) {
    while (failure_.ok() && !writer(s).idle()) {
      writer(s).Poke();
      co_await Progress{*this};
    }
  }
  co_return failure_;
}

// The highest (1 - u) age^0.7 / (1 + u), age in segments opened since; when room is short simply
// the emptiest.
std::optional<uint32_t> ChunkStoreImpl::ChooseVictim() const {
  const bool short_of_room = segments_.free_count() <= room().kept_segments();
  const uint64_t blocks = segments_.segment_bytes() / kBlockBytes;
  std::optional<uint32_t> best;
  double best_score = -1;
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    const SegmentTable::Segment& s = segments_[i];
    if (s.state != SegmentTable::State::kClosed || s.stream == StreamId::kIndex ||
        s.live_blocks == 0 || s.live_blocks + blocks / kLeastGain >= blocks ||
        clean_tried_[i] == checkpoints_begun_ + 1) {
      continue;
    }
    const double u = static_cast<double>(s.live_blocks) / static_cast<double>(blocks);
    const auto age = static_cast<double>(segments_.last_sequence() - s.sequence + 1);
    const double score = short_of_room ? 1 - u : (1 - u) * std::pow(age, 0.7) / (1 + u);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

bool ChunkStoreImpl::IsLive(const ChunkKey& key, LayerId layer, uint32_t block,
                            uint64_t location) const {
  const Index::Chunk* chunk = state_.index().Find(key);
  if (chunk == nullptr) return false;
  const Index::Page* page = chunk->FindPage(block / kRunBlocks, layer);
  const IndexEntry* entry = page == nullptr ? nullptr : page->Find(block % kRunBlocks);
  return entry != nullptr && entry->location() == location;
}

// Reads the victim from end to end and appends its live blocks to the stream one class up.
Task ChunkStoreImpl::Clean(uint32_t victim) {
  const SegmentTable::Segment& segment = segments_[victim];
  StreamWriter& to =
      writer(segment.stream == StreamId::kLog ? StreamId::kSurvivors1 : StreamId::kSurvivors2);
  const uint32_t sector = core_->superblock.sector_bytes;
  const uint64_t limit = segments_.OffsetOf(victim) + segments_.segment_bytes();
  uint64_t at = segments_.OffsetOf(victim) + sector;
  while (at + sector <= limit && segment.live_blocks > 0) {
    const uint64_t window_bytes = std::min<uint64_t>(DeviceWindow::kBytes, limit - at);
    Buffer window = pool_.Allocate(window_bytes);
    const uint64_t window_offset = at;
    const absl::Status read = co_await ReadDevice(device_, at, window.span());
    if (!read.ok()) {
      OnDeviceFailed(read);
      co_return failure_;
    }
    for (;;) {
      BatchHeader h;
      const uint64_t within = at - window_offset;
      if (within + sector > window_bytes ||
          !ParseBatchHeader(window.span().subspan(within), &h).ok() ||
          h.segment_sequence != segment.sequence ||
          h.offset_bytes != at - segments_.OffsetOf(victim)) {
        break;
      }
      const uint64_t bytes =
          RoundUp(h.descriptor_bytes, sector) + uint64_t{h.payload_blocks} * kBlockBytes;
      if (within + bytes > window_bytes) break;
      CleanBatch(to, window, window_offset, at, h);
      at += bytes;
    }
    if (at == window_offset) break;  // the end of what was written here
    to.Poke();
    while (failure_.ok() && to.has_unsealed()) {
      co_await Progress{*this};
      to.Poke();
    }
    SP_RETURN_CO(failure_);
  }
  while (failure_.ok() && !to.idle()) co_await Progress{*this};
  co_return failure_;
}

// Copies the live blocks of one batch; returns how many.
uint32_t ChunkStoreImpl::CleanBatch(StreamWriter& to, const Buffer& window, uint64_t window_offset,
                                    uint64_t batch_offset, const BatchHeader& header) {
  const uint64_t within = batch_offset - window_offset;
  uint64_t payload = within + RoundUp(header.descriptor_bytes, core_->superblock.sector_bytes);
  RecordReader reader(window.span().subspan(within), header);
  Record record;
  uint32_t copied = 0;
  while (reader.Next(&record)) {
    const bool moved = record.kind == RecordKind::kMoved;
    const EntryRecord& e = record.entry;
    const ChunkKey key =
        moved ? ChunkKey{LineageId(record.moved.lineage), ChunkIndex(record.moved.chunk)}
              : KeyOf(e);
    const LayerId layer(moved ? record.moved.layer : e.layer);
    const uint64_t first = payload;
    payload += uint64_t{record.payload_blocks} * kBlockBytes;
    for (uint32_t i = 0; i < record.payload_blocks;) {
      // A run of live blocks becomes one record.
      MovedBlock blocks[kBatchBlocksMax];
      uint32_t count = 0;
      const uint32_t start = i;
      for (; i < record.payload_blocks && count < to.blocks_max(); ++i) {
        const uint32_t block = moved ? record.moved_blocks[i].block : e.first_block + i;
        const uint64_t location =
            (window_offset + first + uint64_t{i} * kBlockBytes) / kLocationUnitBytes;
        if (!IsLive(key, layer, block, location)) break;
        blocks[count].version = moved ? record.moved_blocks[i].version : e.version;
        blocks[count].block = block;
        blocks[count++].crc = moved ? record.moved_blocks[i].crc : record.checksums[i];
      }
      if (count == 0) {
        ++i;
        continue;
      }
      MovedRecord out;
      out.lineage = key.lineage.value();
      out.chunk = key.chunk.value();
      out.layer = layer.value();
      out.block_count = count;
      const auto body = static_cast<uint32_t>(sizeof out + count * sizeof(MovedBlock));
      Batch& batch = to.OpenFor(DescriptorWriter::RecordBytes(body), count);
      uint8_t* at = batch.writer.Add(RecordKind::kMoved, body);
      std::memcpy(at, &out, sizeof out);
      std::memcpy(at + sizeof out, blocks, count * sizeof(MovedBlock));
      batch.AddPayload(
          window.Slice(first + uint64_t{start} * kBlockBytes, size_t{count} * kBlockBytes));
      copied += count;
    }
  }
  return copied;
}

void ChunkStoreImpl::FreeSegments() {
  segments_.FreeWhatMay();
  if (std::exchange(log_waits_, false) || denied_) ScheduleBatch();
}

}  // namespace storpool::chunkstore
