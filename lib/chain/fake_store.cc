#include "lib/chain/fake_store.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool::chain {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void TakeNumber(ChainRecord& record, const Entry& entry) {
  if (entry.number == 0) return;
  RequestWindow& window = record.windows[entry.session];
  window.RaiseMark(entry.answered_below);
  window.Commit(entry.number);
}

}  // namespace

void StoreContent::Put(const Entry& entry) {
  if (entry.kind == EntryKind::kEmpty) return;
  for (uint32_t i = 0; i < entry.place.blocks.count; ++i) {
    const std::optional<BlockKey> key = Owner(
        {entry.place.lineage, entry.place.chunk, entry.place.layer, entry.place.blocks.first + i});
    if (!key) continue;
    StoredBlock& block = index[*key];
    if (block.version > entry.version) continue;  // the higher version stays
    block = {.version = entry.version, .kind = entry.kind, .checksum = 0, .payload = {}};
    if (entry.kind != EntryKind::kData) continue;
    block.checksum = entry.checksums[i];
    block.payload = entry.payload.Slice(size_t{i} * kBlockBytes, kBlockBytes);
  }
}

std::optional<BlockKey> StoreContent::Owner(const BlockKey& key) const {
  const auto& [lineage, chunk, layer, number] = key;
  if (line == nullptr) return key;
  const model::LineView::Owner owner = line->OwnerOf(layer);
  if (!owner.removed) return key;
  const uint64_t byte = uint64_t{chunk.value()} * kChunkBytes + uint64_t{number} * kBlockBytes;
  if (owner.layer == LayerId() || byte >= owner.dead_from_bytes) return std::nullopt;
  return BlockKey{lineage, chunk, owner.layer, number};
}

void StoreContent::HandOver(std::shared_ptr<const model::LineView> by) {
  line = std::move(by);
  const std::map<BlockKey, StoredBlock> before = std::move(index);
  index.clear();
  for (const auto& [key, block] : before) {
    const std::optional<BlockKey> owner = Owner(key);
    if (!owner) continue;
    StoredBlock& kept = index[*owner];
    if (kept.version < block.version) kept = block;
  }
}

void StoreContent::Commit(Version committed) {
  record.committed = std::max(record.committed, committed);
  while (!pending.empty() && pending.begin()->first <= committed) {
    Put(pending.begin()->second);
    TakeNumber(record, pending.begin()->second);
    pending.erase(pending.begin());
  }
}

void StoreContent::Apply(const Record& r) {
  std::visit(Overloaded{
                 [&](const AppendEntry& x) {
                   if (x.entry.arrival == Arrival::kPending) {
                     pending[x.entry.version] = x.entry;
                   } else {
                     Put(x.entry);
                   }
                 },
                 [&](const AppendAdopt& x) {
                   record.epoch = x.epoch;
                   config = x.config;
                 },
                 [&](const AppendVoid& x) {
                   std::erase_if(pending, [&](const auto& item) {
                     return item.first > x.above && item.first < Version(x.below, 0);
                   });
                 },
                 [&](const AppendBase& x) {
                   record.base = x.base;
                   record.chunk_bases.clear();
                 },
                 [&](const AppendChunkBase& x) { record.chunk_bases[x.chunk] = x.base; },
                 [&](const AppendCompleteUpTo& x) { record.complete_up_to = x.complete_up_to; },
                 [&](const AppendMinGeneration& x) {
                   record.min_generation[{x.raise.volume, x.raise.client}] = x.raise.generation;
                 },
                 [&](const AppendWindow& x) { record.windows[x.session] = x.window; },
                 [&](const AppendEndSession& x) { record.windows.erase(x.session); },
                 [&](const AppendDiscardChain&) {
                   const ChainRecord old = std::move(record);
                   std::shared_ptr<const model::LineView> kept = std::move(line);
                   *this = StoreContent();
                   line = std::move(kept);
                   record.chain = old.chain;
                 },
             },
             r);
}

bool StoreContent::Has(Version version, const Place& place) const {
  if (pending.contains(version)) return true;
  for (uint32_t b = place.blocks.first; b < place.blocks.end(); ++b) {
    const std::optional<BlockKey> key = Owner({place.lineage, place.chunk, place.layer, b});
    if (!key) continue;
    const auto it = index.find(*key);
    if (it == index.end() || it->second.version < version) return false;
  }
  return true;
}

FakeStore::FakeStore(ChainId chain, BufferPool& pool) : pool_(pool) {
  content_.record.chain = durable_.record.chain = chain;
}

void FakeStore::Append(uint64_t number, const Record& record) {
  content_.Apply(record);
  if (const auto* append = std::get_if<AppendEntry>(&record)) Heal(append->entry);
  tail_.push_back({number, record});
  ++records_not_durable_;
}

void FakeStore::SetCommitted(Version committed) {
  content_.Commit(committed);
  tail_.push_back({0, committed});
}

uint64_t FakeStore::MakeDurable(size_t count) {
  while (!tail_.empty() && count > 0) {
    const Item& item = tail_.front();
    if (item.number == 0) {
      durable_.Commit(std::get<Version>(item.what));
    } else {
      durable_.Apply(std::get<Record>(item.what));
      last_durable_ = item.number;
      --records_not_durable_;
      --count;
    }
    tail_.pop_front();
  }
  return last_durable_;
}

void FakeStore::Crash() {
  tail_.clear();
  records_not_durable_ = 0;
  last_durable_ = 0;
  content_ = durable_;
}

void FakeStore::HandOver(const std::shared_ptr<const model::LineView>& by) {
  content_.HandOver(by);
  durable_.HandOver(by);
}

bool FakeStore::IsDamaged(const BlockKey& key, const StoredBlock& block) const {
  const auto damaged = damaged_.find(key);
  return damaged != damaged_.end() && damaged->second == block.version;
}

void FakeStore::Heal(const Entry& entry) {
  if (entry.arrival != Arrival::kCommitted || entry.kind != EntryKind::kData) return;
  const Place& place = entry.place;
  for (uint32_t i = 0; i < place.blocks.count; ++i) {
    const auto damaged =
        damaged_.find({place.lineage, place.chunk, place.layer, place.blocks.first + i});
    if (damaged != damaged_.end() && damaged->second == entry.version) damaged_.erase(damaged);
  }
}

BlockRange FakeStore::Extent(const ChunkKey& chunk, BlockRange blocks) const {
  StoreContent seen = content_;
  seen.Commit(Version::FromRaw(UINT64_MAX));
  std::set<uint32_t> found;
  for (const auto& item : seen.index) {
    const auto& [lineage, index, layer, block] = item.first;
    if (ChunkKey{lineage, index} == chunk && blocks.Contains(block)) found.insert(block);
  }
  if (found.empty()) return {};
  return {*found.begin(), *found.rbegin() - *found.begin() + 1};
}

StoreReadResult FakeStore::Read(const StoreRead& read, std::vector<BlockResult>& results) const {
  StoreContent seen = content_;
  if (read.include_pending) seen.Commit(Version::FromRaw(UINT64_MAX));
  results.assign(read.blocks.count, BlockResult());
  Buffer payload = pool_.AllocateZeroed(size_t{read.blocks.count} * kBlockBytes);
  for (uint32_t i = 0; i < read.blocks.count; ++i) {
    const uint32_t number = read.blocks.first + i;
    const uint64_t byte =
        uint64_t{read.chunk.chunk.value()} * kChunkBytes + uint64_t{number} * kBlockBytes;
    model::LayerSearch search(*read.line, read.layer, byte);
    const std::pair<const BlockKey, StoredBlock>* found = nullptr;
    for (const auto& item : seen.index) {
      const auto& [lineage, chunk, layer, at] = item.first;
      if (ChunkKey{lineage, chunk} != read.chunk || at != number) continue;
      if (search.Take(layer, item.second.version)) found = &item;
    }
    if (found == nullptr) {
      if (search.floor != LayerId()) results[i].state = BlockResult::State::kHole;
      continue;
    }
    const StoredBlock& block = found->second;
    results[i] = {BlockResult::State::kHole, search.found, block.version, block.checksum};
    if (block.kind == EntryKind::kHole) continue;
    results[i].state = BlockResult::State::kData;
    if (IsDamaged(found->first, block)) {
      results[i].state = BlockResult::State::kDamaged;
      continue;
    }
    std::memcpy(payload.data() + size_t{i} * kBlockBytes, block.payload.data(), kBlockBytes);
  }
  return {read.id, true, results, std::move(payload)};
}

StoreScanResult FakeStore::Scan(const StoreScan& scan) const {
  StoreScanResult result{
      .id = scan.id,
      .ok = true,
      .cursor = 0,
      .at_end = true,
      .line_version = content_.line == nullptr ? LineVersion(1) : content_.line->version(),
      .entries = {},
      .damaged = {}};
  for (const auto& [key, block] : content_.index) {
    const auto& [lineage, chunk, layer, number] = key;
    if (ChunkKey{lineage, chunk} != scan.chunk || block.version <= scan.above) continue;
    if (block.kind == EntryKind::kData && IsDamaged(key, block)) {
      result.damaged.push_back({layer, number, block.version});
      continue;
    }
    Entry& entry = result.entries.emplace_back();
    entry.place = {lineage, chunk, layer, {number, 1}};
    entry.version = block.version;
    entry.kind = block.kind;
    entry.arrival = Arrival::kCommitted;
    if (block.kind != EntryKind::kData) continue;
    entry.checksums = Checksums(1, pool_);
    entry.checksums.span()[0] = block.checksum;
    entry.payload = block.payload;
  }
  return result;
}

std::vector<ChunkSize> FakeStore::ChunksAbove(Version above) const {
  std::map<ChunkKey, uint64_t> blocks;
  std::set<ChunkKey> newer;
  for (const auto& [key, block] : content_.index) {
    const ChunkKey chunk = {std::get<0>(key), std::get<1>(key)};
    if (block.kind == EntryKind::kData) ++blocks[chunk];
    if (block.version > above) newer.insert(chunk);
  }
  std::vector<ChunkSize> chunks;
  for (const ChunkKey& chunk : newer) chunks.push_back({chunk, blocks[chunk] * kBlockBytes});
  return chunks;
}

std::vector<Entry> FakeStore::PendingAbove(Version above) const {
  std::vector<Entry> entries;
  for (auto it = content_.pending.upper_bound(above); it != content_.pending.end(); ++it) {
    entries.push_back(it->second);
  }
  return entries;
}

ChainRecord FakeStore::Load() const {
  ChainRecord record = content_.record;
  for (const auto& [version, entry] : content_.pending) {
    record.pending.push_back(entry);
    record.pending.back().payload = Buffer();
  }
  return record;
}

}  // namespace storpool::chain
