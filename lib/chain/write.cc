// The head orders writes; every member accepts what the head has ordered (design 5.2.1, 5.2.2).
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

using wire::Result;
using wire::WriteOp;
using wire::WriteRequest;

// So many versions before the end of an epoch its head asks for another one, again after so many;
// and the last ones are for requests that it has taken in already.
constexpr uint32_t kVersionsLate = 1u << 24;
constexpr uint32_t kVersionsAsked = 1u << 16;
constexpr uint32_t kVersionsKept = 1u << 16;

BlockRange BlocksOf(const WriteRequest& r) {
  const uint32_t first = r.first_sector / kSectorsPerBlock;
  const uint32_t end = (r.first_sector + r.sectors + kSectorsPerBlock - 1) / kSectorsPerBlock;
  return {first, end - first};
}

// A request whose numbers do not fit together can only be a client's bug.
bool IsWellFormed(const WriteRequest& r) {
  constexpr uint32_t kSectorsPerChunk = kChunkBytes / kSectorBytes;
  if (r.sectors == 0 || r.first_sector >= kSectorsPerChunk) return false;
  if (r.sectors > kSectorsPerChunk - r.first_sector) return false;
  if (r.op == WriteOp::kHole) return true;
  const BlockRange blocks = BlocksOf(r);
  if (r.op == WriteOp::kFill &&
      (r.first_sector % kSectorsPerBlock != 0 || r.sectors % kSectorsPerBlock != 0)) {
    return false;  // whole blocks only (9.4)
  }
  return blocks.count <= kRequestBlocksMax &&
         r.payload.size() == size_t{r.sectors} * kSectorBytes && r.checksums.size() == blocks.count;
}

// I9: a layer takes a write while it is the newest, or the one before it until the newest has
// taken one; a snapshot takes none.
Result CheckLayer(const ReplicaState& s, const WriteRequest& r, const model::Line& line) {
  if (line.dropped || line.layers.empty()) return Result::kGone;
  if (r.line_version > line.version) return Result::kStaleLine;
  if (r.op == WriteOp::kFill && (r.line_version != line.version || !line.foreign_parent)) {
    return Result::kStaleLine;  // 9.4
  }
  const model::Layer* layer = line.Find(r.layer);
  if (layer == nullptr) return Result::kGone;
  if (layer->sealed) return Result::kStaleLine;
  if (r.layer != line.newest().id) {
    if (layer + 1 != &line.newest() || !s.knows_layers) return Result::kStaleLine;
    if (HasNewerLayer(s, r)) return Result::kStaleLine;
  }
  const uint64_t end =
      uint64_t{r.chunk.value()} * kChunkBytes + uint64_t{r.first_sector + r.sectors} * kSectorBytes;
  // A fill is of whole blocks, also where the last one is not whole.
  const uint64_t over = r.op == WriteOp::kFill ? kBlockBytes - kSectorBytes : 0;
  return end > layer->size_bytes + over ? Result::kBeyondEnd : Result::kOk;
}

bool IsAligned(const WriteRequest& r) {
  return r.first_sector % kSectorsPerBlock == 0 && r.sectors % kSectorsPerBlock == 0;
}

Entry EntryOf(WriteRequest&& r) {
  Entry entry;
  entry.place = {r.lineage, r.chunk, r.layer, BlocksOf(r)};
  entry.kind = r.op == WriteOp::kHole ? EntryKind::kHole : EntryKind::kData;
  entry.session = r.session;
  entry.number = r.number;
  entry.answered_below = r.answered_below;
  entry.line_version = r.line_version;
  entry.checksums = std::move(r.checksums);
  entry.payload = std::move(r.payload);
  return entry;
}

// May this be ordered at all? Anything but kOk is the answer.
Result CheckRequest(const ReplicaState& s, const WriteRequest& r, const model::Line& line) {
  if (s.role != Role::kServing || !s.opened() || !s.is_head()) {
    return r.epoch != s.epoch ? Result::kWrongEpoch : Result::kNotServing;
  }
  if (r.epoch != s.epoch) return Result::kWrongEpoch;
  if (s.sequence >= UINT32_MAX - kVersionsKept) return Result::kNotServing;
  if (!IsWellFormed(r)) return Result::kBeyondEnd;
  return CheckLayer(s, r, line);
}

}  // namespace

bool HasNewerLayer(const ReplicaState& s, const WriteRequest& r) {
  const auto newest = s.newest_layer.find(r.lineage);
  return newest != s.newest_layer.end() && newest->second > r.layer;
}

void AnswerWriteWith(const ReplicaState& s, const WriteRequest& request, ClientRef client,
                     Result result, Effects& out) {
  wire::RelayAnswer relay;
  relay.common = s.CommonTo(s.self.disk);
  relay.answer = {s.chain, request.session, request.number, result, request.attempt};
  out.Add(AnswerWrite{client, s.self.disk, std::move(relay), 0});
}

void Hint(const ReplicaState& s, ClientRef client, Effects& out) {
  if (client != 0 && s.epoch.value() != 0) out.Add(HintConfig{client, s.named()});
}

void OnWrite(ReplicaState& s, WriteRequest&& r, ClientRef client, const model::Line& line,
             Instant now, Effects& out) {
  // A repeated request is answered before its layer is looked at: the line may have moved on.
  Result result = CheckRequest(s, r, line);
  if (result == Result::kWrongEpoch || result == Result::kNotServing) {
    AnswerWriteWith(s, r, client, result, out);
    if (result == Result::kWrongEpoch) Hint(s, client, out);
    return;
  }
  switch (Admit(s, r, client)) {
    case Admission::kNew:
      break;
    case Admission::kWaits:
      return;
    case Admission::kDone:
      return AnswerWriteWith(s, r, client, Result::kOk, out);
    case Admission::kFenced:
      return AnswerWriteWith(s, r, client, Result::kFenced, out);
    case Admission::kRefused:
      return AnswerWriteWith(s, r, client, Result::kRefusedNumber, out);
  }
  if (result != Result::kOk) return AnswerWriteWith(s, r, client, result, out);
  const BlockRange blocks = BlocksOf(r);
  const uint64_t bytes = r.op == WriteOp::kHole ? 0 : uint64_t{blocks.count} * kBlockBytes;
  const uint32_t foreign_blocks = ForeignBlocks(line, r.chunk);
  const bool looks = r.op == WriteOp::kFill || LooksForEntries(r, foreign_blocks);
  if (IsAligned(r) && !looks && !OverlapsIngress(s, r, blocks) &&
      (bytes == 0 || (s.ingress.empty() && CreditAvailable(s) >= bytes))) {
    Order(s, EntryOf(std::move(r)), out);
    return AskCredits(s, 0, out);
  }
  Ingress& op = s.ingress.emplace_back();
  op.line = line.view;
  op.foreign_blocks = foreign_blocks;
  op.blocks = blocks;
  op.request = std::move(r);
  PumpIngress(s, now, out);
}

void Order(ReplicaState& s, Entry&& entry, Effects& out) {
  SP_CHECK(s.opened() && s.is_head() && s.sequence < UINT32_MAX);
  const uint32_t left = UINT32_MAX - s.sequence;
  if (left <= kVersionsLate && left % kVersionsAsked == 0) out.Add(EpochEnds{s.epoch});
  entry.version = s.NextVersion();
  entry.arrival = Arrival::kPending;
  if (entry.kind == EntryKind::kData) s.spent_bytes += entry.payload.size();
  Accept(s, std::move(entry), out);
}

void Accept(ReplicaState& s, Entry&& entry, Effects& out) {
  s.sequence = entry.version.sequence();
  if (entry.kind == EntryKind::kData) s.used_bytes += entry.payload.size();
  // Forwarded at once, appended at the same time (5.2.2).
  if (const model::Member* successor = s.named().Successor(s.self.disk)) {
    FeedEntry(s.successor_feed, entry, successor->disk, nullptr, s, out);
  }
  FeedSources(s, entry, out);
  AddPending(s, entry, s.last_record + 1);
  Append(s, out, AppendEntry{std::move(entry)});
}

void AddPending(ReplicaState& s, const Entry& entry, uint64_t record) {
  LayerId& newest = s.newest_layer[entry.place.lineage];
  newest = std::max(newest, entry.place.layer);
  if (entry.number != 0) {
    SessionState& session = FindSession(s, entry.session);
    session.highest_seen = std::max(session.highest_seen, entry.number);
  }
  s.pending.push_back({.version = entry.version,
                       .record = record,
                       .session = entry.session,
                       .number = entry.number,
                       .answered_below = entry.answered_below,
                       .place = entry.place});
}

}  // namespace storpool::chain
