// Name, adopt, open (design 5.5 a, b, d, f, g, h). A member never judges by what it remembers, but
// by the opened config that metadata has or that a name carries with it (R2).
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

using model::ChainConfig;
using model::NamedConfig;

// Our entry in a config; one with another store is another disk (5.5g).
const model::Member* Self(const ReplicaState& s, const ChainConfig& config) {
  const model::Member* member = config.Find(s.self.disk);
  return member != nullptr && member->store == s.self.store ? member : nullptr;
}

void KeepAside(ReplicaState& s, const model::Member& me, Effects& out) {
  EndEpoch(s, out);
  s.role = Role::kNone;
  s.kept_aside = true;
  out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " + std::to_string(s.self.disk.value()) +
                " knows " + ToString(std::max(s.committed, s.base)) + " as committed, above " +
                ToString(me.excluded_at) +
                ", where the chain went on without it: acknowledged writes were lost elsewhere; "
                "its content is kept aside until the operator chooses"});
}

// What it had as committed above the T that excluded it would be resynced away (5.5h). A member
// that is listed as syncing was judged before, unless this is the first it hears of it.
bool ProvesLoss(const ReplicaState& s, const model::Member& me) {
  if (me.excluded_at == Version() || s.damaged) return false;
  if (me.role != model::Role::kAway && s.has_base) return false;
  return (s.has_base ? s.base : s.committed) > me.excluded_at;
}

// Its base and F, without the pending entries. Of one that served both are what W was.
void KeepCommitted(ReplicaState& s, Effects& out) {
  if (s.has_base) return LowerCompleteUpTo(s, out);
  s.base = s.complete_up_to = s.committed;
  s.chunk_bases.clear();
  s.has_base = true;
  Append(s, out, AppendCompleteUpTo{s.complete_up_to});
  s.base_record = Append(s, out, AppendBase{s.base});
}

void Discard(ReplicaState& s, Effects& out) {
  Append(s, out, AppendDiscardChain{});
  s.pending.clear();
  s.pending_durable = 0;
  s.sessions.clear();
  s.min_generation.clear();
  s.newest_layer.clear();
  s.committed = s.durable = s.base = s.complete_up_to = Version();
  s.base_record = 0;
  s.chunk_bases.clear();
  s.has_base = true;
  s.damaged = false;
}

// It is now what it will be when it is started again: one that never had the chain. So a config
// that says that it served, as restored metadata may, shows it that it has lost all since.
void ForgetMembership(ReplicaState& s) {
  s.role = Role::kNone;
  s.kept_aside = false;  // there is nothing left that it could prove
  s.epoch = s.released_to_us = Epoch();
  const NamedConfig none;
  s.config = none;
  s.opened_at = Version();
  s.change = Change();
  s.level_out = LevelOut();
  s.knows_layers = true;
}

// 5.5f: on this evidence, and only on it, the pending entries go, and the base is what W was.
void BecomeSyncing(ReplicaState& s, const ChainConfig& opened, Effects& out) {
  if (s.role == Role::kSyncing) BreakSync(s, out);
  EndEpoch(s, out);
  if (s.damaged) {
    Discard(s, out);  // base nothing means: all content is discarded first (5.5g, R8)
  } else {
    KeepCommitted(s, out);
    if (!s.pending.empty()) {
      DropPendingAbove(s, s.committed);
      Append(s, out, AppendVoid{s.committed, Epoch(opened.epoch.value() + 1)});
    }
  }
  s.epoch = opened.epoch;
  s.opened_at = opened.opened_at;
  s.config = NamedConfig{opened, opened, {}};
  s.role = Role::kSyncing;
  s.knows_layers = false;
  s.change = Change();
  s.change.adopt_record = Append(s, out, AppendAdopt{s.epoch, s.config});
}

// A promoted member brings what its stream has, if it is whole and of the last opened epoch; what
// it fetched for an epoch that did not open goes now (R7).
void BringPromoted(ReplicaState& s, const NamedConfig& name, Effects& out) {
  const SyncTarget& sync = s.sync_target;
  const bool whole = s.role == Role::kSyncing && s.epoch == name.last_opened.epoch &&
                     sync.stage == SyncTarget::Stage::kRunning && sync.complete;
  if (whole) {
    s.complete_up_to = sync.stream_durable;
    Append(s, out, AppendCompleteUpTo{s.complete_up_to});
  } else {
    KeepCommitted(s, out);  // its own exclusion may be news to it
    DropPendingAbove(s, s.committed);
    Append(s, out, AppendVoid{s.committed, name.named.epoch});
  }
  ClearSync(s, out);
  // In the first epoch of all nobody has missed a write (I9).
  if (name.last_opened.epoch != Epoch()) s.knows_layers = false;
  s.durable = s.complete_up_to;
}

void Adopt(ReplicaState& s, const NamedConfig& name, Effects& out) {
  // A chain that was never opened holds nothing that this store could have lost.
  if (s.damaged && name.last_opened.epoch == Epoch()) Discard(s, out);
  if (s.ServesIn(name.last_opened)) {
    s.has_base = false;
    s.durable = std::max(s.durable, name.last_opened.opened_at);
  } else {
    BringPromoted(s, name, out);
  }
  EndEpoch(s, out);
  for (const model::Raise& raise : name.raises) RaiseMinimum(s, raise, out);  // S2
  s.epoch = name.named.epoch;
  s.config = name;
  s.role = Role::kServing;
  s.change = Change();
  // Without the raises: each has a record of its own in front of this one.
  model::NamedConfig kept = name;
  kept.raises.clear();
  // That it lacks an epoch is how a member knows what it has lost, also after a restart: a damaged
  // one only says that it has adopted it, which no epoch opens by.
  s.change.adopt_record = s.damaged ? Append(s, out, AppendCompleteUpTo{})
                                    : Append(s, out, AppendAdopt{s.epoch, std::move(kept)});
  for (const auto& [session, state] : s.sessions) Hint(s, state.client, out);
}

// The tail of the open epoch hears that it goes on without it: it gives its reads up for good, so
// that the others need not wait for its promises (R18).
void GiveUpReads(ReplicaState& s, const NamedConfig& name, Effects& out) {
  if (!s.opened() || !s.is_tail() || name.named.epoch <= s.epoch) return;
  if (name.last_opened.epoch != s.epoch) return;
  s.released = true;
  RefuseReads(s, wire::Result::kNotServing, out);
  for (const model::Member& m : name.named.members) {
    if (m.role == model::Role::kServing) out.Add(Send{m.disk, wire::Release{s.CommonTo(m.disk)}});
  }
}

// Until when do the promises that were given to the tail of the last opened config bind us?
Instant BoundUntil(const ReplicaState& s, const NamedConfig& name, Instant now, Effects& out) {
  const ChainConfig& last = name.last_opened;
  if (last.epoch == Epoch() || !s.ServesIn(last)) return now;
  const model::Member& tail = last.tail();
  if (tail.disk == s.self.disk || name.named.IsServing(tail.disk)) return now;
  // Syncing is exclusion (R3). Answers name the chain from now on (R1).
  out.Add(NameAgainst{tail.disk, s.chain, name.named.epoch});
  if (s.released_to_us == last.epoch) return now;
  // Promises given after it was first told of such an epoch do not bind: they named the chain.
  const bool told_before = s.told && s.told->config.last_opened.epoch == last.epoch &&
                           !s.told->config.named.IsServing(tail.disk);
  if (told_before) return s.told->adopt_at;
  return std::max(s.promises.PromisedUntil(tail.disk),
                  s.started + s.promises.LongestLease());  // R19
}

}  // namespace

void EndEpoch(ReplicaState& s, Effects& out) {
  RefuseReads(s, wire::Result::kNotServing, out);
  for (const Ingress& op : s.ingress) {
    AnswerWriteWith(s, op.request, FindSession(s, op.request.session).client,
                    wire::Result::kWrongEpoch, out);
  }
  s.ingress.clear();
  s.repairs.ForEach([&](uint64_t id, Repair&) { s.repairs.Free(id); });
  s.repair_serves.ForEach([&](uint64_t id, RepairServe&) { s.repair_serves.Free(id); });
  ReturnCredits(s, out);
  s.sync_sources.clear();
  s.fetch_serves.clear();
  s.successor_feed = Feed();
  s.resend_asked = false;
  s.reports.clear();
  s.confirmed.clear();
  s.confirm_asked = false;
  s.commit_due = Instant::Max();
  s.released = false;
  s.horizon = Version();  // computed for one epoch only (5.6)
  s.told.reset();
}

void OnName(ReplicaState& s, const NamedConfig& name, Instant now, Effects& out) {
  if (s.kept_aside || s.store_failed) return;
  if (name.named.chain != s.chain || !name.named.Validate().ok()) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": metadata named a config that is not valid"});
    return;
  }
  const ChainConfig& opened = name.named.opened ? name.named : name.last_opened;
  if (opened.epoch != Epoch()) LearnOpened(s, opened, out);
  if (name.named.opened || s.kept_aside) return;
  if (!s.ServesIn(name.named)) return GiveUpReads(s, name, out);  // waits until it is opened (R21)
  if (name.named.epoch == s.epoch) {
    if (s.role != Role::kServing) return;  // a former life adopted it: metadata names again (5.3b)
    if (s.named().members != name.named.members) {
      out.Add(Alarm{"chain " + ToString(s.chain) + ": two configs for epoch " +
                    std::to_string(s.epoch.value())});  // hazard 4.1, R22
    }
    if (!s.opened()) RepeatChange(s, now, out);
    return;
  }
  const Epoch heard = std::max(s.epoch, s.told ? s.told->config.named.epoch : Epoch());
  if (name.named.epoch < heard) return;
  const Instant adopt_at = BoundUntil(s, name, now, out);
  s.told = ToldName{name, adopt_at};
  AdoptIfDue(s, now, out);
}

void AdoptIfDue(ReplicaState& s, Instant now, Effects& out) {
  if (!s.told || now < s.told->adopt_at) return;
  const NamedConfig name = s.told->config;
  Adopt(s, name, out);
}

void LearnOpened(ReplicaState& s, const ChainConfig& opened, Effects& out) {
  if (s.ServesIn(opened)) {
    if (opened.epoch > s.epoch) {
      // It opened because this member had adopted it, durably: the store went back in time.
      if (!s.damaged) {
        out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " +
                      std::to_string(s.self.disk.value()) + " has forgotten epoch " +
                      std::to_string(opened.epoch.value()) +
                      ": it was rolled back, or told to discard the chain"});
      }
      s.damaged = true;
    }
    if (s.damaged) return;
    if (opened.epoch == s.epoch && s.role == Role::kServing && !s.opened()) {
      return Open(s, opened.opened_at, out);
    }
    // W = T of the last opened epoch, before anything newer goes on (5.5d).
    if (s.role == Role::kNone || !s.opened()) CommitUpTo(s, opened.opened_at, false, out);
    return;
  }
  if (opened.epoch < s.epoch) return;
  const model::Member* me = Self(s, opened);
  if (me != nullptr && ProvesLoss(s, *me)) return KeepAside(s, *me, out);
  if (me != nullptr && me->role == model::Role::kSyncing) {
    if (s.role != Role::kSyncing || s.epoch != opened.epoch) BecomeSyncing(s, opened, out);
    return;
  }
  if (s.role == Role::kSyncing) BreakSync(s, out);
  EndEpoch(s, out);  // away, or no member any more: refuses everything
  s.role = Role::kNone;
}

void Open(ReplicaState& s, Version opened_at, Effects& out) {
  if (!s.change.levelled || s.change.level != opened_at) return;
  s.config.named.opened = true;
  s.config.named.opened_at = opened_at;
  s.config.last_opened = s.config.named;
  s.config.raises.clear();
  s.opened_at = opened_at;
  s.has_base = false;
  s.sequence = 0;  // the first version of the epoch is (e, 1), whoever was head before
  CommitUpTo(s, opened_at, false, out);
  SP_CHECK(s.pending.empty());
  s.durable = opened_at;
  s.told_committed = opened_at;
  Append(s, out, AppendAdopt{s.epoch, s.config});
  if (s.is_tail()) s.ForOtherServing([&](DiskId disk) { s.reports.push_back({disk, opened_at}); });
  if (s.is_head()) {
    for (const auto& [disk, member] : s.level_out.members) {
      if (s.named().IsServing(disk)) s.credits.push_back({disk, member.credit_bytes, false});
    }
  }
  // What the predecessor sent before this member knew of the opening is lost: ask for it.
  for (const model::Member& m : s.named().members) {
    const model::Member* next = s.named().Successor(m.disk);
    if (next == nullptr || next->disk != s.self.disk) continue;
    out.Add(Send{m.disk, wire::Resend{s.CommonTo(m.disk), Version(s.epoch, 0)}});
  }
  for (const auto& [session, state] : s.sessions) Hint(s, state.client, out);
  ReportRaised(s, out);
}

void OnRelease(ReplicaState& s, const wire::Release& release, Instant now, Effects& out) {
  s.released_to_us = std::max(s.released_to_us, release.common.epoch);
  if (!s.told || s.told->config.last_opened.epoch != release.common.epoch) return;
  if (s.told->config.last_opened.tail().disk != release.common.from) return;
  s.told->adopt_at = now;
  AdoptIfDue(s, now, out);
}

void OnAdoptDurable(ReplicaState& s, Instant now, Effects& out) {
  s.change.adopted = true;
  if (s.role == Role::kServing) ReportAdopted(s, now, out);
  if (s.role == Role::kSyncing) StartSync(s, now, out);
}

void OnDiscard(ReplicaState& s, const ChainConfig& opened, Effects& out) {
  if (!opened.opened || opened.epoch < s.epoch || Self(s, opened) != nullptr) return;
  if (s.role == Role::kSyncing) BreakSync(s, out);
  EndEpoch(s, out);
  Discard(s, out);
  ForgetMembership(s);
}

}  // namespace storpool::chain
