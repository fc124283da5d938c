// Exactly once, and fencing (design 5.8, 5.9).
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

bool IsPending(const ReplicaState& s, const Session& session, uint64_t number) {
  for (size_t i = 0; i < s.pending.size(); ++i) {
    if (s.pending[i].number == number && s.pending[i].session == session) return true;
  }
  return false;
}

// The earlier copy of a request that still waits is refused, if it is, as the newest one: to its
// client a refusal of any other copy means nothing.
bool WaitsAlready(ReplicaState& s, const wire::WriteRequest& repeated) {
  const auto op = std::find_if(s.ingress.begin(), s.ingress.end(), [&](const Ingress& waiting) {
    return waiting.request.number == repeated.number && waiting.request.session == repeated.session;
  });
  if (op == s.ingress.end()) return false;
  op->request.attempt = std::max(op->request.attempt, repeated.attempt);
  return true;
}

bool IsBelow(const Session& session, const model::Raise& raise) {
  return session.volume == raise.volume && session.client == raise.client &&
         session.generation < raise.generation;
}

}  // namespace

uint64_t HighestNumber(const RequestWindow& window) {
  for (uint64_t n = window.mark() + kWindowNumbers - 1; n >= window.mark(); --n) {
    if (window.Find(n) == RequestWindow::State::kCommitted) return n;
  }
  return window.mark() - 1;
}

bool IsFenced(const ReplicaState& s, const Session& session) {
  const auto minimum = s.min_generation.find({session.volume, session.client});
  return minimum != s.min_generation.end() && session.generation < minimum->second;
}

SessionState& FindSession(ReplicaState& s, const Session& session) {
  const auto [it, added] = s.sessions.try_emplace(session);
  if (added) it->second.fenced = IsFenced(s, session);
  return it->second;
}

Admission Admit(ReplicaState& s, const wire::WriteRequest& r, ClientRef client) {
  SessionState& session = FindSession(s, r.session);
  if (session.fenced) return Admission::kFenced;
  session.client = client;  // the answer goes to where the client is now
  const uint64_t mark = std::max(session.window.mark(), r.answered_below);
  if (r.number < mark || r.number - mark >= kWindowNumbers) return Admission::kRefused;
  if (r.number <= session.highest_seen) {  // a repeated request, or one that was overtaken
    if (session.window.Find(r.number) == RequestWindow::State::kCommitted) return Admission::kDone;
    if (IsPending(s, r.session, r.number) || WaitsAlready(s, r)) return Admission::kWaits;
  }
  session.highest_seen = std::max(session.highest_seen, r.number);
  return Admission::kNew;
}

// In the order of versions, in every member alike; the store does the same (R10).
void CommitNumber(ReplicaState& s, const PendingEntry& entry) {
  SessionState& session = FindSession(s, entry.session);
  session.window.RaiseMark(entry.answered_below);
  session.window.Commit(entry.number);
  session.highest_seen = std::max(session.highest_seen, entry.number);
}

uint64_t RaiseMinimum(ReplicaState& s, const model::Raise& raise, Effects& out) {
  Generation& minimum = s.min_generation[{raise.volume, raise.client}];
  if (raise.generation <= minimum) return s.last_record;
  minimum = raise.generation;
  for (auto& [session, state] : s.sessions) {
    if (IsBelow(session, raise)) state.fenced = true;
  }
  // What was not ordered yet never will be.
  std::erase_if(s.ingress, [&](const Ingress& op) {
    if (!IsBelow(op.request.session, raise)) return false;
    AnswerWriteWith(s, op.request, FindSession(s, op.request.session).client, wire::Result::kFenced,
                    out);
    return true;
  });
  return Append(s, out, AppendMinGeneration{raise});
}

void OnRaise(ReplicaState& s, uint64_t id, const std::vector<model::Raise>& raises, Instant now,
             Effects& out) {
  if (s.store_failed) return;
  std::erase_if(s.raise_orders, [&](const auto& order) { return order.id == id; });
  const size_t waiting = s.ingress.size();
  ReplicaState::RaiseOrder order{id, raises, 0};
  for (const model::Raise& raise : raises) {
    order.record = std::max(order.record, RaiseMinimum(s, raise, out));
  }
  s.raise_orders.push_back(std::move(order));
  // What waited for blocks that a fenced request held goes on.
  if (s.ingress.size() < waiting) PumpIngress(s, now, out);
  ReportRaised(s, out);
}

// Counts only in an opened epoch, durable, and with nothing of a lower generation pending (R20).
void ReportRaised(ReplicaState& s, Effects& out) {
  if (s.raise_orders.empty() || !s.opened()) return;
  std::erase_if(s.raise_orders, [&](const ReplicaState::RaiseOrder& order) {
    if (order.record > s.durable_record) return false;
    for (size_t i = 0; i < s.pending.size(); ++i) {
      for (const model::Raise& raise : order.raises) {
        if (IsBelow(s.pending[i].session, raise)) return false;
      }
    }
    out.Add(Raised{order.id, s.epoch});
    return true;
  });
}

// And with it all earlier ones of its client on the volume: nobody says so of those.
void OnEndSession(ReplicaState& s, const Session& last, Effects& out) {
  if (s.store_failed) return;
  auto it = s.sessions.lower_bound({last.volume, last.client, Generation()});
  while (it != s.sessions.end() && it->first <= last) {
    Append(s, out, AppendEndSession{it->first});
    it = s.sessions.erase(it);
  }
}

// Committed numbers only: pending ones travel with their entries, or a voided one would be answered
// as done (R10).
std::vector<wire::SessionState> CommittedWindows(const ReplicaState& s) {
  std::vector<wire::SessionState> windows;
  for (const auto& [session, state] : s.sessions) windows.push_back({session, state.window});
  return windows;
}

std::vector<model::Raise> MinGenerations(const ReplicaState& s) {
  std::vector<model::Raise> raises;
  for (const auto& [key, generation] : s.min_generation) {
    raises.push_back({key.first, key.second, generation});
  }
  return raises;
}

void TakeSessions(ReplicaState& s, const std::vector<wire::SessionState>& windows,
                  const std::vector<model::Raise>& raises, Effects& out) {
  for (const model::Raise& raise : raises) RaiseMinimum(s, raise, out);
  for (const wire::SessionState& taken : windows) {
    SessionState& session = FindSession(s, taken.session);
    session.window.Merge(taken.window);
    session.highest_seen = std::max(session.highest_seen, HighestNumber(session.window));
    Append(s, out, AppendWindow{taken.session, session.window});
  }
}

}  // namespace storpool::chain
