#include "lib/chunkstore/index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "lib/base/check.h"

namespace storpool::chunkstore {
namespace {

// Capacities are 4 << 2 * c.
uint32_t ClassOf(uint32_t capacity) {
  uint32_t c = 0;
  while ((4u << 2 * c) < capacity) ++c;
  return c;
}

template <class Pages>
auto LowerBound(Pages& pages, LayerId layer) {
  if (!pages.empty() && pages.back().layer < layer) return pages.end();  // a new layer's first
  return std::lower_bound(pages.begin(), pages.end(), layer,
                          [](const Index::Page& p, LayerId wanted) { return p.layer < wanted; });
}

}  // namespace

IndexEntry* EntryArrays::Allocate(uint32_t capacity) {
  const uint32_t c = ClassOf(capacity);
  const uint32_t size = 4u << 2 * c;
  if (!free_[c].empty()) {
    IndexEntry* entries = free_[c].back();
    free_[c].pop_back();
    return entries;
  }
  if (used_ + size > kSlabEntries) {
    slabs_.push_back(std::make_unique<IndexEntry[]>(kSlabEntries));
    used_ = 0;
  }
  IndexEntry* entries = slabs_.back().get() + used_;
  used_ += size;
  return entries;
}

void EntryArrays::Free(IndexEntry* entries, uint32_t capacity) {
  if (entries != nullptr) free_[ClassOf(capacity)].push_back(entries);
}

uint32_t Index::Page::count() const {
  int bits = 0;
  for (const uint64_t word : bitmap) bits += std::popcount(word);
  return static_cast<uint32_t>(bits);
}

uint32_t Index::Page::Rank(uint32_t block) const {
  int bits = 0;
  for (uint32_t w = 0; w < block / 64; ++w) bits += std::popcount(bitmap[w]);
  bits += std::popcount(bitmap[block / 64] & ((uint64_t{1} << block % 64) - 1));
  return static_cast<uint32_t>(bits);
}

const IndexEntry* Index::Page::Find(uint32_t block) const {
  if (!Has(block)) return nullptr;
  return uniform_hole ? &only : &entries[Rank(block)];
}

BlockRange Index::Chunk::Extent(BlockRange blocks) const {
  uint32_t first = blocks.end();
  uint32_t end = blocks.first;
  const auto add = [&](uint32_t word_begin, uint64_t word) {
    if (word_begin < blocks.first) {
      const uint32_t before = blocks.first - word_begin;
      word = before < 64 ? word >> before << before : 0;
    }
    if (word_begin + 64 > blocks.end()) {
      const uint32_t behind = word_begin + 64 - blocks.end();
      word = behind < 64 ? word << behind >> behind : 0;
    }
    if (word == 0) return;
    first = std::min(first, word_begin + static_cast<uint32_t>(std::countr_zero(word)));
    end = std::max(end, word_begin + 64 - static_cast<uint32_t>(std::countl_zero(word)));
  };
  const uint32_t end_run = (blocks.end() + kRunBlocks - 1) / kRunBlocks;
  for (uint32_t run = blocks.first / kRunBlocks; run < end_run; ++run) {
    for (const Page& page : runs[run]) {
      for (uint32_t w = 0; w < page.bitmap.size(); ++w) {
        add(run * kRunBlocks + w * 64, page.bitmap[w]);
      }
    }
  }
  if (end <= first) return {};
  return {first, end - first};
}

const Index::Page* Index::Chunk::FindPage(uint32_t run, LayerId layer) const {
  const auto it = LowerBound(runs[run], layer);
  return it != runs[run].end() && it->layer == layer ? &*it : nullptr;
}

const IndexEntry* Index::Chunk::Search(uint32_t block, model::LayerSearch* search) const {
  const Pages& pages = runs[block / kRunBlocks];
  const uint32_t in_run = block % kRunBlocks;
  auto it = LowerBound(pages, LayerId(search->asked.value() + 1));
  const IndexEntry* found = nullptr;
  while (it != pages.begin()) {
    --it;
    if (it->layer <= search->bottom) break;
    if (!it->Has(in_run)) continue;
    const IndexEntry* entry = it->Find(in_run);
    if (search->Take(it->layer, entry->version())) found = entry;
  }
  return found;
}

const Index::Page* Index::Chunk::FindPlace(uint32_t block, uint64_t location) const {
  const uint32_t in_run = block % kRunBlocks;
  for (const Page& page : runs[block / kRunBlocks]) {
    if (page.Has(in_run) && page.Find(in_run)->location() == location) return &page;
  }
  return nullptr;
}

bool Index::Chunk::empty() const {
  return std::all_of(runs.begin(), runs.end(), [](const Pages& pages) { return pages.empty(); });
}

const Index::Chunk* Index::Find(const ChunkKey& key) const {
  const auto it = chunks_.find(key);
  return it == chunks_.end() ? nullptr : it->second.get();
}

Index::Chunk& Index::Ensure(const ChunkKey& key, ChainId chain) {
  std::unique_ptr<Chunk>& chunk = chunks_[key];
  if (chunk == nullptr) {
    chunk = std::make_unique<Chunk>();
    chunk->chain = chain;
    chunks_of_[chain].insert(key);
  }
  return *chunk;
}

const Index::Keys& Index::ChunksOf(ChainId chain) const {
  static const Keys kNone;
  const auto it = chunks_of_.find(chain);
  return it == chunks_of_.end() ? kNone : it->second;
}

Index::Chunks::iterator Index::Forget(Chunks::iterator it) {
  const auto of = chunks_of_.find(it->second->chain);
  of->second.erase(it->first);
  if (of->second.empty()) chunks_of_.erase(of);
  return chunks_.erase(it);
}

Index::Page& Index::EnsurePage(Chunk& chunk, uint32_t run, LayerId layer) {
  Pages& pages = chunk.runs[run];
  auto it = LowerBound(pages, layer);
  if (it == pages.end() || it->layer != layer) {
    it = pages.insert(it, Page{});
    ++pages_;
    it->run = static_cast<uint16_t>(run);
    it->layer = layer;
  }
  it->dirty = chunk.dirty = true;
  return *it;
}

void Index::Reserve(Page& page, uint32_t capacity) {
  if (capacity <= page.capacity) return;
  const uint32_t size = 4u << 2 * ClassOf(capacity);
  IndexEntry* larger = arrays_.Allocate(size);
  if (page.entries != nullptr) {
    std::memcpy(static_cast<void*>(larger), page.entries, page.capacity * sizeof(IndexEntry));
  }
  arrays_.Free(page.entries, page.capacity);
  page.entries = larger;
  page.capacity = static_cast<uint16_t>(size);
}

void Index::Materialize(Page& page) {
  if (!page.uniform_hole) return;
  Reserve(page, kRunBlocks);
  std::fill(page.entries, page.entries + kRunBlocks, page.only);
  entries_ += kRunBlocks - 1;
  page.uniform_hole = false;
}

void Index::PutOne(Page& page, uint32_t block, IndexEntry entry) {
  const uint32_t rank = page.Rank(block);
  if (page.Has(block)) {
    const IndexEntry old = page.uniform_hole ? page.only : page.entries[rank];
    if (old.version() > entry.version() || old == entry) return;
    Materialize(page);
    if (!entry.is_hole()) segments_.AddBlocks(entry.location(), 1);
    if (!old.is_hole()) segments_.DropBlocks(old.location(), 1);
    page.entries[rank] = entry;
    return;
  }
  const uint32_t count = page.count();
  Reserve(page, count + 1);
  std::memmove(static_cast<void*>(page.entries + rank + 1), page.entries + rank,
               (count - rank) * sizeof(IndexEntry));
  page.entries[rank] = entry;
  page.bitmap[block / 64] |= uint64_t{1} << block % 64;
  if (!entry.is_hole()) segments_.AddBlocks(entry.location(), 1);
  ++entries_;
}

void Index::PutData(Chunk& chunk, LayerId layer, BlockRange range, Version version,
                    uint64_t location, std::span<const uint32_t> crcs) {
  chunk.highest = std::max(chunk.highest, version);
  Page* page = nullptr;
  for (uint32_t i = 0; i < range.count; ++i) {
    const uint32_t block = range.first + i;
    if (page == nullptr || block % kRunBlocks == 0) {
      page = &EnsurePage(chunk, block / kRunBlocks, layer);
    }
    PutOne(*page, block % kRunBlocks,
           IndexEntry::Make(version, location + uint64_t{i} * kUnitsPerBlock, crcs[i]));
  }
}

bool Index::PutUniformHole(Page& page, Version version) {
  const uint32_t kept = page.kept();
  for (uint32_t i = 0; i < kept; ++i) {
    const IndexEntry& e = page.uniform_hole ? page.only : page.entries[i];
    if (e.version() > version) return false;
  }
  for (uint32_t i = 0; i < kept && !page.uniform_hole; ++i) {
    if (!page.entries[i].is_hole()) segments_.DropBlocks(page.entries[i].location(), 1);
  }
  arrays_.Free(page.entries, page.capacity);
  page.entries = nullptr;
  page.capacity = 0;
  page.uniform_hole = true;
  page.only = IndexEntry::Make(version, IndexEntry::kHole, 0);
  page.bitmap.fill(~uint64_t{0});
  entries_ = entries_ - kept + 1;
  return true;
}

void Index::PutHole(Chunk& chunk, LayerId layer, BlockRange range, Version version) {
  chunk.highest = std::max(chunk.highest, version);
  const IndexEntry hole = IndexEntry::Make(version, IndexEntry::kHole, 0);
  for (uint32_t block = range.first; block < range.end();) {
    const uint32_t run = block / kRunBlocks;
    const uint32_t end = std::min(range.end(), (run + 1) * kRunBlocks);
    Page& page = EnsurePage(chunk, run, layer);
    if (end - block < kRunBlocks || !PutUniformHole(page, version)) {
      for (uint32_t b = block; b < end; ++b) PutOne(page, b % kRunBlocks, hole);
    }
    block = end;
  }
}

bool Index::Move(const ChunkKey& key, LayerId layer, uint32_t block, Version version,
                 uint64_t location) {
  const auto it = chunks_.find(key);
  if (it == chunks_.end()) return false;
  Chunk& chunk = *it->second;
  Pages& pages = chunk.runs[block / kRunBlocks];
  const uint32_t in_run = block % kRunBlocks;
  auto page = LowerBound(pages, layer);
  if (page == pages.end() || page->layer != layer || !page->Has(in_run)) {
    page = std::find_if(pages.begin(), pages.end(), [&](const Page& p) {
      return p.Has(in_run) && p.Find(in_run)->version() == version;
    });
    if (page == pages.end()) return false;
  }
  if (page->uniform_hole) return false;
  IndexEntry& entry = page->entries[page->Rank(in_run)];
  if (entry.is_hole() || entry.version() != version) return false;
  segments_.AddBlocks(location, 1);
  segments_.DropBlocks(entry.location(), 1);
  entry = IndexEntry::Make(version, location, entry.crc());
  page->dirty = chunk.dirty = true;
  return true;
}

void Index::LoadPage(const PageRecord& record, std::span<const IndexEntry> entries) {
  const ChunkKey key{LineageId(record.lineage), ChunkIndex(record.chunk)};
  Chunk& chunk = Ensure(key, ChainId::FromRaw(record.chain));
  if ((record.flags & PageRecord::kUniformHole) != 0) {
    PutHole(chunk, LayerId(record.layer), {record.run * kRunBlocks, kRunBlocks},
            entries[0].version());
    return;
  }
  Page& page = EnsurePage(chunk, record.run, LayerId(record.layer));
  Reserve(page, record.entry_count);
  size_t next = 0;
  for (uint32_t block = 0; block < kRunBlocks; ++block) {
    if ((record.bitmap[block / 64] >> block % 64 & 1) == 0) continue;
    const IndexEntry& entry = entries[next++];
    chunk.highest = std::max(chunk.highest, entry.version());
    PutOne(page, block, entry);
  }
}

uint64_t Index::DirtyBytes() const {
  uint64_t bytes = 0;
  for (const auto& [key, chunk] : chunks_) {
    if (!chunk->dirty) continue;
    for (const Pages& pages : chunk->runs) {
      for (const Page& page : pages) {
        if (!page.dirty) continue;
        bytes += kPageBytes + page.kept() * sizeof(IndexEntry);
      }
    }
  }
  return bytes;
}

void Index::Release(Page& page) {
  const uint32_t kept = page.kept();
  for (uint32_t i = 0; i < kept && !page.uniform_hole; ++i) {
    if (!page.entries[i].is_hole()) segments_.DropBlocks(page.entries[i].location(), 1);
  }
  entries_ -= kept;
  --pages_;
  arrays_.Free(page.entries, page.capacity);
}

void Index::ReleaseAll(Chunk& chunk) {
  for (Pages& pages : chunk.runs) {
    pages_dropped_ = pages_dropped_ || !pages.empty();
    for (Page& page : pages) Release(page);
    pages.clear();
  }
  chunk.highest = Version();
}

void Index::EraseContent(Chunks::iterator* it) {
  ReleaseAll(*(*it)->second);
  if ((*it)->second->pending == 0) {
    *it = Forget(*it);
  } else {
    ++*it;
  }
}

void Index::DropLineage(LineageId lineage) {
  auto it = chunks_.lower_bound({lineage, ChunkIndex(0)});
  while (it != chunks_.end() && it->first.lineage == lineage) EraseContent(&it);
}

void Index::DropChain(ChainId chain) {
  for (const ChunkKey& key : Keys(ChunksOf(chain))) {
    auto it = chunks_.find(key);
    EraseContent(&it);
  }
}

void Index::Shrink(const ChunkKey& key) {
  const auto it = chunks_.find(key);
  if (it != chunks_.end() && it->second->pending == 0 && it->second->empty()) {
    Forget(it);
  }
}

}  // namespace storpool::chunkstore
