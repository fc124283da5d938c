// Fetching: a promoted member brings itself up to T before its epoch may open (design 5.5c, R16).
// It asks one that served: committed entries above F by a scan, then pending ones, in order, then
// windows and minimum generations, which it must know before it may serve (R20a).
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

std::vector<DiskId> Sources(const ReplicaState& s) {
  std::vector<DiskId> sources;
  s.ForOtherServing([&](DiskId disk) {
    if (s.config.last_opened.IsServing(disk)) sources.push_back(disk);
  });
  return sources;
}

FetchServe* FindServe(ReplicaState& s, uint64_t FetchServe::*query, uint64_t id) {
  for (FetchServe& serve : s.fetch_serves) {
    if (serve.*query == id) return &serve;
  }
  return nullptr;
}

void SendEntries(ReplicaState& s, const FetchServe& serve, std::vector<Entry>& entries,
                 Arrival arrival, Effects& out) {
  for (Entry& entry : entries) {
    if (entry.version <= serve.above || entry.version > serve.up_to) continue;
    entry.arrival = arrival;
    out.Add(Send{serve.target, wire::FetchEntry{s.CommonTo(serve.target), std::move(entry)}});
  }
}

// The next chunk's scan, or, when all are done, what is pending.
void NextStep(ReplicaState& s, FetchServe& serve, Effects& out) {
  if (serve.walk.next < serve.walk.chunks.size()) {
    serve.walk.scan_query = ++s.last_query;
    out.Add(StoreScan{serve.walk.scan_query, serve.walk.chunks[serve.walk.next].chunk, serve.above,
                      serve.walk.cursor});
    return;
  }
  serve.walk.scan_query = 0;
  serve.pending_query = ++s.last_query;
  out.Add(StorePendingAbove{serve.pending_query, s.committed});
}

// What is damaged here is asked from the others before the walk goes on. If nobody has it the
// target cannot be brought up to T, and the epoch must open without it (R12).
void EndStep(ReplicaState& s, FetchServe& serve, Instant now, Effects& out) {
  ChunkWalk& walk = serve.walk;
  if (RepairStep(s, walk, now, out)) return;
  if (walk.lost_blocks > 0) {
    const DiskId target = serve.target;
    out.Add(LevelFailed{s.epoch, target,
                        "chain " + ToString(s.chain) + ": disk " + std::to_string(target.value()) +
                            " lacks " + Describe(walk.chunks[walk.next].chunk, walk.lost) +
                            ", which no mirror has undamaged"});
    std::erase_if(s.fetch_serves, [&](const FetchServe& f) { return f.target == target; });
    return;
  }
  if (walk.at_end) ++walk.next;
  NextStep(s, serve, out);
}

}  // namespace

DiskId FetchSource(const ReplicaState& s) {
  const std::vector<DiskId> sources = Sources(s);
  return sources.empty() ? s.self.disk : sources[s.change.fetch_attempts % sources.size()];
}

void StartFetch(ReplicaState& s, Effects& out) {
  s.change.fetched = false;
  const Version above = std::min(s.complete_up_to, *s.change.level);
  const Version keep = std::max(s.committed, above);
  if (!s.pending.empty() && s.pending.back().version > keep) {  // of an attempt that broke off
    DropPendingAbove(s, keep);
    s.change.level_record = Append(s, out, AppendVoid{keep, s.epoch});
  }
  const DiskId to = FetchSource(s);
  out.Add(Send{to, wire::Fetch{s.CommonTo(to), above, *s.change.level}});
}

void OnFetch(ReplicaState& s, const wire::Fetch& fetch, Effects& out) {
  if (s.role != Role::kServing || !s.ServesIn(s.config.last_opened)) return;
  const DiskId target = fetch.common.from;
  std::erase_if(s.fetch_serves, [&](const FetchServe& f) { return f.target == target; });
  FetchServe& serve = s.fetch_serves.emplace_back();
  serve.target = target;
  serve.above = fetch.above;
  serve.up_to = fetch.up_to;
  serve.walk.list_query = ++s.last_query;
  out.Add(StoreListChunks{serve.walk.list_query, fetch.above});
}

bool OnFetchChunks(ReplicaState& s, uint64_t id, std::vector<ChunkSize>& chunks, Effects& out) {
  for (FetchServe& serve : s.fetch_serves) {
    if (serve.walk.list_query != id) continue;
    serve.walk.chunks = std::move(chunks);
    NextStep(s, serve, out);
    return true;
  }
  return false;
}

bool OnFetchScan(ReplicaState& s, StoreScanResult& result, Instant now, Effects& out) {
  for (FetchServe& serve : s.fetch_serves) {
    if (serve.walk.scan_query != result.id) continue;
    if (!result.ok) return true;
    SendEntries(s, serve, result.entries, Arrival::kCommitted, out);
    TakeStep(serve.walk, result);
    EndStep(s, serve, now, out);
    return true;
  }
  return false;
}

bool OnFetchRepaired(ReplicaState& s, uint64_t repair, const Entry* entry, Instant now,
                     Effects& out) {
  for (FetchServe& serve : s.fetch_serves) {
    if (serve.walk.repair != repair) continue;
    std::vector<Entry> brought;
    if (entry != nullptr) brought.push_back(*entry);
    SendEntries(s, serve, brought, Arrival::kCommitted, out);
    EndRepair(serve.walk, entry);
    EndStep(s, serve, now, out);
    return true;
  }
  return false;
}

bool OnFetchPending(ReplicaState& s, StorePendingResult& result, Effects& out) {
  FetchServe* serve = FindServe(s, &FetchServe::pending_query, result.id);
  if (serve == nullptr) return false;
  if (!result.ok) return true;
  SendEntries(s, *serve, result.entries, Arrival::kPending, out);
  const DiskId to = serve->target;
  ForSessionPieces(s, [&](auto windows, auto raises, bool more) {
    out.Add(Send{to, wire::FetchEnd{s.CommonTo(to), serve->up_to, more, std::move(windows),
                                    std::move(raises)}});
  });
  std::erase_if(s.fetch_serves, [&](const FetchServe& f) { return f.target == to; });
  return true;
}

void OnFetchEntry(ReplicaState& s, wire::FetchEntry&& fetched, Effects& out) {
  if (s.role != Role::kServing || s.opened() || s.change.fetched || !s.change.level) return;
  if (fetched.common.from != FetchSource(s)) return;
  Entry& entry = fetched.entry;
  if (entry.version > *s.change.level) return;
  const Version last = s.pending.empty() ? s.committed : s.pending.back().version;
  // What the source holds as pending may be known here as committed: its W lags.
  const bool pending = entry.arrival == Arrival::kPending && entry.version > s.committed;
  if (pending && entry.version <= last) return;
  if (!pending && entry.number != 0) {
    SessionState& session = FindSession(s, entry.session);
    session.window.Commit(entry.number);
    session.highest_seen = std::max(session.highest_seen, entry.number);
    Append(s, out, AppendWindow{entry.session, session.window});
  }
  entry.arrival = pending ? Arrival::kPending : Arrival::kCommitted;
  if (pending) {
    AddPending(s, entry, s.last_record + 1);
  }
  s.change.level_record = Append(s, out, AppendEntry{std::move(entry)});
}

void OnFetchEnd(ReplicaState& s, const wire::FetchEnd& end, Effects& out) {
  if (s.role != Role::kServing || s.opened() || s.change.fetched || !s.change.level) return;
  if (end.common.from != FetchSource(s) || end.up_to != *s.change.level) return;
  TakeSessions(s, end.windows, end.min_generations, out);
  if (end.more) return;
  s.change.fetched = true;
  s.change.level_record = s.last_record;
  LeveledIfDurable(s, out);
}

}  // namespace storpool::chain
