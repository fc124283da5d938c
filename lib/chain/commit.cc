// D rises by what is durable here, W by what is durable everywhere; the tail answers
// (5.2.3, 5.2.4).
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

// W travels alone after kCommitSilenceMs, at instants that all chains share: a node that is tail of
// many wakes its peers once for all of them.
Instant SilenceEnds(Instant now) {
  constexpr int64_t kGrid = Duration::Millis(kCommitSilenceMs).nanos();
  return Instant::FromNanos((now.nanos() / kGrid + 2) * kGrid);
}

// Nothing is ever committed by anyone but the tail of an open epoch (5.2.5).
void CommitByReports(ReplicaState& s, Instant now, Effects& out) {
  Version lowest = s.durable;
  for (const Report& report : s.reports) lowest = std::min(lowest, report.durable);
  if (lowest <= s.committed) return;
  CommitUpTo(s, lowest, /*answering=*/true, out);
  if (s.reports.empty() && s.sync_sources.empty()) return;
  if (s.commit_due == Instant::Max()) s.commit_due = SilenceEnds(now);
}

}  // namespace

void AdvanceDurable(ReplicaState& s, Instant now, Effects& out) {
  const size_t before = s.pending_durable;
  while (s.pending_durable < s.pending.size() &&
         s.pending[s.pending_durable].record <= s.durable_record) {
    ++s.pending_durable;
  }
  // From adopting an epoch until it opens D is frozen, whatever becomes durable (5.1, R14).
  if (s.pending_durable == before || !s.opened()) return;
  s.durable = s.pending[s.pending_durable - 1].version;
  if (s.is_tail()) return CommitByReports(s, now, out);
  const DiskId tail = s.named().tail().disk;
  out.Add(Send{tail, wire::Progress{s.CommonTo(tail)}});
}

void OnReport(ReplicaState& s, DiskId from, Version durable, Instant now, Effects& out) {
  if (!s.opened() || !s.is_tail() || durable.epoch() != s.epoch) return;
  for (Report& report : s.reports) {
    if (report.disk != from || durable <= report.durable) continue;
    report.durable = durable;  // never lowered within an epoch (5.3b)
    CommitByReports(s, now, out);
  }
}

void LearnCommitted(ReplicaState& s, Version committed, Effects& out) {
  if (committed <= s.committed || !s.opened() || s.is_tail()) return;
  if (committed > s.durable) {  // the tail commits only what this member has reported (I6)
    out.Add(Alarm{"chain " + ToString(s.chain) + ": W " + ToString(committed) +
                  " is above this member's D " + ToString(s.durable)});
    return;
  }
  CommitUpTo(s, committed, /*answering=*/false, out);
}

void CommitUpTo(ReplicaState& s, Version committed, bool answering, Effects& out) {
  if (committed <= s.committed) return;
  s.committed = committed;
  out.Add(SetCommitted{committed});
  while (!s.pending.empty() && s.pending.front().version <= committed) {
    const PendingEntry& entry = s.pending.front();
    if (entry.number != 0) {
      CommitNumber(s, entry);
      if (answering) {
        const DiskId head = s.named().head().disk;
        wire::RelayAnswer relay;
        relay.common = s.CommonTo(head);
        relay.answer = {s.chain, entry.session, entry.number, wire::Result::kOk};
        const ClientRef client = s.is_head() ? FindSession(s, entry.session).client : 0;
        const uint64_t bytes = uint64_t{entry.place.blocks.count} * kBlockBytes;
        out.Add(AnswerWrite{client, head, std::move(relay), bytes});
      }
    }
    s.pending.pop_front();
    if (s.pending_durable > 0) --s.pending_durable;
  }
  ReportRaised(s, out);  // fewer entries of lower generations are pending (R20)
}

void TellCommitted(ReplicaState& s, Effects& out) {
  s.commit_due = Instant::Max();
  if (!s.opened() || !s.is_tail() || s.told_committed >= s.committed) return;
  s.told_committed = s.committed;
  s.ForOtherServing([&](DiskId to) { out.Add(Send{to, wire::Progress{s.CommonTo(to)}}); });
  for (const SyncSource& source : s.sync_sources) {
    out.Add(Send{source.target, wire::Progress{s.CommonTo(source.target)}});
  }
}

void OnRelayAnswer(ReplicaState& s, const wire::RelayAnswer& relay, Effects& out) {
  const auto session = s.sessions.find(relay.answer.session);
  if (session == s.sessions.end() || session->second.client == 0) return;
  out.Add(AnswerWrite{session->second.client, s.self.disk, relay, 0});
}

void DropPendingAbove(ReplicaState& s, Version level) {
  while (!s.pending.empty() && s.pending.back().version > level) s.pending.pop_back();
  s.pending_durable = std::min(s.pending_durable, s.pending.size());
}

}  // namespace storpool::chain
