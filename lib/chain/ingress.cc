// Requests that the head cannot order at once (design 4.11, 4.13, 9.4). The head makes blocks
// whole: it holds the blocks of such a request, so that what overlaps waits in order of arrival,
// reads the newest version, pending ones included, merges and orders. Nothing is compared and
// merged again later: while the blocks are held their newest version cannot change.
#include <algorithm>
#include <cstring>

#include "lib/base/crc32c.h"
#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

using wire::Result;
using wire::WriteOp;

bool Overlap(const wire::WriteRequest& a, const BlockRange& a_blocks, const Ingress& b) {
  return a.lineage == b.request.lineage && a.chunk == b.request.chunk &&
         a_blocks.Overlaps(b.blocks);
}

void Fail(ReplicaState& s, size_t index, Result result, Effects& out) {
  const wire::WriteRequest& request = s.ingress[index].request;
  AnswerWriteWith(s, request, FindSession(s, request.session).client, result, out);
  s.ingress.erase(s.ingress.begin() + static_cast<ptrdiff_t>(index));
}

void LookUp(ReplicaState& s, Ingress& op, BlockRange blocks, Effects& out) {
  Lookup& lookup = op.lookups.emplace_back();
  lookup.read = ++s.last_query << 2 | 1;
  lookup.blocks = blocks;
  out.Add(StoreRead{.id = lookup.read,
                    .chunk = {op.request.lineage, op.request.chunk},
                    .line = op.line,
                    .layer = op.request.layer,
                    .blocks = blocks,
                    .include_pending = true});  // hazard 2.4
}

BlockRange WholeBlocks(const wire::WriteRequest& r) {
  const uint32_t first = (r.first_sector + kSectorsPerBlock - 1) / kSectorsPerBlock;
  const uint32_t end = (r.first_sector + r.sectors) / kSectorsPerBlock;
  return {first, end > first ? end - first : 0};
}

bool IsKnown(const Ingress& op) {
  return op.extent == 0 &&
         std::ranges::all_of(op.lookups, [](const Lookup& lookup) { return lookup.read == 0; });
}

// What of a hole has something to hide. Pending entries count, and those of all layers: where there
// is none at all a hole would take up the index for ever and change nothing.
void AskExtent(ReplicaState& s, Ingress& op, Effects& out) {
  op.hole = WholeBlocks(op.request);
  if (op.hole.count == 0 || !LooksForEntries(op.request, op.foreign_blocks)) return;
  op.extent = ++s.last_query;
  out.Add(StoreExtent{op.extent, {op.request.lineage, op.request.chunk}, op.hole});
}

void Start(ReplicaState& s, Ingress& op, Effects& out) {
  const wire::WriteRequest& r = op.request;
  if (r.op == WriteOp::kFill) {
    LookUp(s, op, op.blocks, out);
  } else {
    const uint32_t last = op.blocks.end() - 1;
    const bool first_partial = r.first_sector % kSectorsPerBlock != 0;
    const bool last_partial = (r.first_sector + r.sectors) % kSectorsPerBlock != 0;
    if (first_partial) LookUp(s, op, {op.blocks.first, 1}, out);
    if (last_partial && !(first_partial && op.blocks.count == 1)) LookUp(s, op, {last, 1}, out);
    if (r.op == WriteOp::kHole) AskExtent(s, op, out);
  }
  op.stage = IsKnown(op) ? Ingress::Stage::kReady : Ingress::Stage::kReading;
}

bool IsAbsentHere(const Ingress& op, const BlockResult& found, uint32_t block) {
  return found.state == BlockResult::State::kAbsent && block < op.foreign_blocks;
}

// A piece of a block over a foreign parent cannot be made whole here (9.4).
bool NeedsBase(const Ingress& op) {
  if (op.request.op == WriteOp::kFill) return false;
  return std::any_of(op.lookups.begin(), op.lookups.end(), [&](const Lookup& lookup) {
    return IsAbsentHere(op, lookup.found[0], lookup.blocks.first);
  });
}

Entry NewEntry(const Ingress& op, EntryKind kind, BlockRange blocks) {
  Entry entry;
  entry.place = {op.request.lineage, op.request.chunk, op.request.layer, blocks};
  entry.kind = kind;
  entry.session = op.request.session;
  entry.answered_below = op.request.answered_below;
  entry.line_version = op.request.line_version;
  return entry;
}

void CopyOld(const Lookup& lookup, uint8_t* block) {
  if (lookup.found[0].state == BlockResult::State::kData) {
    std::memcpy(block, lookup.old.data(), kBlockBytes);
  } else {
    std::memset(block, 0, kBlockBytes);
  }
}

Entry WholeWrite(ReplicaState& s, const Ingress& op) {
  const wire::WriteRequest& r = op.request;
  Entry entry = NewEntry(op, EntryKind::kData, op.blocks);
  if (op.lookups.empty()) {  // aligned: it waited for room or for another request
    entry.payload = r.payload;
    entry.checksums = r.checksums;
    return entry;
  }
  entry.payload = s.pool.Allocate(size_t{op.blocks.count} * kBlockBytes);
  for (const Lookup& lookup : op.lookups) {
    CopyOld(lookup, entry.payload.data() + (lookup.blocks.first - op.blocks.first) * kBlockBytes);
  }
  std::memcpy(entry.payload.data() + r.first_sector % kSectorsPerBlock * kSectorBytes,
              r.payload.data(), r.payload.size());
  entry.checksums = Checksums(op.blocks.count, s.pool);
  std::copy(r.checksums.span().begin(), r.checksums.span().end(), entry.checksums.span().begin());
  for (const Lookup& lookup : op.lookups) {  // only what was completed is summed again (6.3)
    const size_t i = lookup.blocks.first - op.blocks.first;
    entry.checksums.span()[i] = Crc32c(entry.payload.data() + i * kBlockBytes, kBlockBytes);
  }
  return entry;
}

// The whole blocks of a trim are a hole; a block at its edge that has data is written again with
// zeroes in the sectors that were trimmed.
void WholeHole(ReplicaState& s, const Ingress& op, std::vector<Entry>& entries) {
  const wire::WriteRequest& r = op.request;
  const uint32_t end_sector = r.first_sector + r.sectors;
  for (const Lookup& lookup : op.lookups) {
    if (lookup.found[0].state != BlockResult::State::kData) continue;
    const uint32_t block_sector = lookup.blocks.first * kSectorsPerBlock;
    const uint32_t from = std::max(r.first_sector, block_sector) - block_sector;
    const uint32_t to = std::min(end_sector, block_sector + kSectorsPerBlock) - block_sector;
    Entry& entry = entries.emplace_back(NewEntry(op, EntryKind::kData, lookup.blocks));
    entry.payload = s.pool.Allocate(kBlockBytes);
    CopyOld(lookup, entry.payload.data());
    std::memset(entry.payload.data() + from * kSectorBytes, 0, (to - from) * kSectorBytes);
    entry.checksums = Checksums(1, s.pool);
    entry.checksums.span()[0] = Crc32c(entry.payload.data(), kBlockBytes);
  }
  if (op.hole.count > 0) entries.push_back(NewEntry(op, EntryKind::kHole, op.hole));
}

// A fill takes effect only where the lineage has no entry at all, pending and holes included (9.4).
void WholeFill(ReplicaState& s, const Ingress& op, std::vector<Entry>& entries) {
  const Lookup& lookup = op.lookups.front();
  for (uint32_t i = 0; i < op.blocks.count;) {
    uint32_t run = 0;
    while (i + run < op.blocks.count &&
           lookup.found[i + run].state == BlockResult::State::kAbsent) {
      ++run;
    }
    if (run == 0) {
      ++i;
      continue;
    }
    Entry& entry = entries.emplace_back(NewEntry(op, EntryKind::kData, {op.blocks.first + i, run}));
    entry.payload = op.request.payload.Slice(size_t{i} * kBlockBytes, size_t{run} * kBlockBytes);
    entry.checksums = Checksums(run, s.pool);
    for (uint32_t k = 0; k < run; ++k) {
      entry.checksums.span()[k] = op.request.checksums[i + k];
    }
    i += run;
  }
}

// The entries of a request whose lookups are done; the number rides on the last one, so that it
// counts as committed only when all of them are.
std::vector<Entry> MakeWhole(ReplicaState& s, const Ingress& op) {
  std::vector<Entry> entries;
  switch (op.request.op) {
    case WriteOp::kWrite:
      entries.push_back(WholeWrite(s, op));
      break;
    case WriteOp::kHole:
      WholeHole(s, op, entries);
      break;
    case WriteOp::kFill:
      WholeFill(s, op, entries);
      break;
  }
  if (entries.empty()) entries.push_back(NewEntry(op, EntryKind::kEmpty, op.blocks));
  entries.back().number = op.request.number;
  return entries;
}

uint64_t RoomOf(const std::vector<Entry>& entries) {
  uint64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.payload.size();
  return bytes;
}

bool MustWait(const ReplicaState& s, size_t index) {
  const Ingress& op = s.ingress[index];
  for (size_t i = 0; i < index; ++i) {
    if (Overlap(op.request, op.blocks, s.ingress[i])) return true;
  }
  return false;
}

Ingress* FindLookup(ReplicaState& s, uint64_t read, Lookup** lookup) {
  for (Ingress& op : s.ingress) {
    for (Lookup& candidate : op.lookups) {
      if (candidate.read != read) continue;
      *lookup = &candidate;
      return &op;
    }
  }
  return nullptr;
}

void FinishLookup(ReplicaState& s, Ingress& op, Lookup& lookup, Instant now, Effects& out) {
  lookup.read = 0;
  if (IsKnown(op)) op.stage = Ingress::Stage::kReady;
  PumpIngress(s, now, out);
}

}  // namespace

bool OverlapsIngress(const ReplicaState& s, const wire::WriteRequest& request,
                     const BlockRange& blocks) {
  return std::any_of(s.ingress.begin(), s.ingress.end(),
                     [&](const Ingress& op) { return Overlap(request, blocks, op); });
}

void PumpIngress(ReplicaState& s, Instant, Effects& out) {
  uint64_t lacking_bytes = 0;
  for (size_t i = 0; i < s.ingress.size();) {
    Ingress& op = s.ingress[i];
    if (op.stage == Ingress::Stage::kWaiting && !MustWait(s, i)) Start(s, op, out);
    if (op.stage != Ingress::Stage::kReady) {
      ++i;
      continue;
    }
    if (HasNewerLayer(s, op.request)) {  // I9: ordered while this one waited
      Fail(s, i, Result::kStaleLine, out);
      continue;
    }
    if (NeedsBase(op)) {
      Fail(s, i, Result::kNeedsBase, out);
      continue;
    }
    std::vector<Entry> entries = MakeWhole(s, op);
    const uint64_t bytes = RoomOf(entries);
    // Room is given in order of arrival; a hole needs none.
    if (bytes > 0 && (lacking_bytes > 0 || CreditAvailable(s) < bytes)) {
      lacking_bytes += bytes;
      ++i;
      continue;
    }
    s.ingress.erase(s.ingress.begin() + static_cast<ptrdiff_t>(i));
    for (Entry& entry : entries) Order(s, std::move(entry), out);
  }
  AskCredits(s, lacking_bytes, out);
}

void RefuseWrites(ReplicaState& s, const model::Line& line, Instant now, Effects& out) {
  bool any = false;
  for (size_t i = 0; i < s.ingress.size();) {
    const wire::WriteRequest& r = s.ingress[i].request;
    const model::Layer* layer = line.Find(r.layer);
    const bool gone = line.dropped || layer == nullptr;
    if (r.lineage != line.lineage || (!gone && !layer->sealed)) {
      ++i;
      continue;
    }
    any = true;
    Fail(s, i, gone ? Result::kGone : Result::kStaleLine, out);
  }
  if (any) PumpIngress(s, now, out);
}

void FailForRoom(ReplicaState& s, Effects& out) {
  for (size_t i = 0; i < s.ingress.size();) {
    const bool ready = s.ingress[i].stage == Ingress::Stage::kReady;
    if (ready && RoomOf(MakeWhole(s, s.ingress[i])) > CreditAvailable(s)) {
      Fail(s, i, Result::kNoSpace, out);
    } else {
      ++i;
    }
  }
}

void OnLookup(ReplicaState& s, StoreReadResult&& result, Instant now, Effects& out) {
  Lookup* lookup = nullptr;
  Ingress* op = FindLookup(s, result.id, &lookup);
  if (op == nullptr || !result.ok) return;  // a failed store has ended everything
  lookup->found.assign(result.results.begin(), result.results.end());
  lookup->old = std::move(result.payload);
  if (op->request.op != WriteOp::kFill && lookup->found[0].state == BlockResult::State::kDamaged) {
    return StartRepair(s, result.id, {op->request.lineage, op->request.chunk}, op->request.layer,
                       lookup->blocks.first, lookup->found[0], now, out);
  }
  FinishLookup(s, *op, *lookup, now, out);
}

void OnExtent(ReplicaState& s, uint64_t query, BlockRange extent, Instant now, Effects& out) {
  const auto op = std::ranges::find_if(
      s.ingress, [query](const Ingress& candidate) { return candidate.extent == query; });
  if (op == s.ingress.end()) return;
  op->hole = extent;
  op->extent = 0;
  if (IsKnown(*op)) op->stage = Ingress::Stage::kReady;
  PumpIngress(s, now, out);
}

void OnLookupRepaired(ReplicaState& s, uint64_t read, const BlockResult& damaged,
                      const Entry* entry, Instant now, Effects& out) {
  Lookup* lookup = nullptr;
  Ingress* op = FindLookup(s, read, &lookup);
  if (op == nullptr) return;
  if (entry == nullptr) {  // never merge into garbage (hazard 2.4)
    Fail(s, static_cast<size_t>(op - s.ingress.data()), Result::kMediaError, out);
    return PumpIngress(s, now, out);
  }
  lookup->found[0] = damaged;
  lookup->found[0].state = BlockResult::State::kData;
  lookup->old = entry->payload;
  FinishLookup(s, *op, *lookup, now, out);
}

}  // namespace storpool::chain
