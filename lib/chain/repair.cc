// A damaged block is never returned and never zero-filled: it is answered from another mirror, by
// exact version, and healed (design 4.12, hazard 3.5).
#include <algorithm>
#include <cstring>

#include "lib/base/crc32c.h"
#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

void Ask(ReplicaState& s, uint64_t id, Instant now, Effects& out);

// `entry` is what a mirror had, nullptr if none has it.
void Deliver(ReplicaState& s, uint64_t id, const Entry* entry, Instant now, Effects& out) {
  const Repair repair = *s.repairs.Find(id);
  s.repairs.Free(id);
  const uint32_t block = repair.ask.blocks.first;
  if (entry == nullptr) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": no mirror has block " + std::to_string(block) +
                  " of version " + ToString(repair.ask.version) + " undamaged"});
  } else if (entry->version <= s.committed && entry->place.layer != LayerId()) {
    Append(s, out, AppendEntry{*entry});  // healed, committed on arrival
  }
  BlockResult found = repair.damaged;
  if (entry != nullptr) found.checksum = entry->checksums[0];
  if (Slots<PendingRead>::TagOf(repair.waiting) == 1) {
    return OnLookupRepaired(s, repair.waiting, found, entry, now, out);
  }
  PendingRead* read = s.reads.Find(repair.waiting);
  if (read == nullptr) return;
  if (entry == nullptr) return FinishRead(s, repair.waiting, wire::Result::kMediaError, out);
  const uint32_t i = block - read->request.blocks.first;
  std::memcpy(read->payload.data() + size_t{i} * kBlockBytes, entry->payload.data(), kBlockBytes);
  found.state = BlockResult::State::kData;
  read->results[i] = found;
  AnswerOrConfirm(s, repair.waiting, now, out);
}

// The next serving member that has not been asked yet.
void Ask(ReplicaState& s, uint64_t id, Instant now, Effects& out) {
  Repair& repair = *s.repairs.Find(id);
  const size_t serving = s.named().serving_count();
  while (repair.next_member < serving) {
    const DiskId to = s.named().members[repair.next_member++].disk;
    if (to == s.self.disk || !s.connected.contains(to)) continue;
    repair.ask.common = s.CommonTo(to);
    repair.ask.number = id;
    out.Add(Send{to, repair.ask});
    s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
    return;
  }
  Deliver(s, id, nullptr, now, out);
}

void AskPendingToo(ReplicaState& s, uint64_t id, RepairServe& serve, bool pending, Effects& out) {
  (void)s;
  serve.pending_tried = pending;
  out.Add(StoreRead{.id = id,
                    .chunk = serve.ask.chunk,
                    .line = serve.line,
                    .layer = serve.ask.layer,
                    .blocks = serve.ask.blocks,
                    .include_pending = pending});
}

}  // namespace

void StartRepair(ReplicaState& s, uint64_t waiting, ChunkKey chunk, LayerId layer, uint32_t block,
                 const BlockResult& damaged, Instant now, Effects& out) {
  const auto [id, repair] = s.repairs.Take();
  *repair = Repair();
  repair->waiting = waiting;
  repair->damaged = damaged;
  repair->ask.chunk = chunk;
  repair->ask.layer = layer;
  repair->ask.blocks = {block, 1};
  repair->ask.version = damaged.version;
  Ask(s, id, now, out);
}

void OnRepairRead(ReplicaState& s, const wire::RepairRead& ask, const model::Line& line,
                  Effects& out) {
  const bool bounded = ask.blocks.count == 1 && ask.blocks.first < kBlocksPerChunk;
  if (!s.opened() || ask.common.epoch != s.epoch || !bounded) return;
  const auto [id, serve] = s.repair_serves.Take();
  serve->ask = ask;
  serve->line = line.view;
  AskPendingToo(s, id, *serve, /*pending=*/false, out);
}

void OnRepairServeRead(ReplicaState& s, StoreReadResult&& result, Effects& out) {
  RepairServe* serve = s.repair_serves.Find(result.id);
  if (serve == nullptr) return;
  const wire::RepairRead& ask = serve->ask;
  const BlockResult none;
  const BlockResult& found = result.ok ? result.results[0] : none;
  const bool exact = found.state == BlockResult::State::kData && found.version == ask.version;
  // What the tail has committed may still be pending here.
  if (result.ok && !exact && !serve->pending_tried) {
    return AskPendingToo(s, result.id, *serve, /*pending=*/true, out);
  }
  wire::RepairAnswer answer;
  answer.common = s.CommonTo(ask.common.from);
  answer.number = ask.number;
  if (exact) {
    Entry& entry = answer.entries.emplace_back();
    entry.place = {ask.chunk.lineage, ask.chunk.chunk, found.layer, ask.blocks};
    entry.version = found.version;
    entry.arrival = Arrival::kCommitted;
    entry.checksums = Checksums(1, s.pool);
    entry.checksums.span()[0] = found.checksum;
    entry.payload = std::move(result.payload);
  }
  out.Add(Send{ask.common.from, std::move(answer)});
  s.repair_serves.Free(result.id);
}

void OnRepairAnswer(ReplicaState& s, wire::RepairAnswer&& answer, Instant now, Effects& out) {
  const Repair* repair = s.repairs.Find(answer.number);
  if (repair == nullptr) return;
  if (answer.entries.size() != 1) return Ask(s, answer.number, now, out);
  const Entry& entry = answer.entries.front();
  const bool usable = entry.version == repair->ask.version &&
                      entry.place.blocks == repair->ask.blocks && ChecksumsMatch(entry) &&
                      entry.kind == EntryKind::kData;
  if (!usable) return Ask(s, answer.number, now, out);
  Deliver(s, answer.number, &entry, now, out);
}

void RetryRepairs(ReplicaState& s, Instant now, Effects& out) {
  s.repairs.ForEach([&](uint64_t id, Repair&) { Ask(s, id, now, out); });
}

}  // namespace storpool::chain
