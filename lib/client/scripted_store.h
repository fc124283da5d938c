// What chains keep, for tests of the client: lineages with layers and foreign parents, one copy
// that every head and tail of the moment reaches. It holds requests to the rules of lines
// (design 4.7, 9.4, I9) and of exactly once (5.8); chains, epochs and failures are the test's.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/crc32c.h"
#include "lib/model/line.h"
#include "lib/wire/messages.h"

namespace storpool::client {

class ScriptedStore {
 public:
  using Bytes = std::vector<uint8_t>;
  enum class State { kData, kHole, kAbsent };

  void SetLine(const model::Line& line) { lines_[line.lineage] = line; }
  const model::Line& LineOf(LineageId lineage) const { return lines_.at(lineage); }
  // An entry that was there before the test.
  void Put(LineageId lineage, LayerId layer, ChunkIndex chunk, uint32_t block,
           std::optional<Bytes> bytes) {
    entries_[{lineage, chunk, block}][layer] = std::move(bytes);
  }

  wire::Result Write(const wire::WriteRequest& r) {
    if (done_.contains({r.chain, r.session.volume, r.session.generation, r.number}))
      return wire::Result::kOk;
    const wire::Result result = CheckWrite(r);
    if (result != wire::Result::kOk) return result;
    const uint32_t first = r.first_sector / kSectorsPerBlock;
    const uint32_t end = (r.first_sector + r.sectors + kSectorsPerBlock - 1) / kSectorsPerBlock;
    std::vector<std::optional<Bytes>> blocks;
    for (uint32_t b = first; b < end; ++b) {
      Bytes old;
      const State state = Find(r.lineage, r.layer, r.chunk, b, &old);
      if (r.op != wire::WriteOp::kFill && !IsWhole(r, b) && state == State::kAbsent &&
          MayBeForeign(r.lineage, r.chunk, b)) {
        return wire::Result::kNeedsBase;
      }
      blocks.push_back(Merge(r, b, std::move(old)));
    }
    for (uint32_t b = first; b < end; ++b) {
      if (r.op == wire::WriteOp::kFill &&
          Find(r.lineage, r.layer, r.chunk, b, nullptr) != State::kAbsent) {
        continue;
      }
      entries_[{r.lineage, r.chunk, b}][r.layer] = std::move(blocks[b - first]);
    }
    done_.insert({r.chain, r.session.volume, r.session.generation, r.number});
    LayerId& newest = newest_written_[{r.chain, r.lineage}];
    newest = std::max(newest, r.layer);
    return wire::Result::kOk;
  }

  wire::ReadAnswer Read(const wire::ReadRequest& r, BufferPool& pool) const {
    wire::ReadAnswer answer;
    answer.chain = r.chain;
    answer.number = r.number;
    answer.result = CheckRead(r);
    if (answer.result != wire::Result::kOk) return answer;
    answer.blocks = r.blocks.count;
    Bytes bytes;
    for (uint32_t i = 0; i < r.blocks.count; ++i) {
      Bytes block;
      const State state = Find(r.lineage, r.layer, r.chunk, r.blocks.first + i, &block);
      const uint64_t bit = uint64_t{1} << (i % 64);
      if (state == State::kData) {
        answer.data[i / 64] |= bit;
        if (!r.states_only) bytes.insert(bytes.end(), block.begin(), block.end());
      } else if (state == State::kAbsent && MayBeForeign(r.lineage, r.chunk, r.blocks.first + i)) {
        answer.absent[i / 64] |= bit;
      }
    }
    if (bytes.empty()) return answer;
    answer.payload = pool.Copy(bytes);
    answer.checksums = Checksums(bytes.size() / kBlockBytes, pool);
    for (size_t i = 0; i < answer.checksums.size(); ++i) {
      answer.checksums.span()[i] = Crc32c(bytes.data() + i * kBlockBytes, kBlockBytes);
    }
    return answer;
  }

  // What layer `layer` of the line, LayerId() for the newest, shows of a block: the nearest older
  // entry of this lineage.
  State Find(LineageId lineage, LayerId layer, ChunkIndex chunk, uint32_t block,
             Bytes* bytes) const {
    const model::Line& line = LineOf(lineage);
    const auto entries = entries_.find({lineage, chunk, block});
    const uint64_t at = uint64_t{chunk.value()} * kChunkBytes + uint64_t{block} * kBlockBytes;
    for (auto l = line.layers.rbegin(); l != line.layers.rend(); ++l) {
      if (layer != LayerId() && l->id > layer) continue;
      if (entries != entries_.end()) {
        const auto entry = entries->second.find(l->id);
        if (entry != entries->second.end()) {
          if (!entry->second.has_value()) return State::kHole;
          if (bytes != nullptr) *bytes = *entry->second;
          return State::kData;
        }
      }
      if (at >= l->cut_bytes) return State::kHole;
    }
    return State::kAbsent;
  }
  bool MayBeForeign(LineageId lineage, ChunkIndex chunk, uint32_t block) const {
    const model::Line& line = LineOf(lineage);
    const uint64_t at = uint64_t{chunk.value()} * kChunkBytes + uint64_t{block} * kBlockBytes;
    return line.foreign_parent.has_value() && at < line.foreign_parent->size_bytes;
  }

  int fills = 0;  // that were ordered

 private:
  static uint32_t FirstOf(const wire::WriteRequest& r, uint32_t block) {
    return std::max(r.first_sector, block * kSectorsPerBlock);
  }
  static uint32_t EndOf(const wire::WriteRequest& r, uint32_t block) {
    return std::min(r.first_sector + r.sectors, (block + 1) * kSectorsPerBlock);
  }
  static bool IsWhole(const wire::WriteRequest& r, uint32_t block) {
    return EndOf(r, block) - FirstOf(r, block) == kSectorsPerBlock;
  }

  static std::optional<Bytes> Merge(const wire::WriteRequest& r, uint32_t block, Bytes old) {
    const bool hole = r.op == wire::WriteOp::kHole;
    if (hole && (IsWhole(r, block) || old.empty())) return std::nullopt;
    old.resize(kBlockBytes);
    for (uint32_t s = FirstOf(r, block); s < EndOf(r, block); ++s) {
      uint8_t* to = old.data() + (s - block * kSectorsPerBlock) * kSectorBytes;
      if (hole) {
        std::fill_n(to, kSectorBytes, 0);
      } else {
        std::copy_n(r.payload.data() + (s - r.first_sector) * kSectorBytes, kSectorBytes, to);
      }
    }
    return old;
  }

  wire::Result CheckWrite(const wire::WriteRequest& r) {
    const auto line = lines_.find(r.lineage);
    if (line == lines_.end() || line->second.dropped) return wire::Result::kGone;
    const model::Line& l = line->second;
    if (r.line_version > l.version) return wire::Result::kStaleLine;
    if (r.op == wire::WriteOp::kFill) {
      if (r.line_version != l.version || !l.foreign_parent) return wire::Result::kStaleLine;
      ++fills;
    }
    for (const model::Layer& layer : l.layers) {
      if (layer.id != r.layer) continue;
      if (layer.sealed) return wire::Result::kStaleLine;
      if (newest_written_[{r.chain, r.lineage}] > r.layer) return wire::Result::kStaleLine;
      return wire::Result::kOk;
    }
    return wire::Result::kGone;
  }
  wire::Result CheckRead(const wire::ReadRequest& r) const {
    const auto line = lines_.find(r.lineage);
    if (line == lines_.end() || line->second.dropped) return wire::Result::kGone;
    if (r.line_version > line->second.version) return wire::Result::kStaleLine;
    if (r.layer == LayerId()) return wire::Result::kOk;  // the newest
    for (const model::Layer& layer : line->second.layers) {
      if (layer.id == r.layer) return wire::Result::kOk;
    }
    return wire::Result::kGone;
  }

  std::map<LineageId, model::Line> lines_;
  // By layer; nullopt is a hole.
  std::map<std::tuple<LineageId, ChunkIndex, uint32_t>, std::map<LayerId, std::optional<Bytes>>>
      entries_;
  std::set<std::tuple<ChainId, VolumeId, Generation, uint64_t>> done_;
  std::map<std::pair<ChainId, LineageId>, LayerId> newest_written_;
};

}  // namespace storpool::client
