// A syncing member (design 5.6). Streamed entries are pending until the source's W passes them and
// displace nothing before (R5); scanned ones are committed on arrival. When a session ends early
// the pending ones are voided and what is committed stays; progress is a durable base per chunk.
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

// Between two sessions of a target that is full: each sends again what stands of a chunk already.
constexpr Duration kFullRetry = Duration::Seconds(2);

DiskId Source(const ReplicaState& s) { return s.named().tail().disk; }

bool IsOurs(const ReplicaState& s, const wire::SyncSession& session) {
  return s.role == Role::kSyncing && session == s.sync_target.session &&
         (s.sync_target.stage == SyncTarget::Stage::kOpening ||
          s.sync_target.stage == SyncTarget::Stage::kRunning);
}

void EndSession(ReplicaState& s, std::string reason, Instant now, Effects& out) {
  const DiskId to = Source(s);
  out.Add(Send{to, wire::SyncEnd{s.CommonTo(to), s.sync_target.session, std::move(reason)}});
  BreakSync(s, out);
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
}

void AskRoom(ReplicaState& s, Effects& out) {
  if (s.sync_target.room_asked) return;
  s.sync_target.room_asked = true;
  out.Add(Reserve{RoomFor::kSync, kCreditPieceBytesMax});
}

// Takes room for `entry`. False: the disk is full, and the session ends rather than that it delays
// commits, or takes what others were promised (4.11).
bool TakeRoom(ReplicaState& s, const Entry& entry, Instant now, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (entry.payload.size() > sync.room_bytes) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " + std::to_string(s.self.disk.value()) +
                  " is too full to be resynced"});
    s.sync_from = now + kFullRetry;
    EndSession(s, "the target is full", now, out);
    return false;
  }
  sync.room_bytes -= entry.payload.size();
  if (sync.room_bytes < kCreditLowBytes) AskRoom(s, out);
  return true;
}

void SendOpen(ReplicaState& s, Effects& out) {
  SyncTarget& sync = s.sync_target;
  const DiskId to = Source(s);
  sync.stage = SyncTarget::Stage::kOpening;
  sync.session = {s.connected.at(to).incarnation, s.self.incarnation, ++sync.sessions_opened};
  auto it = s.chunk_bases.begin();
  do {
    wire::SyncOpen open{s.CommonTo(to), sync.session, false, s.base, {}};
    while (it != s.chunk_bases.end() && open.chunk_bases.size() < kChunkBasesPerFrame) {
      open.chunk_bases.push_back(*it++);
    }
    open.more = it != s.chunk_bases.end();
    out.Add(Send{to, std::move(open)});
  } while (it != s.chunk_bases.end());
}

Version NextInStream(const ReplicaState& s) {
  const Version last = s.sync_target.stream_received;
  return Version(s.epoch, last.epoch() == s.epoch ? last.sequence() + 1 : 1);
}

bool KnowsLine(const SyncTarget& sync, const wire::SyncChunkEnd& end) {
  const auto line = sync.lines.find(end.chunk.lineage);
  return line != sync.lines.end() && end.line_version <= line->second;
}

// A chunk counts as scanned when its entries are durable and its line is known here (S7).
void CountChunks(ReplicaState& s, Effects& out) {
  SyncTarget& sync = s.sync_target;
  while (!sync.chunks.empty() && KnowsLine(sync, sync.chunks.front().end) &&
         sync.chunks.front().record <= s.durable_record) {
    const ChunkKey chunk = sync.chunks.front().end.chunk;
    sync.chunks.pop_front();
    if (s.chunk_bases.contains(chunk) || s.base < sync.stream_base) {
      s.chunk_bases[chunk] = sync.stream_base;  // R6
      Append(s, out, AppendChunkBase{chunk, sync.stream_base});
    }
  }
  if (!sync.scan_ended || !sync.chunks.empty() || sync.complete) return;
  sync.complete = true;
  s.base = sync.stream_base;
  s.chunk_bases.clear();
  s.base_record = Append(s, out, AppendBase{s.base});
  s.complete_up_to = sync.stream_durable;
  sync.complete_record = Append(s, out, AppendCompleteUpTo{s.complete_up_to});
}

void Acknowledge(ReplicaState& s, Effects& out) {
  SyncTarget& sync = s.sync_target;
  const bool lacks_nothing = sync.complete && sync.complete_record <= s.durable_record;
  if (sync.stream_durable == sync.acked.stream_durable &&
      sync.scan_bytes_durable == sync.acked.scan_bytes_durable &&
      lacks_nothing == sync.acked.lacks_nothing) {
    return;
  }
  const DiskId to = Source(s);
  sync.acked = {s.CommonTo(to), sync.session, sync.stream_durable, sync.scan_bytes_durable,
                lacks_nothing};
  out.Add(Send{to, sync.acked});
  if (!lacks_nothing || sync.announced) return;
  sync.announced = true;
  out.Add(Promotable{s.self.disk, s.complete_up_to, sync.session});
}

}  // namespace

Version LowestBase(const ReplicaState& s) {
  if (!s.has_base) return s.committed;
  Version lowest = s.base;
  for (const auto& [chunk, base] : s.chunk_bases) lowest = std::min(lowest, base);
  return lowest;
}

// A base that was raised counts when its record is durable; until then nothing is claimed.
std::optional<Version> DurableBase(const ReplicaState& s) {
  if (!s.has_base) return std::nullopt;
  return s.base_record <= s.durable_record ? LowestBase(s) : Version();
}

void StartSync(ReplicaState& s, Instant now, Effects& out) {
  if (s.role != Role::kSyncing || !s.change.adopted) return;
  if (s.sync_target.stage != SyncTarget::Stage::kIdle) return;
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
  if (!s.connected.contains(Source(s)) || now < s.sync_from) return;
  if (s.durable_record < s.last_record) return;  // what a former session brought: the disk may hang
  s.sync_target.stage = SyncTarget::Stage::kRoom;
  AskRoom(s, out);
}

void OnSyncRoom(ReplicaState& s, uint64_t bytes, bool granted, Instant now, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (!sync.room_asked) {  // of a session that is over
    if (granted) out.Add(ReturnRoom{bytes});
    return;
  }
  sync.room_asked = false;
  if (granted) sync.room_bytes += bytes;
  if (sync.stage != SyncTarget::Stage::kRoom) return;
  if (granted && s.connected.contains(Source(s))) return SendOpen(s, out);
  if (!granted) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": no room on disk " +
                  std::to_string(s.self.disk.value()) + " to be resynced"});
    s.sync_from = now + kFullRetry;
  }
  BreakSync(s, out);
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
}

void OnSyncBegin(ReplicaState& s, const wire::SyncBegin& begin, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (!IsOurs(s, begin.session) || sync.stage != SyncTarget::Stage::kOpening) return;
  TakeSessions(s, begin.windows, begin.min_generations, out);
  if (begin.more) return;
  SP_CHECK(s.pending.empty());
  sync.stage = SyncTarget::Stage::kRunning;
  sync.stream_base = sync.stream_received = sync.stream_durable = begin.stream_base;
  CommitUpTo(s, begin.stream_base, false, out);
}

void OnSyncStream(ReplicaState& s, wire::SyncStream&& stream, Instant now, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (!IsOurs(s, stream.session) || sync.stage != SyncTarget::Stage::kRunning) return;
  Entry& entry = stream.entry;
  if (entry.version <= sync.stream_received) return;
  if (entry.version != NextInStream(s)) return EndSession(s, "the stream has a hole", now, out);
  if (!TakeRoom(s, entry, now, out)) return;
  sync.stream_received = entry.version;
  entry.arrival = Arrival::kPending;
  AddPending(s, entry, s.last_record + 1);
  Append(s, out, AppendEntry{std::move(entry)});
}

void OnSyncScanned(ReplicaState& s, wire::SyncScan&& scan, Instant now, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (!IsOurs(s, scan.session) || sync.stage != SyncTarget::Stage::kRunning) return;
  if (!TakeRoom(s, scan.entry, now, out)) return;
  sync.scan_bytes_received += ScanBytes(scan.entry);
  scan.entry.arrival = Arrival::kCommitted;
  scan.entry.number = 0;
  const uint64_t record = Append(s, out, AppendEntry{std::move(scan.entry)});
  sync.unscanned.push_back({record, sync.scan_bytes_received});
}

void OnSyncChunkEnd(ReplicaState& s, const wire::SyncChunkEnd& end, Effects& out) {
  if (!IsOurs(s, end.session) || s.sync_target.stage != SyncTarget::Stage::kRunning) return;
  s.sync_target.chunks.push_back({end, s.last_record});
  // Once a line: of a volume that was trimmed very many chunks may be on their way.
  if (KnowsLine(s.sync_target, end)) return AdvanceSync(s, out);
  out.Add(NeedLine{end.chunk.lineage, end.line_version});
}

void OnLineKnown(ReplicaState& s, const model::Line& line, Effects& out) {
  if (s.role != Role::kSyncing || s.sync_target.stage != SyncTarget::Stage::kRunning) return;
  LineVersion& newest = s.sync_target.lines[line.lineage];
  newest = std::max(newest, line.version);
  AdvanceSync(s, out);
}

void OnSyncScanEnd(ReplicaState& s, const wire::SyncScanEnd& end, Effects& out) {
  if (!IsOurs(s, end.session) || s.sync_target.stage != SyncTarget::Stage::kRunning) return;
  s.sync_target.scan_ended = true;
  AdvanceSync(s, out);
}

void OnSourceCommitted(ReplicaState& s, Version committed, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (s.role != Role::kSyncing || sync.stage != SyncTarget::Stage::kRunning) return;
  sync.source_committed = std::max(sync.source_committed, committed);
  // Never beyond what is durable here.
  CommitUpTo(s, std::min(sync.source_committed, sync.stream_durable), false, out);
}

void AdvanceSync(ReplicaState& s, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (s.role != Role::kSyncing || sync.stage != SyncTarget::Stage::kRunning) return;
  if (s.pending_durable > 0) sync.stream_durable = s.pending[s.pending_durable - 1].version;
  while (!sync.unscanned.empty() && sync.unscanned.front().record <= s.durable_record) {
    sync.scan_bytes_durable = sync.unscanned.front().total;
    sync.unscanned.pop_front();
  }
  OnSourceCommitted(s, sync.source_committed, out);
  CountChunks(s, out);
  // Everything up to here is durable here: F, a fact that a crash takes back to what was recorded.
  if (sync.complete) s.complete_up_to = sync.stream_durable;
  Acknowledge(s, out);
}

void OnSyncEndAtTarget(ReplicaState& s, const wire::SyncEnd& end, Instant now, Effects& out) {
  if (!IsOurs(s, end.session)) return;
  BreakSync(s, out);
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
}

void BreakSync(ReplicaState& s, Effects& out) {
  if (s.sync_target.stage == SyncTarget::Stage::kIdle) return;
  LowerCompleteUpTo(s, out);
  if (!s.pending.empty()) {
    DropPendingAbove(s, s.committed);
    Append(s, out, AppendVoid{s.committed, Epoch(s.epoch.value() + 1)});
  }
  ClearSync(s, out);
}

void ClearSync(ReplicaState& s, Effects& out) {
  SyncTarget& sync = s.sync_target;
  if (sync.room_bytes > 0) out.Add(ReturnRoom{sync.room_bytes});
  const uint32_t opened = sync.sessions_opened;
  sync = SyncTarget();
  sync.sessions_opened = opened;
}

void LowerCompleteUpTo(ReplicaState& s, Effects& out) {
  const Version proven = std::max(std::min(s.complete_up_to, s.committed), LowestBase(s));
  if (proven == s.complete_up_to) return;
  s.complete_up_to = proven;
  Append(s, out, AppendCompleteUpTo{proven});
}

void RepeatSync(ReplicaState& s, Instant now, Effects& out) {
  StartSync(s, now, out);
  const SyncTarget& sync = s.sync_target;
  if (s.role != Role::kSyncing || !sync.announced) return;
  out.Add(Promotable{s.self.disk, s.complete_up_to, sync.session});
}

}  // namespace storpool::chain
