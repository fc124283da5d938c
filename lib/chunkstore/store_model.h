// A plain model of one store under random operations, with what may be there after a crash: the
// state after some prefix of the log that holds everything reported durable.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "lib/base/random.h"
#include "lib/chunkstore/store_fixture.h"

namespace storpool::chunkstore {

class StoreModel {
 public:
  using BlockKey = std::tuple<ChunkKey, LayerId, uint32_t>;
  struct Block {
    Version version;
    bool hole = false;
    bool operator==(const Block&) const = default;
  };
  struct Pending {
    ChunkKey chunk;
    LayerId layer;
    BlockRange range;
    bool hole = false;
    uint64_t position = 0;
    bool operator==(const Pending&) const = default;
  };
  // Content, as it is after all that was appended up to a position.
  struct Content {
    std::map<BlockKey, Block> blocks;
    std::map<Version, Pending> pending;
    Version committed;
    Epoch epoch;
  };

  static constexpr ChainId kChain = ChainId::FromRaw(0x10003);
  static constexpr uint32_t kBlocks = 300;  // those of a chunk that are written

  explicit StoreModel(uint64_t seed) : random_(seed) {}

  const Content& now() const { return now_; }
  void set_chunks(uint32_t chunks) { chunks_ = chunks; }

  // One random operation on the store and on the model.
  void Step(StoreLife& life) {
    const uint64_t dice = random_.Below(100);
    if (dice < 55) return Append(life, EntryKind::kData, Arrival::kPending);
    if (dice < 65) return Append(life, EntryKind::kHole, Arrival::kPending);
    if (dice < 72) return Append(life, EntryKind::kData, Arrival::kCommitted);
    if (dice < 92) return Commit(life);
    if (dice < 96) return Void(life);
    if (dice < 98) return Adopt(life);
    DropLineage(life);
  }

  void Append(StoreLife& life, EntryKind kind, Arrival arrival) {
    ChunkKey key{LineageId(1 + random_.Below(2)), ChunkIndex(random_.Below(chunks_))};
    const LayerId layer(1 + static_cast<uint32_t>(random_.Below(2)));
    const auto count = static_cast<uint32_t>(1 + random_.Below(random_.OneIn(1, 8) ? 20 : 3));
    const BlockRange range{static_cast<uint32_t>(random_.Below(kBlocks - count)), count};
    const bool hole = kind == EntryKind::kHole;
    if (!hole && !life.store().Reserve(uint64_t{count} * kBlockBytes)) {
      ++denied_;
      return;
    }
    const Version version(Epoch(now_.epoch.value() + 1), ++sequence_);
    const uint64_t p = life.store().AppendEntry(
        kChain, MakeEntry(life.pool(), kind, key, layer, range, version, arrival));
    if (arrival == Arrival::kCommitted) {
      Put(&now_, key, layer, range, version, hole);
      Put(&logged_, key, layer, range, version, hole);
    } else {
      now_.pending[version] = logged_.pending[version] = {key, layer, range, hole, p};
    }
    Record(p);
  }

  // W may cover only what is durable here (it is the least D).
  void Commit(StoreLife& life) {
    Version target = now_.committed;
    for (const auto& [version, pending] : now_.pending) {
      if (pending.position > life.durable() || random_.OneIn(1, 10)) break;
      target = version;
    }
    life.store().SetCommitted(kChain, target);
    CommitUpTo(&now_, target);
  }

  void Void(StoreLife& life) {
    if (now_.pending.empty()) return;
    Version above = now_.committed;
    if (random_.OneIn(1, 2)) above = std::max(above, now_.pending.begin()->first);
    const Epoch below(now_.epoch.value() + 2);
    const uint64_t p = life.store().AppendVoid(kChain, above, below);
    std::erase_if(now_.pending, [&](const auto& e) { return e.first > above; });
    std::erase_if(logged_.pending, [&](const auto& e) { return e.first > above; });
    Record(p);
  }

  void Adopt(StoreLife& life) {
    now_.epoch = logged_.epoch = Epoch(now_.epoch.value() + 1);
    Record(life.store().AppendAdopt(kChain, now_.epoch, "config"));
  }

  void DropLineage(StoreLife& life) {
    const LineageId lineage(1 + random_.Below(2));
    const uint64_t p = life.store().AppendDropLineage(lineage);
    for (Content* content : {&now_, &logged_}) {
      std::erase_if(content->blocks,
                    [&](const auto& e) { return std::get<0>(e.first).lineage == lineage; });
      for (auto& [version, pending] : content->pending) {
        if (pending.chunk.lineage == lineage) pending.range = {};
      }
    }
    Record(p);
  }

  // A new life has begun: what it holds must be what some prefix of the log gives that is not
  // shorter than what was reported. The model goes on from there.
  void Adopted(StoreLife& life, uint64_t reported) {
    std::map<ChainId, ChainRecord> chains = life.store().TakeChains();
    const ChainRecord& record = chains[kChain];
    ASSERT_LE(record.committed, now_.committed) << "W leads";
    std::string why, all;
    for (auto it = history_.rbegin(); it != history_.rend() && it->first >= reported; ++it) {
      Content state = it->second;
      CommitUpTo(&state, record.committed);
      if (!Matches(life, record, state, &why)) {
        all += "\n  " + std::to_string(it->first) + ": " + why;
        continue;
      }
      logged_ = now_ = std::move(state);
      for (auto& [version, pending] : logged_.pending) pending.position = 0;
      now_.pending = logged_.pending;
      history_.clear();
      history_[0] = logged_;
      return;
    }
    FAIL() << "nothing that was at or after position " << reported << " matches:" << all;
  }

  void Verify(StoreLife& life, const Content& want) {
    std::string why;
    EXPECT_TRUE(ContentMatches(life, want.blocks, &why)) << why;
  }
  uint64_t denied() const { return denied_; }
  Random& random() { return random_; }

 private:
  void Record(uint64_t position) { history_[position] = logged_; }

  static void Put(Content* content, ChunkKey key, LayerId layer, BlockRange range, Version version,
                  bool hole) {
    for (uint32_t b = range.first; b < range.end(); ++b) {
      Block& block = content->blocks[{key, layer, b}];
      if (version >= block.version) block = {version, hole};
    }
  }
  static void CommitUpTo(Content* content, Version committed) {
    content->committed = std::max(content->committed, committed);
    while (!content->pending.empty() && content->pending.begin()->first <= content->committed) {
      const auto& [version, p] = *content->pending.begin();
      Put(content, p.chunk, p.layer, p.range, version, p.hole);
      content->pending.erase(content->pending.begin());
    }
  }

  bool Matches(StoreLife& life, const ChainRecord& record, const Content& state, std::string* why) {
    std::set<std::pair<Version, BlockRange>> pending;
    for (const Entry& e : record.pending) pending.insert({e.version, e.place.blocks});
    std::set<std::pair<Version, BlockRange>> want;
    for (const auto& [version, p] : state.pending) want.insert({version, p.range});
    if (record.epoch != state.epoch || pending != want) {
      *why = "epoch or pending: " + std::to_string(pending.size()) + " instead of " +
             std::to_string(want.size());
      return false;
    }
    return ContentMatches(life, state.blocks, why);
  }

  bool ContentMatches(StoreLife& life, const std::map<BlockKey, Block>& blocks, std::string* why) {
    for (uint64_t lineage = 1; lineage <= 2; ++lineage) {
      for (uint32_t c = 0; c < chunks_; ++c) {
        for (uint32_t l = 1; l <= 2; ++l) {
          const ChunkKey key{LineageId(lineage), ChunkIndex(c)};
          if (!LayerMatches(life, key, LayerId(l), blocks, why)) return false;
        }
      }
    }
    return true;
  }

  bool LayerMatches(StoreLife& life, ChunkKey key, LayerId layer,
                    const std::map<BlockKey, Block>& blocks, std::string* why) {
    for (uint32_t first = 0; first < kBlocks; first += 256) {
      const uint32_t count = std::min(256u, kBlocks - first);
      const TestRead read(life, key, {{layer}}, {first, count});
      if (!read.status().ok()) {
        *why = read.status().ToString();
        return false;
      }
      for (uint32_t i = 0; i < count; ++i) {
        const auto it = blocks.find({key, layer, first + i});
        const BlockResult& got = read[i];
        using State = BlockResult::State;
        const State want = it == blocks.end() ? State::kAbsent
                           : it->second.hole  ? State::kHole
                                              : State::kData;
        const Version version = it == blocks.end() ? Version() : it->second.version;
        if (got.state != want || got.version != version ||
            (want == State::kData && !read.Matches(i, version))) {
          *why = "lineage " + std::to_string(key.lineage.value()) + " chunk " +
                 std::to_string(key.chunk.value()) + " layer " + std::to_string(layer.value()) +
                 " block " + std::to_string(first + i) + ": state " +
                 std::to_string(static_cast<int>(got.state)) + " version " + ToString(got.version) +
                 ", expected state " + std::to_string(static_cast<int>(want)) + " version " +
                 ToString(version);
          return false;
        }
      }
    }
    return true;
  }

  Random random_;
  Content now_;     // with what was committed
  Content logged_;  // what the log says without any W: all entries are pending still
  std::map<uint64_t, Content> history_ = {{0, {}}};
  uint32_t chunks_ = 2;
  uint32_t sequence_ = 0;
  uint64_t denied_ = 0;
};

}  // namespace storpool::chunkstore
