// A store in memory for tests: what is durable and what would be lost by a crash, record by record.
// Invariant: the volatile content is the durable content plus what was appended since; a crash
// takes the durable content, cut at a record.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include "lib/base/chain_record.h"
#include "lib/chain/effects.h"
#include "lib/model/chain_config.h"
#include "lib/model/line_view.h"

namespace storpool::chain {

struct StoredBlock {
  Version version;
  EntryKind kind = EntryKind::kHole;
  uint32_t checksum = 0;
  Buffer payload;  // kData: one block
};

using BlockKey = std::tuple<LineageId, ChunkIndex, LayerId, uint32_t>;

// Everything that a store knows of one chain.
struct StoreContent {
  ChainRecord record;  // `pending` is kept in `pending` below
  std::optional<model::NamedConfig> config;
  std::map<Version, Entry> pending;
  std::map<BlockKey, StoredBlock> index;
  // By which layers have been handed over (4.8); nullptr: none has.
  std::shared_ptr<const model::LineView> line;

  void Apply(const Record& record);
  void Commit(Version committed);
  void HandOver(std::shared_ptr<const model::LineView> by);
  // Is the entry here, as pending, or its blocks in this or a newer version?
  bool Has(Version version, const Place& place) const;

 private:
  void Put(const Entry& entry);
  // Whose the block is now, std::nullopt if nobody's.
  std::optional<BlockKey> Owner(const BlockKey& key) const;
};

class FakeStore {
 public:
  FakeStore(ChainId chain, BufferPool& pool);

  void Append(uint64_t number, const Record& record);
  // As the real one, W is written along with later records (5.3d).
  void SetCommitted(Version committed);
  // Makes the next `count` appended records durable; returns the number of the last one.
  uint64_t MakeDurable(size_t count);
  size_t not_durable() const { return records_not_durable_; }
  void Crash();
  // At once, and as if it was durable: what a crash takes back is done again (docs/disk-format.md).
  void HandOver(const std::shared_ptr<const model::LineView>& by);

  BlockRange Extent(const ChunkKey& chunk, BlockRange blocks) const;
  StoreReadResult Read(const StoreRead& read, std::vector<BlockResult>& results) const;
  StoreScanResult Scan(const StoreScan& scan) const;
  std::vector<ChunkSize> ChunksAbove(Version above) const;
  std::vector<Entry> PendingAbove(Version above) const;
  ChainRecord Load() const;
  // A block reads as damaged until it is healed or written over.
  void Damage(const BlockKey& key) { damaged_[key] = content_.index[key].version; }

  const StoreContent& durable() const { return durable_; }
  const StoreContent& content() const { return content_; }

 private:
  bool IsDamaged(const BlockKey& key, const StoredBlock& block) const;
  void Heal(const Entry& entry);

  struct Item {
    uint64_t number = 0;  // 0: W
    std::variant<Record, Version> what;
  };

  BufferPool& pool_;
  StoreContent content_, durable_;
  std::deque<Item> tail_;  // appended, not durable
  size_t records_not_durable_ = 0;
  uint64_t last_durable_ = 0;
  std::map<BlockKey, Version> damaged_;
};

}  // namespace storpool::chain
