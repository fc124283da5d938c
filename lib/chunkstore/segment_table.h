// Which segment is used for what, how many live blocks each holds, and the one gate through which
// a segment becomes free again (design 4.10, R15).
//
// Always holds: live(s) is the number of references that index and pending sets have into s. A
// segment leaves kClosed only by ReleaseWhatMay, which demands that it became empty before a
// checkpoint began whose root is durable in both superblocks, and that no read refers to it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/chunkstore/format.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::chunkstore {

class SegmentTable {
 public:
  // kReleased: through the gate, and about to be discarded.
  enum class State : uint8_t { kFree, kOpen, kClosed, kReleased };
  struct Segment {
    uint64_t sequence = 0;
    uint64_t emptied_in = 0;  // checkpoints begun when it became empty; see MayFree
    uint32_t live_blocks = 0;
    uint32_t readers = 0;
    uint32_t left_blocks = 0;        // live ones that the last cleaning left there
    uint32_t unreadable_blocks = 0;  // of those, not for lack of a commit
    State state = State::kFree;
    StreamId stream = StreamId::kLog;
  };

  explicit SegmentTable(const Superblock& superblock);

  uint32_t size() const { return static_cast<uint32_t>(segments_.size()); }
  uint32_t segment_bytes() const { return segment_bytes_; }
  uint32_t free_count() const { return free_count_; }
  const Segment& operator[](uint32_t segment) const { return segments_[segment]; }
  uint64_t OffsetOf(uint32_t segment) const {
    return kAreaBytes + uint64_t{segment} * segment_bytes_;
  }
  uint64_t last_sequence() const { return last_sequence_; }
  uint64_t live_blocks() const { return live_blocks_; }

  // Takes a free segment for a stream, the one behind the last taken: its sequence is the highest.
  std::optional<uint32_t> Take(StreamId stream);
  // No more batches go to it.
  void Close(uint32_t segment);
  // Recovery: what the disk says.
  void Restore(uint32_t segment, StreamId stream, uint64_t sequence);
  void RaiseSequence(uint64_t sequence);

  void AddBlocks(uint64_t location, uint32_t blocks);
  void DropBlocks(uint64_t location, uint32_t blocks);
  // A location that comes from the disk: does it lie within a segment?
  bool IsInside(uint64_t location, uint32_t blocks) const;
  uint32_t SegmentOf(uint64_t location) const;
  void AddReader(uint64_t location) { ++segments_[SegmentOf(location)].readers; }
  void DropReader(uint64_t location);

  // A checkpoint begins: what is empty now may be freed when its root is durable.
  uint64_t BeginCheckpoint() { return ++checkpoints_begun_; }
  // The root of checkpoint `n` (as BeginCheckpoint counted) is durable in both superblocks.
  void CheckpointDurable(uint64_t n) { checkpoint_durable_ = n; }
  // Segments of the index stream are live as a whole, for as long as a root names them.
  void ForgetIndexSegment(uint32_t segment);
  // Releases all that may be used again, for Free; returns them.
  std::vector<uint32_t> ReleaseWhatMay();
  void Free(uint32_t released);
  // Cleaning has left live blocks in a segment, `pending` of them because they are pending. If it
  // is the second time, the others cannot be read: the segment is left alone until one of its
  // blocks is written anew, by a heal or a client. True if that is news.
  bool SetAside(uint32_t segment, uint32_t pending);
  uint64_t unreadable_blocks() const { return unreadable_blocks_; }
  // Rises with all that may let a segment go, or make one worth cleaning.
  uint64_t changes() const { return changes_; }
  // Empty segments that wait for a checkpoint only.
  uint32_t CountEmptied() const;

 private:
  bool MayFree(const Segment& s) const;

  std::vector<Segment> segments_;
  uint32_t segment_bytes_;
  uint32_t free_count_;
  uint32_t next_ = 0;
  uint64_t last_sequence_ = 0;
  uint64_t live_blocks_ = 0;
  uint64_t unreadable_blocks_ = 0;
  uint64_t changes_ = 0;
  uint64_t checkpoints_begun_ = 0;
  uint64_t checkpoint_durable_ = 0;
};

}  // namespace storpool::chunkstore
