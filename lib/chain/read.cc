// Reads at the tail: under promises of the other mirrors, or confirmed by them (design 5.4).
#include <algorithm>
#include <cstring>

#include "lib/chain/steps.h"
#include "lib/model/line_view.h"

namespace storpool::chain {
namespace {

using wire::Result;

// Of each chain, what is read for requests that must wait for a confirmation (design 5.4): a
// request of any size fits. More would stop all clients of the node, who share its memory, for one
// chain that waits.
constexpr uint64_t kKeptBytesMax = kRequestBytesMax;

void Refuse(const ReplicaState& s, ClientRef client, uint64_t number, Result result, Effects& out) {
  wire::ReadAnswer answer;
  answer.chain = s.chain;
  answer.number = number;
  answer.result = result;
  out.Add(AnswerRead{client, std::move(answer)});
  if (result == Result::kWrongEpoch) Hint(s, client, out);
}

// Who asks for what a volume holds now may not know its newest layer yet.
LayerId LayerFor(const wire::ReadRequest& r, const model::Line& line) {
  return r.layer == LayerId() && !line.layers.empty() ? line.newest().id : r.layer;
}

Result CheckRead(const ReplicaState& s, const wire::ReadRequest& r, const model::Line& line) {
  if (r.epoch != s.epoch) return Result::kWrongEpoch;
  if (!s.opened() || !s.is_tail() || s.released) return Result::kNotServing;
  if (IsFenced(s, r.session)) return Result::kFenced;  // the tail, for reads (S3)
  if (line.dropped) return Result::kGone;
  if (r.line_version > line.version) return Result::kStaleLine;
  const model::Layer* layer = line.Find(LayerFor(r, line));
  if (layer == nullptr) return Result::kGone;
  if (r.blocks.count == 0 || r.blocks.count > kRequestBlocksMax) return Result::kBeyondEnd;
  if (r.blocks.first >= kBlocksPerChunk || r.blocks.end() > kBlocksPerChunk) {
    return Result::kBeyondEnd;
  }
  const uint64_t end =
      uint64_t{r.chunk.value()} * kChunkBytes + uint64_t{r.blocks.end()} * kBlockBytes;
  return end >= layer->size_bytes + kBlockBytes ? Result::kBeyondEnd : Result::kOk;
}

// By what the store has, whoever brought it and however long ago: another line than the one that
// this member knows says what the block reads as.
bool IsBeyondLine(const PendingRead& read) {
  return std::ranges::any_of(
      read.results, [&](const BlockResult& found) { return found.layer > read.request.layer; });
}

// May a read be answered now? No newer epoch without this tail can have opened while every other
// serving member has promised not to adopt one (5.4), and none of them named the chain (R1).
bool HasLease(const ReplicaState& s, Instant now) {
  if (s.released) return false;
  bool covered = true;
  bool alone = true;
  s.ForOtherServing([&](DiskId member) {
    alone = false;
    covered = covered && now < s.promises.CoveredUntil(member);
  });
  return alone || (covered && s.promises.NamedAgainst(s.chain) <= s.epoch);
}

bool IsConfirmed(const ReplicaState& s) {
  bool all = true;
  s.ForOtherServing([&](DiskId member) {
    const auto it = s.confirmed.find(member);
    all = all && it != s.confirmed.end() && it->second >= s.confirm_round;
  });
  return all;
}

void AskConfirmation(ReplicaState& s, Instant now, Effects& out) {
  ++s.confirm_round;
  s.confirm_asked = true;
  s.ForOtherServing([&](DiskId to) {
    out.Add(Send{to, wire::Confirm{s.CommonTo(to), s.confirm_round}});
  });
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
}

uint64_t PayloadBytes(const PendingRead& read) {
  return uint64_t{read.request.blocks.count} * kBlockBytes;
}

// False: what is read for it may not stay here while it waits.
bool Keep(ReplicaState& s, PendingRead& read) {
  if (!read.kept && s.kept_bytes + PayloadBytes(read) <= kKeptBytesMax) {
    read.kept = true;
    s.kept_bytes += PayloadBytes(read);
  }
  return read.kept;
}

void ReadStore(uint64_t id, PendingRead& read, Effects& out) {
  read.stage = PendingRead::Stage::kStore;
  // What the volume holds now may stand in a layer that this member has not heard of (4.7).
  out.Add(StoreRead{.id = id,
                    .chunk = {read.request.lineage, read.request.chunk},
                    .line = read.line,
                    .layer = read.newest ? model::LayerSearch::kNewestStored : read.request.layer,
                    .blocks = read.request.blocks});
}

// Those that gave back what was read for them go on, as far as there is room: the others answer, or
// there is a lease. What was confirmed counts for nothing: the data comes after it.
void ReadAgain(ReplicaState& s, Effects& out) {
  while (!s.reads_again.empty()) {
    const uint64_t id = s.reads_again.front();
    PendingRead* read = s.reads.Find(id);
    if (read != nullptr && !Keep(s, *read)) return;
    s.reads_again.pop_front();
    if (read == nullptr) continue;  // refused since
    if (IsFenced(s, read->request.session)) {
      FinishRead(s, id, Result::kFenced, out);
    } else {
      ReadStore(id, *read, out);
    }
  }
}

// What each block is; says how many are data.
uint32_t PackStates(const PendingRead& read, wire::ReadAnswer& answer) {
  answer.blocks = read.request.blocks.count;
  uint32_t data = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    const uint64_t bit = uint64_t{1} << (i % 64);
    if (read.results[i].state == BlockResult::State::kData) {
      answer.data[i / 64] |= bit;
      ++data;
    } else if (read.results[i].state == BlockResult::State::kAbsent &&
               read.request.blocks.first + i < read.foreign_blocks) {
      answer.absent[i / 64] |= bit;
    }
  }
  return data;
}

// The data blocks, moved together; what lies between them is neither here nor sent.
void Pack(PendingRead& read, wire::ReadAnswer& answer, BufferPool& pool) {
  const uint32_t data = PackStates(read, answer);
  if (read.request.states_only || data == 0) return;
  answer.checksums = Checksums(data, pool);
  uint32_t k = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    const BlockResult& block = read.results[i];
    if (block.state != BlockResult::State::kData) continue;
    if (k != i) {
      std::memmove(read.payload.data() + size_t{k} * kBlockBytes,
                   read.payload.data() + size_t{i} * kBlockBytes, kBlockBytes);
    }
    answer.checksums.span()[k++] = block.checksum;
  }
  answer.payload = read.payload.Slice(0, size_t{data} * kBlockBytes);
}

uint32_t BlocksBelow(uint64_t volume_bytes, ChunkIndex chunk) {
  const uint64_t start = uint64_t{chunk.value()} * kChunkBytes;
  if (volume_bytes <= start) return 0;
  const uint64_t blocks = (volume_bytes - start + kBlockBytes - 1) / kBlockBytes;
  return static_cast<uint32_t>(std::min<uint64_t>(blocks, kBlocksPerChunk));
}

}  // namespace

uint32_t ForeignBlocks(const model::Line& line, ChunkIndex chunk) {
  return line.foreign_parent ? BlocksBelow(line.foreign_parent->size_bytes, chunk) : 0;
}

void OnRead(ReplicaState& s, const wire::ReadRequest& r, ClientRef client, const model::Line& line,
            Effects& out) {
  const Result result = CheckRead(s, r, line);
  if (result != Result::kOk) return Refuse(s, client, r.number, result, out);
  const auto [id, read] = s.reads.Take();
  read->client = client;
  read->request = r;
  read->request.layer = LayerFor(r, line);
  read->request.line_version = line.version;
  read->line = line.view;
  read->newest = r.layer == LayerId();
  read->foreign_blocks = ForeignBlocks(line, r.chunk);
  ReadStore(id, *read, out);
}

void OnClientRead(ReplicaState& s, StoreReadResult&& result, Instant now, Effects& out) {
  PendingRead* read = s.reads.Find(result.id);
  if (read == nullptr) return;
  if (!result.ok) return FinishRead(s, result.id, Result::kNotServing, out);
  read->results.assign(result.results.begin(), result.results.end());
  read->payload = std::move(result.payload);
  if (IsBeyondLine(*read)) {
    out.Add(NeedLine{read->request.lineage, LineVersion(read->request.line_version.value() + 1)});
    return FinishRead(s, result.id, Result::kStaleLine, out);
  }
  AnswerOrConfirm(s, result.id, now, out);
}

void AnswerOrConfirm(ReplicaState& s, uint64_t id, Instant now, Effects& out) {
  PendingRead& read = *s.reads.Find(id);
  for (uint32_t i = 0; i < read.results.size(); ++i) {
    if (read.results[i].state != BlockResult::State::kDamaged) continue;
    read.stage = PendingRead::Stage::kRepair;
    return StartRepair(s, id, {read.request.lineage, read.request.chunk}, read.request.layer,
                       read.request.blocks.first + i, read.results[i], now, out);
  }
  if (HasLease(s, now)) {
    FinishRead(s, id, Result::kOk, out);
    return ReadAgain(s, out);
  }
  if (s.released) return FinishRead(s, id, Result::kNotServing, out);
  if (Keep(s, read)) {
    // Only a question that was asked after the read came confirms it.
    read.stage = PendingRead::Stage::kConfirm;
    read.round = s.confirm_round + 1;
  } else {
    read.stage = PendingRead::Stage::kAgain;
    read.results.clear();
    read.payload = Buffer();
    s.reads_again.push_back(id);
  }
  if (!s.confirm_asked) AskConfirmation(s, now, out);
}

void FinishRead(ReplicaState& s, uint64_t id, Result result, Effects& out) {
  PendingRead& read = *s.reads.Find(id);
  if (result != Result::kOk) {
    Refuse(s, read.client, read.request.number, result, out);
  } else {
    wire::ReadAnswer answer;
    answer.chain = s.chain;
    answer.number = read.request.number;
    Pack(read, answer, s.pool);
    out.Add(AnswerRead{read.client, std::move(answer)});
  }
  if (read.kept) s.kept_bytes -= PayloadBytes(read);
  read.kept = false;
  read.payload = Buffer();
  read.line = nullptr;
  s.reads.Free(id);
}

void OnConfirm(ReplicaState& s, const wire::Confirm& confirm, Effects& out) {
  if (s.role != Role::kServing) return;  // a new incarnation takes part in no epoch (5.3b)
  const DiskId to = confirm.common.from;
  wire::ConfirmAnswer answer{confirm.common, confirm.round, s.epoch};
  answer.common.from = s.self.disk;
  answer.common.to = to;
  answer.common.durable = Version();
  answer.common.committed = Version();
  out.Add(Send{to, std::move(answer)});
}

void OnConfirmAnswer(ReplicaState& s, const wire::ConfirmAnswer& answer, Instant now,
                     Effects& out) {
  if (!s.opened() || !s.is_tail()) return;
  if (answer.highest_adopted != s.epoch) return RefuseReads(s, Result::kNotServing, out);
  uint64_t& round = s.confirmed[answer.common.from];
  round = std::max(round, answer.round);
  if (!IsConfirmed(s)) return;
  s.confirm_asked = false;
  bool more = false;
  s.reads.ForEach([&](uint64_t id, PendingRead& read) {
    if (read.stage != PendingRead::Stage::kConfirm) return;
    if (read.round <= s.confirm_round) {
      FinishRead(s, id, Result::kOk, out);
    } else {
      more = true;
    }
  });
  if (more) AskConfirmation(s, now, out);
  ReadAgain(s, out);
}

void RetryReads(ReplicaState& s, bool ask_again, Instant now, Effects& out) {
  if (!s.opened() || !s.is_tail()) return;
  const bool lease = HasLease(s, now);
  bool waiting = !lease && !s.reads_again.empty();
  s.reads.ForEach([&](uint64_t id, PendingRead& read) {
    if (read.stage != PendingRead::Stage::kConfirm) return;
    if (lease) {
      FinishRead(s, id, Result::kOk, out);
    } else {
      waiting = true;
    }
  });
  if (lease) ReadAgain(s, out);
  if (!waiting) s.confirm_asked = false;  // the answer may be lost: who comes next asks anew
  if (waiting && ask_again) AskConfirmation(s, now, out);
}

void RefuseReads(ReplicaState& s, Result result, Effects& out) {
  s.reads.ForEach([&](uint64_t id, PendingRead&) { FinishRead(s, id, result, out); });
  s.reads_again.clear();
}

void RefuseReads(ReplicaState& s, const model::Line& line, Effects& out) {
  s.reads.ForEach([&](uint64_t id, PendingRead& read) {
    if (read.request.lineage != line.lineage) return;
    if (line.dropped || line.Find(read.request.layer) == nullptr) {
      FinishRead(s, id, Result::kGone, out);
    }
  });
}

}  // namespace storpool::chain
