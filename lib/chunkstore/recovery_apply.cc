// The second half of recovery: the checkpoint's index, the segments, and replay.
#include <algorithm>
#include <string>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/recovery.h"

namespace storpool::chunkstore {
namespace {

// Pages and pending entries of a checkpoint name locations: none may lie outside the segments.
bool LocationsFit(const SegmentTable& segments, const Record& record) {
  if (record.kind == RecordKind::kPendingAt) {
    return record.checksums.empty() ||
           segments.IsInside(record.entry.location, record.entry.block_count);
  }
  if (record.kind != RecordKind::kPage) return true;
  return std::all_of(record.entries.begin(), record.entries.end(), [&](const IndexEntry& e) {
    return e.is_hole() || segments.IsInside(e.location(), 1);
  });
}

}  // namespace

Task Recovery::LoadIndex() {
  const CheckpointRoot& root = core_.superblock.root;
  used_at_root_.assign(core_.segments.size(), false);
  core_.next_sequence = root.sequence;
  core_.ends[static_cast<int>(StreamId::kIndex)] = root.index_last;
  if (root.index_batches == 0) co_return absl::OkStatus();
  const absl::Status damaged = absl::DataLossError(
      "the index checkpoint is damaged: forget the disk and initialise it again, its chains have "
      "other mirrors");
  Walk walk;
  walk.stream = StreamId::kIndex;
  walk.at.last = root.streams[static_cast<int>(StreamId::kIndex)].last;
  if (root.index_segment >= headers_.size() || headers_[root.index_segment].magic == 0) {
    co_return damaged;
  }
  uint32_t segment = root.index_segment;
  core_.index_segments = {segment};
  uint32_t offset = core_.superblock.sector_bytes;
  for (uint64_t i = 0; i < root.index_batches; ++i) {
    bool accepted = false;
    SP_RETURN_CO(co_await TryBatch(&walk, segment, offset, &accepted));
    const uint64_t by = root.incarnation;
    for (const uint32_t next :
         accepted ? std::vector<uint32_t>() : Continuations(walk, by, by - 1)) {
      if (accepted || headers_[next].incarnation != by) continue;
      SP_RETURN_CO(co_await TryBatch(&walk, next, core_.superblock.sector_bytes, &accepted));
      if (accepted) core_.index_segments.push_back(next);
    }
    if (!accepted) co_return damaged;
    SP_RETURN_CO(co_await ApplyBatch(walk.batches.back(), i < root.state_batch));
    segment = walk.at.segment;
    offset = walk.at.offset_bytes;
    walk.batches.clear();
  }
  if (!(walk.at.last == root.index_last)) co_return damaged;
  co_return absl::OkStatus();
}

// `only_pages`: the rest of it was written again by a later checkpoint.
Task Recovery::ApplyBatch(const Accepted& batch, bool only_pages) {
  const BatchHeader& h = batch.header;
  const uint64_t at = DeviceOffset(batch.segment, h.offset_bytes);
  const uint64_t limit = DeviceOffset(batch.segment, 0) + core_.superblock.segment_bytes;
  const uint64_t padded = RoundUp(h.descriptor_bytes, core_.superblock.sector_bytes);
  SP_RETURN_CO(co_await window_.Load(at, padded, limit));
  BatchHeader again;
  SP_RETURN_CO(ParseBatchHeader(window_.At(at), &again));
  if (again.crc != h.crc) co_return absl::DataLossError("a batch changed between two reads");
  uint64_t location = (at + padded) / kLocationUnitBytes;
  RecordReader reader(window_.At(at), h);
  Record record;
  while (reader.Next(&record)) {
    if (only_pages && record.kind != RecordKind::kPage) continue;
    if (!LocationsFit(core_.segments, record)) {
      co_return absl::DataLossError("the index names a place outside the segments");
    }
    if (record.kind == RecordKind::kSegmentUse) {
      const SegmentUseRecord& use = record.segment_use;
      for (uint32_t i = 0; i < use.segments; ++i) {
        const uint64_t segment = uint64_t{use.first_segment} + i;
        if (segment < used_at_root_.size() && (record.use_bits[i / 64] >> i % 64 & 1) != 0) {
          used_at_root_[segment] = true;
        }
      }
    }
    core_.state.Apply(record, location, 0, true);
    location += uint64_t{record.payload_blocks} * kUnitsPerBlock;
  }
  co_return reader.status();
}

// Closed is what the root's index or pending entries refer to, where the root's streams stood, and
// what an accepted batch was written to since; it becomes free by the next checkpoint at the
// earliest. All else is free: the root and the replay behind it need nothing of it (4.10). A store
// that died at work with its last segments in use finds here those that its last checkpoint freed.
void Recovery::RestoreSegments() {
  std::vector<bool> used(core_.segments.size(), false);
  for (const StreamPosition& at : core_.superblock.root.streams) {
    if (at.segment < used.size() && used_at_root_[at.segment]) used[at.segment] = true;
  }
  for (const Walk& walk : walks_) {
    for (const Accepted& batch : walk.batches) used[batch.segment] = true;
  }
  for (uint32_t i = 0; i < used.size(); ++i) {
    if (!used[i] && core_.segments[i].live_blocks == 0) continue;
    const SegmentHeader& h = headers_[i];
    const StreamId stream = h.magic == 0 ? StreamId::kLog : static_cast<StreamId>(h.stream);
    // Index segments of the root are restored below; those of older roots are dead.
    core_.segments.Restore(i, stream == StreamId::kIndex ? StreamId::kLog : stream,
                           h.magic == 0 ? 0 : h.segment_sequence);
  }
  for (const uint32_t i : core_.index_segments) {
    core_.segments.Restore(i, StreamId::kIndex, headers_[i].segment_sequence);
  }
}

Task Recovery::ApplyAll() {
  size_t next[kStreams] = {};
  for (;;) {
    Walk* first = nullptr;
    for (Walk& walk : walks_) {
      const size_t at = next[static_cast<int>(walk.stream)];
      if (at == walk.batches.size()) continue;
      const auto sequence_of = [&](const Walk& w) {
        return w.batches[next[static_cast<int>(w.stream)]].header.first_sequence;
      };
      if (first == nullptr || sequence_of(walk) < sequence_of(*first)) first = &walk;
    }
    if (first == nullptr) co_return absl::OkStatus();
    const Accepted& batch = first->batches[next[static_cast<int>(first->stream)]++];
    const BatchHeader& h = batch.header;
    core_.next_sequence =
        std::max(core_.next_sequence, h.first_sequence + std::max<uint64_t>(h.record_count, 1));
    SP_RETURN_CO(co_await ApplyBatch(batch, false));
  }
}

}  // namespace storpool::chunkstore
