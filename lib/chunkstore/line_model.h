// A plain model of one lineage on one store: layers are merged and freed at once and in the
// simplest way, beside a store that hands entries over when it likes; with what may be there after
// a crash.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.h"
#include "lib/chunkstore/store_fixture.h"

namespace storpool::chunkstore {

class LineModel {
 public:
  static constexpr ChainId kChain = ChainId::FromRaw(0x10003);
  static constexpr ChunkKey kKey{LineageId(5), ChunkIndex(2)};
  static constexpr uint32_t kBlocks = 40;  // those of the chunk that are written

  struct Block {
    Version version;
    bool hole = false;
    bool operator==(const Block&) const = default;
  };
  struct Pending {
    LayerId layer;
    BlockRange range;
    bool hole = false;
    uint64_t position = 0;
  };
  struct Content {
    model::Line line;
    std::vector<model::RemovedLayer> removed;  // ever; sorted by layer
    std::map<LayerId, std::map<uint32_t, Block>> layers;
    std::map<Version, Pending> pending;
    Version committed;
  };

  explicit LineModel(uint64_t seed) : random_(seed) {
    now_.line.lineage = kKey.lineage;
    AddLayer(&now_, kBlocks);
    history_[0] = logged_ = now_;
  }

  const Content& now() const { return now_; }
  Random& random() { return random_; }
  uint64_t removals() const { return removals_; }
  uint64_t forgotten() const { return forgotten_; }

  void Step(StoreLife& life) {
    const uint64_t dice = random_.Below(100);
    if (dice < 40) return Write(life, false, Arrival::kPending);
    if (dice < 50) return Write(life, true, Arrival::kPending);
    if (dice < 56) return Write(life, false, Arrival::kCommitted);
    if (dice < 72) return Commit(life);
    if (dice < 80) return Change(life, [&](Content* c) { AddLayer(c, SizeOf(*c)); });
    if (dice < 83) {
      const uint32_t size = 1 + static_cast<uint32_t>(random_.Below(SizeOf(now_)));
      return Change(life, [&](Content* c) { AddLayer(c, size); });  // a shrink
    }
    if (dice < 85) return Change(life, [](Content* c) { Grow(c); });
    if (dice < 94) return Merge(life);
    if (dice < 97) return Free(life);
    Forget(life);
  }

  // A new life has begun: what it holds must be what some prefix of the log gives that is not
  // shorter than what was reported. The model goes on from there.
  void Adopted(StoreLife& life, uint64_t reported) {
    const ChainRecord record = life.store().TakeChains()[kChain];
    std::string all;
    for (auto it = history_.rbegin(); it != history_.rend() && it->first >= reported; ++it) {
      Content state = it->second;
      CommitUpTo(&state, record.committed);
      const std::string why = Differs(life, record, state);
      if (!why.empty()) {
        all += "\n  " + std::to_string(it->first) + ": " + why;
        continue;
      }
      now_ = logged_ = std::move(state);
      for (auto& [version, pending] : now_.pending) pending.position = 0;
      history_.clear();
      history_[0] = logged_ = now_;
      return;
    }
    FAIL() << "nothing that was at or after position " << reported << " matches:" << all;
  }

  // Every block in every layer, as the line says and as the store's newest line says.
  std::string Compare(StoreLife& life, const Content& want) const {
    const auto& lines = life.store().lines();
    const auto kept = lines.find(kKey.lineage);
    if (kept == lines.end()) {
      return want.line.version == LineVersion(1) ? "" : "the line is not there";
    }
    for (const model::Layer& layer : want.line.layers) {
      const TestRead read(life, kKey, ViewOf(kept->second), layer.id, {0, kBlocks});
      for (uint32_t b = 0; b < kBlocks; ++b) {
        const std::string why = BlockDiffers(read, b, Find(want, layer.id, b));
        if (!why.empty()) return "layer " + std::to_string(layer.id.value()) + why;
      }
    }
    return "";
  }

  void Verify(StoreLife& life) const { EXPECT_EQ(Compare(life, now_), ""); }

 private:
  // The volume ends in the middle of the chunk's written blocks: cuts count in blocks of it.
  static uint64_t ByteOf(uint32_t block) {
    return uint64_t{kKey.chunk.value()} * kChunkBytes + uint64_t{block} * kBlockBytes;
  }
  static uint32_t SizeOf(const Content& c) {
    const uint64_t bytes = c.line.newest().size_bytes - ByteOf(0);
    return static_cast<uint32_t>(bytes / kBlockBytes);
  }

  static void AddLayer(Content* c, uint32_t blocks) {
    const uint64_t size = ByteOf(blocks);
    uint64_t cut = size;
    if (!c->line.layers.empty()) cut = std::min(cut, c->line.newest().size_bytes);
    c->line.version = LineVersion(c->line.version.value() + 1);
    // Ids grow: every version of the line has made at most one.
    c->line.layers.push_back({LayerId(c->line.version.value()), size, cut, false, c->line.version});
  }
  static void Grow(Content* c) {
    c->line.version = LineVersion(c->line.version.value() + 1);
    c->line.layers.back().size_bytes = ByteOf(kBlocks);
    c->line.layers.back().changed = c->line.version;
  }

  template <class Fn>
  void Change(StoreLife& life, Fn&& change) {
    change(&now_);
    change(&logged_);
    Keep(life);
  }
  void Keep(StoreLife& life) {
    model::Line line = now_.line;
    ASSERT_TRUE(line.Validate().ok()) << line.Validate();
    Record(life.store().AppendLine(line));
  }

  void Write(StoreLife& life, bool hole, Arrival arrival) {
    // Entries of a layer that was removed may still come (4.8).
    LayerId layer = now_.line.newest().id;
    const bool late = !now_.line.removed.empty() && random_.OneIn(1, 6);
    if (late) layer = now_.line.removed[random_.Below(now_.line.removed.size())].layer;
    const auto count = static_cast<uint32_t>(1 + random_.Below(4));
    const uint32_t size = late ? kBlocks : SizeOf(now_);
    const auto first = static_cast<uint32_t>(random_.Below(size));
    const BlockRange range{first, std::min(count, size - first)};
    if (!hole && arrival == Arrival::kPending &&
        !life.store().Reserve(uint64_t{range.count} * kBlockBytes))
      return;
    const Version version(Epoch(1), ++sequence_);
    const uint64_t p = life.store().AppendEntry(
        kChain, MakeEntry(life.pool(), hole ? EntryKind::kHole : EntryKind::kData, kKey, layer,
                          range, version, arrival));
    if (arrival == Arrival::kPending) {
      now_.pending[version] = logged_.pending[version] = {layer, range, hole, p};
    } else {
      Put(&now_, layer, range, version, hole);
      Put(&logged_, layer, range, version, hole);
    }
    Record(p);
  }

  void Commit(StoreLife& life) {
    Version target = now_.committed;
    for (const auto& [version, pending] : now_.pending) {
      if (pending.position > life.durable() || random_.OneIn(1, 10)) break;
      target = version;
    }
    life.store().SetCommitted(kChain, target);
    CommitUpTo(&now_, target);
  }

  static void Remove(Content* c, size_t i, LayerId into, uint64_t cut) {
    const LayerId layer = c->line.layers[i].id;
    c->line.version = LineVersion(c->line.version.value() + 1);
    for (auto* removed : {&c->line.removed, &c->removed}) {
      const auto at = std::find_if(removed->begin(), removed->end(),
                                   [layer](const auto& r) { return r.layer > layer; });
      removed->insert(at, {layer, into, cut, c->line.version});
    }
    c->line.layers.erase(c->line.layers.begin() + static_cast<ptrdiff_t>(i));
    const std::map<uint32_t, Block> blocks = std::move(c->layers[layer]);
    c->layers.erase(layer);
    for (const auto& [block, entry] : blocks) {
      Put(c, layer, {block, 1}, entry.version, entry.hole);
    }
  }

  void Merge(StoreLife& life) {
    if (now_.line.layers.size() < 2) return;
    ++removals_;
    const size_t i = random_.Below(now_.line.layers.size() - 1);
    Change(life, [&](Content* c) {
      model::Layer& child = c->line.layers[i + 1];
      const uint64_t cut = child.cut_bytes;
      child.cut_bytes = std::min(cut, c->line.layers[i].cut_bytes);
      child.changed = LineVersion(c->line.version.value() + 1);
      Remove(c, i, child.id, cut);
    });
  }

  // As a revert does it.
  void Free(StoreLife& life) {
    ++removals_;
    const uint32_t size = SizeOf(now_);
    Change(life, [&](Content* c) {
      Remove(c, c->line.layers.size() - 1, LayerId(), 0);
      AddLayer(c, size);
    });
  }

  // What every disk that may return has handed over is forgotten; here that is this one.
  void Forget(StoreLife& life) {
    if (now_.line.removed.empty()) return;
    if (life.store().LineOf(kKey.lineage).handed_over != now_.line.version) return;
    ++forgotten_;
    Change(life, [](Content* c) {
      c->line.version = LineVersion(c->line.version.value() + 1);
      c->line.removed.clear();
    });
  }

  // Under the layer whose it is.
  static void Put(Content* c, LayerId layer, BlockRange range, Version version, bool hole) {
    for (uint32_t b = range.first; b < range.end(); ++b) {
      LayerId owner = layer;
      for (const model::RemovedLayer& r : c->removed) {  // sorted: chains lead to newer ones
        if (r.layer != owner) continue;
        owner = r.into != LayerId() && ByteOf(b) < r.cut_bytes ? r.into : LayerId();
      }
      if (owner == LayerId()) continue;
      Block& block = c->layers[owner][b];
      if (block.version < version) block = {version, hole};
    }
  }

  static void CommitUpTo(Content* c, Version committed) {
    c->committed = std::max(c->committed, committed);
    while (!c->pending.empty() && c->pending.begin()->first <= committed) {
      const auto& [version, p] = *c->pending.begin();
      Put(c, p.layer, p.range, version, p.hole);
      c->pending.erase(c->pending.begin());
    }
  }

  // nullptr: absent; version 0: a hole without an entry.
  static const Block* Find(const Content& c, LayerId asked, uint32_t block) {
    static const Block kHole{Version(), true};
    for (auto layer = c.line.layers.rbegin(); layer != c.line.layers.rend(); ++layer) {
      if (layer->id > asked) continue;
      const auto blocks = c.layers.find(layer->id);
      if (blocks != c.layers.end()) {
        const auto entry = blocks->second.find(block);
        if (entry != blocks->second.end()) return &entry->second;
      }
      if (ByteOf(block) >= layer->cut_bytes) return &kHole;
    }
    return nullptr;
  }

  static std::string BlockDiffers(const TestRead& read, uint32_t b, const Block* want) {
    using State = BlockResult::State;
    const State state = want == nullptr ? State::kAbsent : want->hole ? State::kHole : State::kData;
    const Version version = want == nullptr ? Version() : want->version;
    if (!read.status().ok()) return read.status().ToString();
    if (read[b].state == state && read[b].version == version &&
        (state != State::kData || read.Matches(b, version))) {
      return "";
    }
    return " block " + std::to_string(b) + ": state " +
           std::to_string(static_cast<int>(read[b].state)) + " version " +
           ToString(read[b].version) + ", expected state " +
           std::to_string(static_cast<int>(state)) + " version " + ToString(version);
  }

  std::string Differs(StoreLife& life, const ChainRecord& record, const Content& want) const {
    const auto kept = life.store().lines().find(kKey.lineage);
    const LineVersion version =
        kept == life.store().lines().end() ? LineVersion(1) : kept->second.version;
    if (version != want.line.version) return "line " + std::to_string(version.value());
    if (record.pending.size() != want.pending.size()) return "pending";
    return Compare(life, want);
  }

  void Record(uint64_t position) { history_[position] = logged_; }

  Random random_;
  Content now_;     // with what was committed
  Content logged_;  // what the log says without any W
  std::map<uint64_t, Content> history_;
  uint32_t sequence_ = 0;
  uint64_t removals_ = 0;
  uint64_t forgotten_ = 0;
};

}  // namespace storpool::chunkstore
