// Layers that are no more: their entries go to whose they are now (design 4.8; docs/disk-format.md
// section 3).
#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <utility>

#include "lib/chunkstore/index.h"

namespace storpool::chunkstore {
namespace {

using Bits = std::array<uint64_t, kRunBlocks / 64>;

uint64_t ByteOf(const ChunkKey& chunk, uint32_t run) {
  return uint64_t{chunk.chunk.value()} * kChunkBytes + uint64_t{run} * kRunBlocks * kBlockBytes;
}

// The blocks of a run that begins at `run_byte` which begin below `byte`.
Bits BlocksBelow(uint64_t run_byte, uint64_t byte) {
  Bits bits = {};
  if (byte <= run_byte) return bits;
  byte = std::min<uint64_t>(byte, run_byte + uint64_t{kRunBlocks} * kBlockBytes);
  const uint64_t blocks =
      std::min<uint64_t>((byte - run_byte + kBlockBytes - 1) / kBlockBytes, kRunBlocks);
  for (uint64_t b = 0; b < blocks; ++b) bits[b / 64] |= uint64_t{1} << b % 64;
  return bits;
}

uint32_t Count(const Bits& a, const Bits& b) {
  int bits = 0;
  for (size_t i = 0; i < a.size(); ++i) bits += std::popcount(a[i] & b[i]);
  return static_cast<uint32_t>(bits);
}

// The blocks of a run of which a layer has an entry, and those that are data.
struct Held {
  LayerId layer;
  Bits any = {};
  Bits data = {};

  void Add(const Index::Page& page, const Bits& alive) {
    for (uint32_t b = 0; b < kRunBlocks; ++b) {
      const uint64_t bit = uint64_t{1} << b % 64;
      if (((page.bitmap[b / 64] & alive[b / 64] & ~any[b / 64]) & bit) == 0) continue;
      any[b / 64] |= bit;
      if (!page.Find(b)->is_hole()) data[b / 64] |= bit;
    }
  }
};

}  // namespace

uint64_t Index::HandOver(const ChunkKey& key, Chunk& chunk, uint32_t run,
                         const model::LineView& line) {
  Pages& pages = chunk.runs[run];
  const auto removed = std::stable_partition(pages.begin(), pages.end(), [&](const Page& page) {
    return !line.OwnerOf(page.layer).removed;
  });
  uint64_t cost = 1 + pages.size() / 8;
  if (removed == pages.end()) return cost;
  Pages gone(std::make_move_iterator(removed), std::make_move_iterator(pages.end()));
  pages.erase(removed, pages.end());
  for (Page& page : gone) {
    const model::LineView::Owner owner = line.OwnerOf(page.layer);
    cost += page.count();
    if (owner.layer != LayerId()) MergePage(key, chunk, page, owner);
    Release(page);
  }
  return cost;
}

void Index::MergePage(const ChunkKey& key, Chunk& chunk, const Page& from,
                      const model::LineView::Owner& owner) {
  const Bits alive = BlocksBelow(ByteOf(key, from.run), owner.dead_from_bytes);
  Page* to = nullptr;
  if (from.uniform_hole && Count(alive, alive) == kRunBlocks) {  // as cheap as it was
    to = &EnsurePage(chunk, from.run, owner.layer);
    if (PutUniformHole(*to, from.only.version())) return;
  }
  for (uint32_t b = 0; b < kRunBlocks; ++b) {
    const IndexEntry* entry = from.Find(b);
    if (entry == nullptr || (alive[b / 64] >> b % 64 & 1) == 0) continue;
    if (to == nullptr) to = &EnsurePage(chunk, from.run, owner.layer);
    const IndexEntry* kept = to->Find(b);
    if (kept == nullptr || kept->version() < entry->version()) PutOne(*to, b, *entry);
  }
}

std::vector<Index::LayerBlocks> Index::CountRun(const ChunkKey& key, const Pages& pages,
                                                const model::LineView& line) {
  std::vector<LayerBlocks> counts;
  if (pages.empty()) return counts;
  const uint64_t run_byte = ByteOf(key, pages.front().run);
  Held newer;
  Held held;
  const auto end_layer = [&] {
    if (held.layer == LayerId()) return;
    const LayerId above = line.Above(held.layer);
    Bits covered;
    covered.fill(~uint64_t{0});
    if (above != LayerId()) {
      const Bits kept = BlocksBelow(run_byte, line.CutOf(above));
      for (size_t i = 0; i < covered.size(); ++i) {
        covered[i] = ~kept[i] | (newer.layer == above ? newer.any[i] : 0);
      }
    }
    counts.push_back({held.layer, Count(held.data, held.data), Count(held.data, covered)});
  };
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) {
    const model::LineView::Owner owner = line.OwnerOf(page->layer);
    if (owner.layer == LayerId()) continue;
    if (owner.layer != held.layer) {
      end_layer();
      newer = held;
      held = Held{.layer = owner.layer};
    }
    held.Add(*page, BlocksBelow(run_byte, owner.dead_from_bytes));
  }
  end_layer();
  return counts;
}

void Index::HandOverAll(LineageId lineage, const model::LineView& line) {
  auto it = chunks_.lower_bound({lineage, ChunkIndex(0)});
  while (it != chunks_.end() && it->first.lineage == lineage) {
    for (uint32_t run = 0; run < kRunsPerChunk; ++run) HandOver(it->first, *it->second, run, line);
    const ChunkKey key = (it++)->first;
    Shrink(key);
  }
}

}  // namespace storpool::chunkstore
