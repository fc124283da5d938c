// The tail as the source of a resync (design 5.6): a stream of every entry above its W at the
// beginning and of every new one, and beside it a scan, chunk by chunk, of what is committed above
// the target's bases. Commits never wait for a target.
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

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

// The next step of the scan, as far as the target's acknowledgements allow.
void ScanOn(ReplicaState& s, SyncSource& source, Effects& out) {
  ChunkWalk& walk = source.walk;
  if (walk.list_query != 0 || walk.scan_query != 0 || source.scan_ended) return;
  if (source.scan_bytes_sent - source.scan_bytes_durable >= kSyncScanBytesInFlight) return;
  if (walk.next == walk.chunks.size()) {
    source.scan_ended = true;
    out.Add(Send{source.target, wire::SyncScanEnd{s.CommonTo(source.target), source.session}});
    return;
  }
  const ChunkKey& chunk = walk.chunks[walk.next].chunk;
  walk.scan_query = ++s.last_query;
  out.Add(StoreScan{walk.scan_query, chunk, BaseOf(source, chunk), walk.cursor});
}

void Begin(ReplicaState& s, SyncSource& source, Effects& out) {
  source.begun = true;
  source.stream_base = source.stream_durable = s.committed;
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
    const uint32_t durable =
        source.stream_durable.epoch() == s.epoch ? source.stream_durable.sequence() : 0;
    if (source.begun && entry.version.sequence() - durable > kSyncStreamEntriesMax) {
      EndSource(s, source.target, "the target does not keep up", out);
      continue;
    }
    if (source.begun) FeedEntry(source.feed, entry, source.target, &source.session, s, out);
    ++i;
  }
}

void OnSyncOpen(ReplicaState& s, const wire::SyncOpen& open, Effects& out) {
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
  Begin(s, *source, out);
}

void OnSyncAck(ReplicaState& s, const wire::SyncAck& ack, Effects& out) {
  SyncSource* source = FindSource(s, ack.common.from);
  if (source == nullptr || source->session != ack.session) return;
  source->stream_durable = std::max(source->stream_durable, ack.stream_durable);
  source->scan_bytes_durable = std::min(source->scan_bytes_sent, ack.scan_bytes_durable);
  if (ack.lacks_nothing && source->scan_ended) {
    out.Add(Promotable{source->target, ack.stream_durable, source->session});
  }
  ScanOn(s, *source, out);
}

void EndSource(ReplicaState& s, DiskId target, std::string reason, Effects& out) {
  const SyncSource* source = FindSource(s, target);
  if (source == nullptr) return;
  out.Add(Send{target, wire::SyncEnd{s.CommonTo(target), source->session, std::move(reason)}});
  std::erase_if(s.sync_sources, [&](const SyncSource& x) { return x.target == target; });
}

void OnSyncEndAtSource(ReplicaState& s, const wire::SyncEnd& end, Effects& out) {
  (void)out;
  std::erase_if(s.sync_sources, [&](const SyncSource& x) {
    return x.target == end.common.from && x.session == end.session;
  });
}

bool OnSyncChunks(ReplicaState& s, uint64_t id, std::vector<ChunkSize>& chunks, Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    if (source.walk.list_query != id) continue;
    source.walk.list_query = 0;
    source.walk.chunks = std::move(chunks);
    for (const ChunkSize& c : source.walk.chunks) source.unscanned_bytes += c.data_bytes;
    ScanOn(s, source, out);
    return true;
  }
  return false;
}

bool OnSyncScan(ReplicaState& s, StoreScanResult& result, Effects& out) {
  for (SyncSource& source : s.sync_sources) {
    ChunkWalk& walk = source.walk;
    if (walk.scan_query != result.id) continue;
    walk.scan_query = 0;
    if (!result.ok) return true;
    for (Entry& entry : result.entries) {
      entry.arrival = Arrival::kCommitted;
      source.scan_bytes_sent += ScanBytes(entry);
      source.chunk_bytes_sent += entry.payload.size();
      out.Add(Send{source.target,
                   wire::SyncScan{s.CommonTo(source.target), source.session, std::move(entry)}});
    }
    walk.cursor = result.at_end ? 0 : result.cursor;
    if (result.at_end) {
      const ChunkSize& done = walk.chunks[walk.next++];
      source.unscanned_bytes -= done.data_bytes;
      source.chunk_bytes_sent = 0;
      out.Add(Send{source.target, wire::SyncChunkEnd{s.CommonTo(source.target), source.session,
                                                     done.chunk, result.line_version}});
    }
    ScanOn(s, source, out);
    return true;
  }
  return false;
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
