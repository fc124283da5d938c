// The index of one disk, in memory: chunk, run of 256 blocks, layer -> sorted 16-byte entries
// (design 4.4). Holds committed entries only. The pages of a run stand side by side, so that a
// block of a line of many layers is found by one walk, from the newest layer downwards.
//
// Always holds: an entry gives way only to one of the same or a higher version; every data entry
// has exactly one reference in the segment table.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "lib/base/chain_record.h"
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/segment_table.h"
#include "lib/model/line_view.h"

namespace storpool::chunkstore {

// Arrays of 4, 16, 64 or 256 entries, used again and never given back.
class EntryArrays {
 public:
  IndexEntry* Allocate(uint32_t capacity);
  void Free(IndexEntry* entries, uint32_t capacity);

 private:
  static constexpr uint32_t kSlabEntries = 4096;
  std::array<std::vector<IndexEntry*>, 4> free_;
  std::vector<std::unique_ptr<IndexEntry[]>> slabs_;
  uint32_t used_ = kSlabEntries;
};

class Index {
 public:
  struct Page {
    uint16_t run = 0;
    bool uniform_hole = false;  // all blocks of the run are holes of one version, in `only`
    bool dirty = true;          // changed since a checkpoint took it
    uint16_t capacity = 0;
    LayerId layer;
    std::array<uint64_t, kRunBlocks / 64> bitmap = {};
    IndexEntry* entries = nullptr;
    IndexEntry only;

    uint32_t count() const;
    // Entries that it takes up: of a uniform hole, one.
    uint32_t kept() const { return uniform_hole ? 1 : count(); }
    // The entry of a block of the run, or nullptr.
    const IndexEntry* Find(uint32_t block_in_run) const;
    uint32_t Rank(uint32_t block_in_run) const;
    bool Has(uint32_t block_in_run) const {
      return bitmap[block_in_run / 64] >> block_in_run % 64 & 1;
    }
  };
  using Pages = std::vector<Page>;  // of one run, sorted by layer
  struct Chunk {
    ChainId chain;
    Version highest;       // of its entries, ever
    uint32_t pending = 0;  // entries of pending sets that name it
    bool dirty = true;     // some page is
    std::array<Pages, kRunsPerChunk> runs;

    const Page* FindPage(uint32_t run, LayerId layer) const;
    // What the search took last of this block's entries, or nullptr.
    const IndexEntry* Search(uint32_t block, model::LayerSearch* search) const;
    // From the first to the last of `blocks` that some page has.
    BlockRange Extent(BlockRange blocks) const;
    // The page whose entry of this block lies at `location`, or nullptr.
    const Page* FindPlace(uint32_t block, uint64_t location) const;
    bool empty() const;
  };
  using Chunks = absl::btree_map<ChunkKey, std::unique_ptr<Chunk>>;
  using Keys = absl::btree_set<ChunkKey>;

  explicit Index(SegmentTable& segments) : segments_(segments) {}
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  const Chunks& chunks() const { return chunks_; }
  const Chunk* Find(const ChunkKey& key) const;
  const Keys& ChunksOf(ChainId chain) const;
  Chunk& Ensure(const ChunkKey& key, ChainId chain);
  uint64_t entries() const { return entries_; }  // kept ones
  // About what a checkpoint writes of all of it.
  uint64_t bytes() const { return pages_ * kPageBytes + entries_ * sizeof(IndexEntry); }

  // `crcs` are seeded, one for each block from range.first on.
  void PutData(Chunk& chunk, LayerId layer, BlockRange range, Version version, uint64_t location,
               std::span<const uint32_t> crcs);
  void PutHole(Chunk& chunk, LayerId layer, BlockRange range, Version version);
  // Where the entry has exactly this version it moves to `location` (design 4.9). True if it did. A
  // version of a block stands in one page: if not in that of `layer`, another is looked for.
  bool Move(const ChunkKey& key, LayerId layer, uint32_t block, Version version, uint64_t location);
  // A page from a checkpoint, or a newer state of one; its locations are inside segments.
  void LoadPage(const PageRecord& record, std::span<const IndexEntry> entries);

  // About how much a checkpoint writes of what has changed since the one before.
  uint64_t DirtyBytes() const;
  // Whether pages went as a whole since the last call: no changed page tells of them.
  bool TakePagesDropped() { return std::exchange(pages_dropped_, false); }

  void DropLineage(LineageId lineage);
  void DropChain(ChainId chain);
  // Hands what stands in pages of removed layers of a run to their owners, or frees it (4.8): the
  // higher version stays, of two of the same the one that the owner has. Returns what that cost, in
  // about the time that an entry takes.
  uint64_t HandOver(const ChunkKey& key, Chunk& chunk, uint32_t run, const model::LineView& line);
  // Of each layer with entries in a run: its data blocks, and those that go with the layer.
  struct LayerBlocks {
    LayerId layer;
    uint32_t stored = 0;
    uint32_t freed = 0;
  };
  static std::vector<LayerBlocks> CountRun(const ChunkKey& key, const Pages& pages,
                                           const model::LineView& line);
  // All runs of all chunks of a lineage.
  void HandOverAll(LineageId lineage, const model::LineView& line);
  // The next checkpoint writes the whole index.
  void NeedsWhole() { pages_dropped_ = true; }
  // Forgets a chunk that has neither entries nor pending ones.
  void Shrink(const ChunkKey& key);

 private:
  static constexpr uint64_t kPageBytes = sizeof(PageRecord) + 8;  // and the record's header

  void MergePage(const ChunkKey& key, Chunk& chunk, const Page& from,
                 const model::LineView::Owner& owner);
  Page& EnsurePage(Chunk& chunk, uint32_t run, LayerId layer);
  void Reserve(Page& page, uint32_t capacity);
  void Materialize(Page& page);
  void PutOne(Page& page, uint32_t block_in_run, IndexEntry entry);
  bool PutUniformHole(Page& page, Version version);
  void Release(Page& page);
  void ReleaseAll(Chunk& chunk);
  void EraseContent(Chunks::iterator* it);
  Chunks::iterator Forget(Chunks::iterator it);

  SegmentTable& segments_;
  EntryArrays arrays_;
  Chunks chunks_;
  absl::btree_map<ChainId, Keys> chunks_of_;
  uint64_t pages_ = 0;
  uint64_t entries_ = 0;
  bool pages_dropped_ = false;
};

}  // namespace storpool::chunkstore
