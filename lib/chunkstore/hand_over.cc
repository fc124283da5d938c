// Lines of layers, and handing the entries of removed layers over to whose they are now
// (design 4.7, 4.8; docs/disk-format.md section 3): index only, a bounded piece a turn, beside I/O.
//
// Always holds: nothing moves or goes by a line that is not durable; nothing of it is logged, since
// the line alone decides whose an entry is.
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

// Of a turn, in entries: about 50 us.
constexpr uint64_t kCostMax = 1024;

}  // namespace

uint64_t ChunkStoreImpl::AppendLine(const model::Line& line) {
  SP_CHECK(line.whole() && line.Validate().ok());
  const model::Line* known = state_.lines().Find(line.lineage);
  const LineVersion have = known == nullptr ? LineVersion() : known->version;
  LineProgress& progress = line_progress_[line.lineage];
  if (line.version <= std::max(have, progress.appended)) return position_;
  for (const std::string& body : LinePieces({line.Since(have), {}}, true)) {
    Batch& batch = OpenLog(static_cast<uint32_t>(body.size()), 0);
    uint8_t* at = batch.writer.Add(RecordKind::kLine, static_cast<uint32_t>(body.size()));
    std::memcpy(at, body.data(), body.size());
    progress.position = Appended(batch);
  }
  progress.appended = line.version;
  lines_under_way_.push_back({progress.position, line.lineage});
  return progress.position;
}

KeptLine ChunkStoreImpl::LineOf(LineageId lineage) const {
  const model::Line* line = state_.lines().Find(lineage);
  const auto it = line_progress_.find(lineage);
  KeptLine kept;
  if (it == line_progress_.end()) {
    if (line != nullptr) kept.durable = line->version;
  } else {
    kept.durable = it->second.durable;
    kept.chunks_left = it->second.chunks_left;
  }
  kept.handed_over = state_.lines().HandedOver(lineage);
  return kept;
}

// The log is durable up to `position`.
void ChunkStoreImpl::FindDurableLines(uint64_t position) {
  if (lines_under_way_.empty()) return;
  while (!lines_under_way_.empty() && lines_under_way_.front().first <= position) {
    const LineageId lineage = lines_under_way_.front().second;
    lines_under_way_.pop_front();
    LineProgress& progress = line_progress_[lineage];
    if (progress.position > position) continue;  // a newer one follows
    progress.durable = progress.appended;
    BeginHandOver(lineage);
    if (events_ != nullptr) events_->OnLine(lineage);
  }
  KickHandOver();
}

void ChunkStoreImpl::BeginHandOver(LineageId lineage) {
  const model::Line& line = *state_.lines().Find(lineage);
  const LineVersion done = state_.lines().HandedOver(lineage);
  const bool more =
      line.dropped ||
      std::any_of(line.removed.begin(), line.removed.end(), [done](const model::RemovedLayer& r) {
        return r.changed == LineVersion() || r.changed > done;
      });
  if (!more) return state_.lines().SetHandedOver(lineage, line_progress_[lineage].durable);
  to_hand_over_.insert(lineage);
}

void ChunkStoreImpl::KickHandOver() {
  if (handing_over_ || closing_ || !failure_.ok() || to_hand_over_.empty()) return;
  handing_over_ = true;
  StartTask(HandOver());
}

Task ChunkStoreImpl::HandOver() {
  ScheduleBatch();
  co_await Progress{*this};  // not from within the call that needed it
  while (failure_.ok() && !closing_ && !to_hand_over_.empty()) {
    const std::vector<LineageId> lineages(to_hand_over_.begin(), to_hand_over_.end());
    for (const LineageId lineage : lineages) {
      if (line_progress_[lineage].passed != line_progress_[lineage].durable) {
        SP_RETURN_CO(co_await HandOverLine(lineage));
      }
      if (failure_.ok() && !closing_) EndHandOver(lineage);
    }
    if (!to_hand_over_.empty()) co_await Progress{*this};
  }
  handing_over_ = false;
  co_return failure_;
}

Task ChunkStoreImpl::HandOverLine(LineageId lineage) {
  LineProgress& progress = line_progress_[lineage];
  const LineVersion version = progress.durable;
  const Index::Chunks& chunks = state_.index().chunks();
  progress.next = {lineage, ChunkIndex(0)};
  progress.chunks_left = 0;
  for (auto it = chunks.lower_bound(progress.next);
       it != chunks.end() && it->first.lineage == lineage; ++it) {
    ++progress.chunks_left;
  }
  while (failure_.ok() && !closing_ && HandOverSome(lineage, progress)) {
    hand_over_timer_.StartIn(Duration());  // in the next turn: a phase may run many times in one
    while (hand_over_timer_.active() && failure_.ok() && !closing_) co_await Progress{*this};
  }
  progress.passed = version;
  co_return failure_;
}

// What is pending in a removed layer goes where it belongs when it is committed: until then the
// removal must not be forgotten.
void ChunkStoreImpl::EndHandOver(LineageId lineage) {
  LineProgress& progress = line_progress_[lineage];
  if (progress.passed != progress.durable || state_.HasPendingOfRemoved(lineage)) return;
  progress.chunks_left = 0;
  to_hand_over_.erase(lineage);
  state_.lines().SetHandedOver(lineage, progress.durable);
  if (events_ != nullptr) events_->OnLine(lineage);
}

// False: nothing is left.
bool ChunkStoreImpl::HandOverSome(LineageId lineage, LineProgress& progress) {
  const model::LineView& line = *state_.lines().Find(lineage)->view;
  Index& index = state_.index();
  uint64_t cost = 0;
  while (cost < kCostMax) {
    const auto it = index.chunks().lower_bound(progress.next);
    if (it == index.chunks().end() || it->first.lineage != lineage) return false;
    const ChunkKey key = it->first;
    for (uint32_t run = 0; run < kRunsPerChunk; ++run) {
      cost += index.HandOver(key, *it->second, run, line);
    }
    index.Shrink(key);
    if (progress.chunks_left > 0) --progress.chunks_left;
    if (key.chunk.value() == UINT32_MAX) return false;
    progress.next = {lineage, ChunkIndex(key.chunk.value() + 1)};
  }
  return true;
}

void ChunkStoreImpl::CountLayers(LayerCounter* counter) const {
  const Index::Chunks& chunks = state_.index().chunks();
  uint64_t cost = 0;
  while (cost < kCostMax) {
    const auto it = chunks.lower_bound({counter->lineage, counter->next});
    if (it == chunks.end() || it->first.lineage != counter->lineage) break;
    ++cost;
    const bool counts =
        std::binary_search(counter->chains.begin(), counter->chains.end(), it->second->chain);
    for (uint32_t run = 0; counts && run < kRunsPerChunk; ++run) {
      const Index::Pages& pages = it->second->runs[run];
      for (const Index::LayerBlocks& b : Index::CountRun(it->first, pages, *counter->line)) {
        LayerCount& count = counter->counts[b.layer];
        count.stored_blocks += b.stored;
        count.freed_blocks += b.freed;
      }
      cost += pages.size() * 16;
    }
    if (it->first.chunk.value() == UINT32_MAX) break;
    counter->next = ChunkIndex(it->first.chunk.value() + 1);
    if (cost >= kCostMax) return;
  }
  counter->at_end = true;
}

}  // namespace storpool::chunkstore
