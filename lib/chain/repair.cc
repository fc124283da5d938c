// A damaged block is never returned, sent or zero-filled: it is brought from another mirror, by
// exact version, and healed (design 4.12, hazards 3.5 and 5.9).
#include <algorithm>
#include <cstring>

#include "lib/chain/steps.h"
#include "lib/model/line_view.h"

namespace storpool::chain {
namespace {

// The waiting read, lookup or scan goes on; `entry` is what a mirror had, nullptr if none has it.
void Deliver(ReplicaState& s, uint64_t id, const Entry* entry, Instant now, Effects& out) {
  const Repair repair = *s.repairs.Find(id);
  s.repairs.Free(id);
  if (entry != nullptr && entry->version <= s.committed && repair.damaged.layer != LayerId()) {
    Append(s, out, AppendEntry{*entry, /*heals=*/true});  // committed on arrival
  }
  if (repair.waiting == 0) {
    if (!OnSyncRepaired(s, id, entry, now, out)) OnFetchRepaired(s, id, entry, now, out);
    return;
  }
  const uint32_t block = repair.ask.blocks.first;
  if (entry == nullptr) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": " +
                  Describe(repair.ask.chunk, {repair.damaged.layer, block, repair.ask.version}) +
                  " is damaged on disk " + std::to_string(s.self.disk.value()) +
                  " and no other mirror has it"});
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

uint64_t NewRepair(ReplicaState& s, uint64_t waiting, ChunkKey chunk, LayerId layer, uint32_t block,
                   const BlockResult& damaged) {
  const auto [id, repair] = s.repairs.Take();
  *repair = Repair();
  repair->waiting = waiting;
  repair->damaged = damaged;
  repair->ask.chunk = chunk;
  repair->ask.layer = layer;
  repair->ask.blocks = {block, 1};
  repair->ask.version = damaged.version;
  return id;
}

// The next member that may have it: exact version and checksum decide, so syncing ones are asked
// too. A serving one that is cut off is waited for: it returns, or a new epoch ends the waiting.
// False if all have said that they do not have it.
bool Ask(ReplicaState& s, uint64_t id, Instant now, Effects& out) {
  Repair& repair = *s.repairs.Find(id);
  const auto& members = s.named().members;
  bool waits = false;
  for (size_t tried = 0; tried < members.size(); ++tried) {
    const size_t i = repair.next_member++ % members.size();
    const model::Member& m = members[i];
    if (m.disk == s.self.disk || (repair.without >> i & 1) != 0) continue;
    waits = waits || m.role == model::Role::kServing;
    if (m.role == model::Role::kAway || !s.connected.contains(m.disk)) continue;
    repair.ask.common = s.CommonTo(m.disk);
    repair.ask.number = id;
    out.Add(Send{m.disk, repair.ask});
    waits = true;
    break;
  }
  repair.asked_at = now;
  if (waits) s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
  return waits;
}

void AskOrGiveUp(ReplicaState& s, uint64_t id, Instant now, Effects& out) {
  if (!Ask(s, id, now, out)) Deliver(s, id, nullptr, now, out);
}

void AskPendingToo(uint64_t id, RepairServe& serve, bool pending, Effects& out) {
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
  AskOrGiveUp(s, NewRepair(s, waiting, chunk, layer, block, damaged), now, out);
}

void TakeStep(ChunkWalk& walk, StoreScanResult& result) {
  walk.cursor = result.at_end ? 0 : result.cursor;
  walk.at_end = result.at_end;
  walk.line_version = result.line_version;
  walk.damaged = std::move(result.damaged);
}

bool RepairStep(ReplicaState& s, ChunkWalk& walk, Instant now, Effects& out) {
  while (!walk.damaged.empty()) {
    const DamagedBlock& block = walk.damaged.back();
    const BlockResult damaged{BlockResult::State::kDamaged, block.layer, block.version, 0};
    walk.repair = NewRepair(s, 0, walk.chunks[walk.next].chunk, block.layer, block.block, damaged);
    if (Ask(s, walk.repair, now, out)) return true;
    s.repairs.Free(walk.repair);
    EndRepair(walk, nullptr);
  }
  return false;
}

void EndRepair(ChunkWalk& walk, const Entry* entry) {
  const DamagedBlock block = walk.damaged.back();
  walk.damaged.pop_back();
  walk.repair = 0;
  if (entry != nullptr) return;
  if (walk.lost_blocks++ == 0 || block.version < walk.lost.version) walk.lost = block;
}

std::string Describe(const ChunkKey& chunk, const DamagedBlock& block) {
  return "block " + std::to_string(block.block) + " of chunk " +
         std::to_string(chunk.chunk.value()) + " of lineage " +
         std::to_string(chunk.lineage.value()) + " (version " + ToString(block.version) + ")";
}

void OnRepairRead(ReplicaState& s, const wire::RepairRead& ask, const model::Line& line,
                  Effects& out) {
  const bool bounded = ask.blocks.count == 1 && ask.blocks.first < kBlocksPerChunk;
  if (s.role == Role::kNone || ask.common.epoch != s.epoch || !bounded) return;
  const auto [id, serve] = s.repair_serves.Take();
  serve->ask = ask;
  serve->line = line.view;
  // Where it lies there its layer may still be the removed one; here it may have been handed over.
  const model::LineView::Owner owner = line.view->OwnerOf(ask.layer);
  if (owner.removed && owner.layer != LayerId()) serve->ask.layer = owner.layer;
  AskPendingToo(id, *serve, /*pending=*/false, out);
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
    return AskPendingToo(result.id, *serve, /*pending=*/true, out);
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
  Repair* repair = s.repairs.Find(answer.number);
  if (repair == nullptr) return;
  Entry* entry = answer.entries.size() == 1 ? &answer.entries.front() : nullptr;
  const bool usable = entry != nullptr && entry->version == repair->ask.version &&
                      entry->place.blocks == repair->ask.blocks && entry->kind == EntryKind::kData;
  if (usable) {
    // Where it lies here: the mirror may have merged its layer already (4.8).
    if (repair->damaged.layer != LayerId()) entry->place.layer = repair->damaged.layer;
    return Deliver(s, answer.number, entry, now, out);
  }
  const auto& members = s.named().members;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].disk == answer.common.from) repair->without |= 1u << i;
  }
  AskOrGiveUp(s, answer.number, now, out);
}

void RetryRepairs(ReplicaState& s, Instant now, Effects& out) {
  s.repairs.ForEach([&](uint64_t id, Repair& repair) {
    if (now - repair.asked_at >= Duration::Millis(kMemberRetryMs)) AskOrGiveUp(s, id, now, out);
  });
}

}  // namespace storpool::chain
