// Builds the state of a store from its disk: docs/disk-format.md section 5. Writes nothing.
//
// Always holds: what is accepted of each stream is an unbroken hash chain from the checkpoint on;
// recovering again from the same disk gives the same result.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/chunkstore/format.h"
#include "lib/chunkstore/segment_table.h"
#include "lib/chunkstore/store_state.h"
#include "lib/chunkstore/superblock.h"
#include "lib/chunkstore/task.h"

namespace storpool::chunkstore {

// All that a store has in memory besides its writers.
struct StoreCore {
  StoreCore(const Superblock& s, BufferPool& pool)
      : superblock(s), segments(s), state(segments, pool) {}

  Superblock superblock;
  SegmentTable segments;
  StoreState state;
  uint64_t next_sequence = 1;            // log-wide
  BatchName ends[kStreams];              // the last batch accepted of each stream
  std::vector<uint32_t> index_segments;  // of the current root
};

// Reads both copies; the newer valid one. kNotFound: none is ours.
Task ReadSuperblocks(env::Device& device, BufferPool& pool, Superblock* superblock);

// A window of device bytes that moves forward.
class DeviceWindow {
 public:
  static constexpr uint32_t kBytes = 2u << 20;

  DeviceWindow(env::Device& device, BufferPool& pool)
      : device_(device), memory_(pool.Allocate(kBytes)) {}
  // Makes [offset, min(offset + bytes, limit)) available through At. kDataLoss: some of it cannot
  // be read.
  Task Load(uint64_t offset, uint64_t bytes, uint64_t limit);
  // What is available from `offset` on.
  std::span<const uint8_t> At(uint64_t offset) const;
  bool Has(uint64_t offset, uint64_t bytes) const {
    return offset >= start_ && offset + bytes <= start_ + size_;
  }

 private:
  env::Device& device_;
  Buffer memory_;
  uint64_t start_ = 0;
  uint64_t size_ = 0;
  uint64_t bad_from_ = 0, bad_until_ = 0;  // a window that cannot be read as a whole
};

class Recovery {
 public:
  Recovery(env::Device& device, BufferPool& pool, StoreCore& core)
      : device_(device), pool_(pool), core_(core), window_(device, pool) {}
  Task Run();
  bool damaged() const { return damaged_; }

 private:
  struct Accepted {
    BatchHeader header;
    uint32_t segment = kNoSegment;
  };
  // An end of former incarnations, named by a "recovered" record of `incarnation`.
  struct NamedEnd {
    uint64_t incarnation = 0;
    BatchName ends[kStreams];
  };
  struct Walk {
    StreamId stream = StreamId::kLog;
    StreamPosition at;                 // the last accepted batch and where the next would be
    uint64_t segment_incarnation = 0;  // of the segment at.segment
    std::vector<Accepted> batches;
  };

  Task ReadHeaders();
  Task ReadHeader(uint32_t segment, std::span<uint8_t> to, bool* readable);
  SegmentHeader HeaderOfFirstBatch(std::span<const uint8_t> bytes) const;
  Task LoadIndex();
  Task WalkStream(Walk* walk);
  Task Step(Walk* walk, bool* went_on);
  Task LoadDescriptor(uint64_t at, uint64_t limit, BatchHeader* h, bool* valid);
  Task TryBatch(Walk* walk, uint32_t segment, uint32_t offset, bool* accepted);
  Task VerifyTail(Walk* walk);
  Task VerifyPayload(const Accepted& batch, bool* valid);
  Task LookForWitness(const Walk& walk);
  Task ScanForMark(uint32_t segment, uint32_t from, uint64_t least, uint64_t above);
  Task ApplyAll();
  Task ApplyBatch(const Accepted& batch, bool only_pages);
  void RestoreSegments();
  void HandOverAll();
  Walk StartOf(StreamId stream) const;
  void TruncateTo(Walk* walk, size_t batches);
  std::vector<uint32_t> Continuations(const Walk& walk, uint64_t least, uint64_t above) const;
  uint64_t LeastIncarnationAfter(StreamId stream, const BatchName& last) const;
  uint64_t DeviceOffset(uint32_t segment, uint32_t offset) const {
    return core_.segments.OffsetOf(segment) + offset;
  }

  env::Device& device_;
  BufferPool& pool_;
  StoreCore& core_;
  DeviceWindow window_;
  // Magic 0: it is not valid, and has stream and sequence as the first batch behind it says.
  std::vector<SegmentHeader> headers_;
  std::vector<bool> unreadable_;  // the header's sector
  std::vector<NamedEnd> named_ends_;
  std::vector<bool> used_at_root_;
  std::vector<Walk> walks_;
  bool damaged_ = false;
};

}  // namespace storpool::chunkstore
