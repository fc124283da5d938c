#include "lib/chunkstore/segment_table.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"

namespace storpool::chunkstore {

SegmentTable::SegmentTable(const Superblock& superblock)
    : segments_(superblock.segments),
      segment_bytes_(superblock.segment_bytes),
      free_count_(superblock.segments) {}

std::optional<uint32_t> SegmentTable::Take(StreamId stream) {
  for (uint32_t i = 0; i < size() && free_count_ > 0; ++i) {
    const uint32_t at = (next_ + i) % size();
    Segment& s = segments_[at];
    if (s.state != State::kFree) continue;
    SP_CHECK(s.live_blocks == 0 && s.readers == 0);
    s.state = State::kOpen;
    s.stream = stream;
    s.sequence = ++last_sequence_;
    s.left_blocks = 0;
    s.emptied_in = checkpoints_begun_;
    --free_count_;
    next_ = at + 1;
    return at;
  }
  return std::nullopt;
}

void SegmentTable::Close(uint32_t segment) {
  Segment& s = segments_[segment];
  SP_CHECK(s.state == State::kOpen);
  s.state = State::kClosed;
  ++changes_;
  if (s.live_blocks == 0) s.emptied_in = checkpoints_begun_;
}

void SegmentTable::Restore(uint32_t segment, StreamId stream, uint64_t sequence) {
  Segment& s = segments_[segment];
  if (s.state == State::kFree) --free_count_;
  s.state = State::kClosed;
  s.stream = stream;
  s.sequence = sequence;
  s.emptied_in = checkpoints_begun_;
  RaiseSequence(sequence);
}

void SegmentTable::RaiseSequence(uint64_t sequence) {
  last_sequence_ = std::max(last_sequence_, sequence);
}

bool SegmentTable::IsInside(uint64_t location, uint32_t blocks) const {
  const uint64_t first = location * kLocationUnitBytes;
  if (location >= IndexEntry::kHole || first < kAreaBytes) return false;
  const uint64_t at = first - kAreaBytes;
  const uint64_t segment = at / segment_bytes_;
  return segment < size() && at % segment_bytes_ + uint64_t{blocks} * kBlockBytes <= segment_bytes_;
}

uint32_t SegmentTable::SegmentOf(uint64_t location) const {
  const uint64_t at = location * kLocationUnitBytes - kAreaBytes;
  const uint64_t segment = at / segment_bytes_;
  SP_CHECK(segment < size());
  return static_cast<uint32_t>(segment);
}

void SegmentTable::AddBlocks(uint64_t location, uint32_t blocks) {
  segments_[SegmentOf(location)].live_blocks += blocks;
  live_blocks_ += blocks;
}

void SegmentTable::DropBlocks(uint64_t location, uint32_t blocks) {
  Segment& s = segments_[SegmentOf(location)];
  SP_CHECK(s.live_blocks >= blocks);
  s.live_blocks -= blocks;
  live_blocks_ -= blocks;
  ++changes_;
  if (s.live_blocks == 0) s.emptied_in = checkpoints_begun_;
  unreadable_blocks_ -= std::exchange(s.unreadable_blocks, 0);
}

// Once may be chance: an entry that was committed after cleaning had passed it.
bool SegmentTable::SetAside(uint32_t segment, uint32_t pending) {
  Segment& s = segments_[segment];
  const uint32_t left = std::exchange(s.left_blocks, s.live_blocks);
  if (s.live_blocks <= pending || left != s.live_blocks || s.unreadable_blocks > 0) return false;
  s.unreadable_blocks = s.live_blocks - pending;
  unreadable_blocks_ += s.unreadable_blocks;
  return true;
}

void SegmentTable::DropReader(uint64_t location) {
  Segment& s = segments_[SegmentOf(location)];
  SP_CHECK(s.readers > 0);
  --s.readers;
  ++changes_;
}

void SegmentTable::ForgetIndexSegment(uint32_t segment) {
  Segment& s = segments_[segment];
  SP_CHECK(s.stream == StreamId::kIndex && s.state == State::kClosed && s.readers == 0);
  s.stream = StreamId::kLog;  // empty, like any other
  s.emptied_in = 0;
}

bool SegmentTable::MayFree(const Segment& s) const {
  return s.state == State::kClosed && s.stream != StreamId::kIndex && s.live_blocks == 0 &&
         s.readers == 0 && s.emptied_in < checkpoint_durable_;
}

std::vector<uint32_t> SegmentTable::ReleaseWhatMay() {
  std::vector<uint32_t> released;
  for (uint32_t i = 0; i < size(); ++i) {
    if (!MayFree(segments_[i])) continue;
    segments_[i].state = State::kReleased;
    released.push_back(i);
  }
  return released;
}

void SegmentTable::Free(uint32_t released) {
  SP_CHECK(segments_[released].state == State::kReleased);
  segments_[released].state = State::kFree;
  ++free_count_;
}

uint32_t SegmentTable::CountEmptied() const {
  uint32_t count = 0;
  for (const Segment& s : segments_) {
    if (s.state == State::kClosed && s.stream != StreamId::kIndex && s.live_blocks == 0) ++count;
  }
  return count;
}

}  // namespace storpool::chunkstore
