// The tail as the source of a resync (design 5.6): a stream of every entry above its W at the
// beginning and of every new one, and beside it a scan, chunk by chunk, of what is committed above
// the target's bases. Commits never wait for a target. Blocks that are damaged here are brought
// from other mirrors; a chunk is not ended for the target while one of its blocks is lost (4.12).
// Targets that have nothing take turns: each that is promoted begins an epoch, which ends the
// sessions of the others, and what they had of a chunk would have been sent in vain.
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

// Between two scans of what is lost; each time twice as long.
constexpr Duration kRescanFirst = Duration::Seconds(1);
constexpr Duration kRescanMax = Duration::Seconds(60);
// What a target may be behind; beyond it its stream costs more memory than its return is worth.
constexpr uint64_t kStreamBytesMax = uint64_t{64} << 20;
// A target that is silent for so long, or not promoted, lets the next one have its turn.
constexpr Duration kTurn = Duration::Seconds(2);
// A disk that makes nothing durable for so long hangs. It must not hold what all resyncs of this
// node may have on their way; its member does not begin again before the disk goes on.
constexpr Duration kHung = Duration::Seconds(10);

SyncSource* FindSource(ReplicaState& s, DiskId target) {
  for (SyncSource& source : s.sync_sources) {
    if (source.target == target) return &source;
  }
  return nullptr;
}

Version BaseOf(const SyncSource& source, const ChunkKey& chunk) {
  const auto it = source.chunk_bases.find(chunk);
  return it == source.chunk_bases.end() ? source.base : it->second;
}

Version LowestBaseOf(const SyncSource& source) {
  Version lowest = source.base;
  for (const auto& [chunk, base] : source.chunk_bases) lowest = std::min(lowest, base);
  return lowest;
}

// The store reads for it: what there is to scan, or a step of it.
bool IsReading(const ChunkWalk& walk) { return walk.list_query != 0 || walk.scan_query != 0; }

// When `source` may begin, as things stand: Instant::Max() while the store scans for another one.
// A damaged block may be waited for as long as a mirror is away: that passes the turn on. One that
// returns with most of its data does not wait for those that begin anew.
Instant TurnOf(const ReplicaState& s, const SyncSource& source) {
  Instant turn;
  if (source.base != Version()) return turn;
  for (const SyncSource& other : s.sync_sources) {
    if (!other.begun) continue;
    turn = std::max(turn, IsReading(other.walk) ? Instant::Max() : other.progress_at + kTurn);
  }
  return turn;
}

// Every chunk has been scanned. Those with lost blocks will be again; the target goes on syncing.
void EndPass(ReplicaState& s, SyncSource& source, Instant now, Effects& out) {
  if (source.unfinished.empty()) {
    source.scan_ended = true;
    out.Add(Send{source.target, wire::SyncScanEnd{s.CommonTo(source.target), source.session}});
    return;
  }
  source.rescan_delay = std::clamp(source.rescan_delay * 2, kRescanFirst, kRescanMax);
  source.rescan_at = now + source.rescan_delay;
  out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " + std::to_string(source.target.value()) +
                " cannot be resynced to the end: " + source.lost +
                " is damaged here and no other mirror has it (" +
                std::to_string(source.unfinished.size()) +
                " chunks have such blocks); write over it, or bring the mirror back that has it"});
}

// The next step of the scan, as far as the target's acknowledgements allow.
void ScanOn(ReplicaState& s, SyncSource& source, Instant now, Effects& out) {
  ChunkWalk& walk = source.walk;
  const bool waits = IsReading(walk) || walk.repair != 0;
  if (waits || source.scan_ended || source.rescan_at != Instant::Max()) return;
  if (source.scan_bytes_sent - source.scan_bytes_durable >= kSyncScanBytesInFlight) return;
  if (walk.next == walk.chunks.size()) return EndPass(s, source, now, out);
  const ChunkKey& chunk = walk.chunks[walk.next].chunk;
  walk.scan_query = ++s.last_query;
  out.Add(StoreScan{walk.scan_query, chunk, BaseOf(source, chunk), walk.cursor,
                    /*of_resync=*/true});
}

// Something was read, and sent.
void Progressed(SyncSource& source, Instant now) {
  source.progress_at = now;
  if (source.look_at == Instant::Max()) source.look_at = now + kHung;
}

// False: the target hangs, and its session has ended.
bool LookAfter(ReplicaState& s, SyncSource& source, Instant now, Effects& out) {
  const bool waits = source.scan_bytes_durable < source.scan_bytes_sent;
  source.look_at = waits ? source.progress_at + kHung : Instant::Max();
  if (now < source.look_at) return true;
  const DiskId target = source.target;
  out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " + std::to_string(target.value()) +
                " does not make durable what it is sent: its resync waits for the disk"});
  EndSource(s, target, "the target makes nothing durable", out);
  return false;
}

// At once, and again in case it is lost; not with every write that the target acknowledges.
void Announce(SyncSource& source, Instant now, Effects& out) {
  source.announce_at = now + Duration::Millis(kMemberRetryMs);
  out.Add(Promotable{source.target, source.complete_up_to, source.session});
}

void SendScanned(const ReplicaState& s, SyncSource& source, Entry&& entry, Effects& out) {
  entry.arrival = Arrival::kCommitted;
  source.scan_bytes_sent += ScanBytes(entry);
  source.chunk_bytes_sent += entry.payload.size();
  out.Add(Send{source.target,
               wire::SyncScan{s.CommonTo(source.target), source.session, std::move(entry)}});
}

// A chunk with lost blocks does not end for the target, which so keeps its base: it must never be
// taken for complete. All else of it has been sent.
void EndChunk(ReplicaState& s, SyncSource& source, Effects& out) {
  ChunkWalk& walk = source.walk;
  const ChunkSize& done = walk.chunks[walk.next++];
  const uint64_t lost_bytes =
      std::min<uint64_t>(done.data_bytes, uint64_t{walk.lost_blocks} * kBlockBytes);
  source.unscanned_bytes -= done.data_bytes - lost_bytes;
  source.chunk_bytes_sent = 0;
  if (walk.lost_blocks == 0) {
    out.Add(Send{source.target, wire::SyncChunkEnd{s.CommonTo(source.target), source.session,
                                                   done.chunk, walk.line_version}});
    return;
  }
  source.lost = Describe(done.chunk, walk.lost);
  source.unfinished.push_back({done.chunk, lost_bytes});
  source.chunk_bases[done.chunk] = Version::FromRaw(walk.lost.version.raw() - 1);
  walk.lost_blocks = 0;
}

void EndStep(ReplicaState& s, SyncSource& source, Instant now, Effects& out) {
  if (RepairStep(s, source.walk, now, out)) return;
  if (source.walk.at_end) EndChunk(s, source, out);
  ScanOn(s, source, now, out);
}

void Begin(ReplicaState& s, SyncSource& source, Instant now, Effects& out) {
  source.begun = true;
  source.progress_at = now;
  source.stream_base = s.committed;
  ForSessionPieces(s, [&](auto windows, auto raises, bool more) {
    out.Add(Send{source.target,
                 wire::SyncBegin{s.CommonTo(source.target), source.session, more,
                                 source.stream_base, std::move(windows), std::move(raises)}});
  });
  ReadFeed(s, source.feed, source.stream_base, out);  // pending ones first (R4)
  source.walk.list_query = ++s.last_query;
  out.Add(StoreListChunks{source.walk.list_query, LowestBaseOf(source)});
}

}  // namespace

void FeedSources(ReplicaState& s, const Entry& entry, Effects& out) {
  for (size_t i = 0; i < s.sync_sources.size();) {
    SyncSource& source = s.sync_sources[i];
    if (source.begun) {
      source.stream_bytes += entry.payload.size();
      source.streamed.push_back({entry.version, source.stream_bytes});
      const uint64_t behind = source.stream_bytes - source.stream_bytes_durable;
      if (source.streamed.size() > kSyncStreamEntriesMax || behind > kStreamBytesMax) {
        EndSource(s, source.target, "the target does not keep up", out);
        continue;
      }
      FeedEntry(source.feed, entry, source.target, &source.session, s, out);
    }
    ++i;
  }
}

void OnSyncOpen(ReplicaState& s, const wire::SyncOpen& open, Instant now, Effects& out) {
  const DiskId target = open.common.from;
  const model::Member* member = s.named().Find(target);
  if (!s.opened() || !s.is_tail() || member == nullptr) return;
  if (member->role != model::Role::kSyncing || open.session.source != s.self.incarnation) return;
  SyncSource* source = FindSource(s, target);
  if (source == nullptr) source = &s.sync_sources.emplace_back();
  if (source->session != open.session) {
    *source = SyncSource();
    source->target = target;
    source->session = open.session;
    source->base = open.base;
  }
  if (source->begun) return;
  source->chunk_bases.insert(open.chunk_bases.begin(), open.chunk_bases.end());
  if (open.more) return;
  if (source->base != Version() && LowestBaseOf(*source) < s.horizon) {  // 5.5g
    return EndSource(s, target, "its base is below the chain's horizon: it must be discarded", out);
  }
  source->asked = true;
  if (now >= TurnOf(s, *source)) Begin(s, *source, now, out);
}

void OnSyncAck(ReplicaState& s, const wire::SyncAck& ack, Instant now, Effects& out) {
  SyncSource* source = FindSource(s, ack.common.from);
  if (source == nullptr || source->session != ack.session) return;
  while (!source->streamed.empty() && source->streamed.front().version <= ack.stream_durable) {
    source->stream_bytes_durable = source->streamed.front().total_bytes;
    source->streamed.pop_front();
  }
  const uint64_t scan_bytes_durable = std::min(source->scan_bytes_sent, ack.scan_bytes_durable);
  if (scan_bytes_durable > source->scan_bytes_durable) source->progress_at = now;
  source->scan_bytes_durable = scan_bytes_durable;
  if (ack.lacks_nothing && source->scan_ended) {
    source->complete_up_to = ack.stream_durable;
    if (source->announce_at == Instant::Max()) Announce(*source, now, out);
  }
  ScanOn(s, *source, now, out);
}

void EndSource(ReplicaState& s, DiskId target, std::string reason, Effects& out) {
  const SyncSource* source = FindSource(s, target);
  if (source == nullptr) return;
  out.Add(Send{target, wire::SyncEnd{s.CommonTo(target), source->session, std::move(reason)}});
  std::erase_if(s.sync_sources, [&](const SyncSource& x) { return x.target == target; });
}

void OnSyncEndAtSource(ReplicaState& s, const wire::SyncEnd& end) {
  std::erase_if(s.sync_sources, [&](const SyncSource& x) {
    return x.target == end.common.from && x.session == end.session;
  });
}

bool OnSyncChunks(ReplicaState& s, uint64_t id, std::vector<ChunkSize>& chunks, Instant now,
                  Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    if (source.walk.list_query != id) continue;
    source.walk.list_query = 0;
    source.progress_at = now;
    source.walk.chunks = std::move(chunks);
    for (const ChunkSize& c : source.walk.chunks) source.unscanned_bytes += c.data_bytes;
    ScanOn(s, source, now, out);
    return true;
  }
  return false;
}

bool OnSyncScan(ReplicaState& s, StoreScanResult& result, Instant now, Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    if (source.walk.scan_query != result.id) continue;
    source.walk.scan_query = 0;
    Progressed(source, now);
    if (!result.ok) return true;
    for (Entry& entry : result.entries) SendScanned(s, source, std::move(entry), out);
    TakeStep(source.walk, result);
    EndStep(s, source, now, out);
    return true;
  }
  return false;
}

bool OnSyncRepaired(ReplicaState& s, uint64_t repair, const Entry* entry, Instant now,
                    Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    if (source.walk.repair != repair) continue;
    if (entry != nullptr) SendScanned(s, source, Entry(*entry), out);
    EndRepair(source.walk, entry);
    Progressed(source, now);
    EndStep(s, source, now, out);
    return true;
  }
  return false;
}

Instant NextOfSources(const ReplicaState& s) {
  Instant next = Instant::Max();
  for (const SyncSource& source : s.sync_sources) {
    const bool waits = source.asked && !source.begun;
    next = std::min(next, waits ? TurnOf(s, source)
                                : std::min({source.rescan_at, source.look_at, source.announce_at}));
  }
  return next;
}

void SourcesDue(ReplicaState& s, Instant now, Effects& out) {
  for (size_t i = 0; i < s.sync_sources.size();) {
    SyncSource& source = s.sync_sources[i];
    if (now >= source.look_at && !LookAfter(s, source, now, out)) continue;
    ++i;
    if (source.asked && !source.begun && now >= TurnOf(s, source)) Begin(s, source, now, out);
    if (now >= source.announce_at) Announce(source, now, out);
    if (now < source.rescan_at) continue;
    source.rescan_at = Instant::Max();
    source.walk.chunks = std::move(source.unfinished);
    source.walk.next = 0;
    source.unfinished.clear();
    ScanOn(s, source, now, out);
  }
}

absl::InlinedVector<ResyncStatus, 1> Resyncs(const ReplicaState& s) {
  absl::InlinedVector<ResyncStatus, 1> resyncs;
  for (const SyncSource& source : s.sync_sources) {
    if (!source.begun || source.walk.list_query != 0) continue;  // how much there is, is not known
    const uint64_t unsent =
        source.unscanned_bytes - std::min(source.unscanned_bytes, source.chunk_bytes_sent);
    const uint64_t under_way = source.scan_bytes_sent - source.scan_bytes_durable;
    resyncs.push_back({source.target, source.scan_bytes_durable, unsent + under_way});
  }
  return resyncs;
}

bool OnSyncPending(ReplicaState& s, StorePendingResult& result, Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    if (source.feed.query != result.id) continue;
    if (result.ok) {
      ResumeFeed(s, source.feed, source.target, &source.session, std::move(result.entries), out);
    }
    return true;
  }
  return false;
}

}  // namespace storpool::chain
