// Levelling out (design 5.5c): the coordinator, which is the head of the named epoch, finds T, the
// highest version that every member who served in the last opened config has durable; each member
// voids what it has above. Every acknowledged write is at or below T.
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

using model::Member;

void Fail(ReplicaState& s, DiskId disk, std::string reason, Effects& out) {
  s.level_out.failed = true;
  out.Add(LevelFailed{s.epoch, disk,
                      "chain " + ToString(s.chain) + ": disk " + std::to_string(disk.value()) +
                          " " + std::move(reason)});
}

// Served in the last opened config, with the same store ever since (R13).
bool IsFormer(const ReplicaState& s, const Member& member) {
  const Member* then = s.config.last_opened.Find(member.disk);
  return then != nullptr && then->role == model::Role::kServing && then->store == member.store;
}

void SendLevel(ReplicaState& s, DiskId to, Effects& out) {
  const Version level = *s.level_out.level;
  if (to == s.self.disk) {
    if (!s.change.level) OnLevel(s, level, out);
  } else {
    out.Add(Send{to, wire::Level{s.CommonTo(to), level}});
  }
}

// Nothing that another member knows as committed may be missing: a drive that lied about its
// flushes is found here (hazard 4.17).
Version HighestCommitted(const ReplicaState& s) {
  Version highest = s.config.last_opened.opened_at;
  for (const auto& [disk, member] : s.level_out.members) {
    highest = std::max(highest, member.adopted.common.committed);
  }
  return highest;
}

void SayLeveled(ReplicaState& s, Effects& out) {
  const DiskId head = s.named().head().disk;
  const wire::Leveled leveled{s.CommonTo(head), *s.change.level, s.granted_bytes};
  if (head == s.self.disk) {
    OnLeveled(s, head, leveled, out);
  } else {
    out.Add(Send{head, leveled});
  }
}

bool EverybodyReported(const ReplicaState& s) {
  for (const Member& m : s.named().members) {
    if (m.role == model::Role::kServing && !s.level_out.members.contains(m.disk)) return false;
  }
  return true;
}

}  // namespace

void ReportAdopted(ReplicaState& s, Instant now, Effects& out) {
  s.retry_at = std::min(s.retry_at, now + Duration::Millis(kMemberRetryMs));
  const DiskId head = s.named().head().disk;
  wire::Adopted adopted;
  adopted.common = s.CommonTo(head);
  adopted.complete_up_to = s.complete_up_to;
  adopted.incarnation = s.self.incarnation;
  adopted.store = s.self.store;
  adopted.damaged = s.damaged;
  if (head == s.self.disk) {
    OnAdopted(s, adopted, out);
  } else {
    out.Add(Send{head, std::move(adopted)});
  }
}

void OnAdopted(ReplicaState& s, const wire::Adopted& adopted, Effects& out) {
  // Another member may have heard of the epoch before this one: its report is kept.
  if (adopted.common.epoch < s.level_out.epoch || adopted.common.epoch < s.epoch) return;
  if (adopted.common.epoch > s.level_out.epoch) {
    s.level_out = LevelOut();
    s.level_out.epoch = adopted.common.epoch;
  }
  LevelOut::Member& member = s.level_out.members[adopted.common.from];
  if (s.level_out.level) {
    if (!member.levelled && s.epoch == s.level_out.epoch) {
      SendLevel(s, adopted.common.from, out);
    }
    return;
  }
  member.adopted = adopted;
  DecideLevel(s, out);
}

void DecideLevel(ReplicaState& s, Effects& out) {
  if (s.role != Role::kServing || s.opened() || !s.is_head() || !s.change.adopted) return;
  if (s.level_out.epoch != s.epoch || s.level_out.level || !EverybodyReported(s)) return;
  const Version committed = HighestCommitted(s);
  const bool first_opening = s.config.last_opened.epoch == Epoch();
  std::optional<Version> lowest;
  for (const Member& m : s.named().members) {
    if (m.role != model::Role::kServing) continue;
    const wire::Adopted& reported = s.level_out.members[m.disk].adopted;
    if (reported.store != m.store) return Fail(s, m.disk, "has another store than named", out);
    if (reported.damaged) return Fail(s, m.disk, "has lost records that were durable", out);
    if (!IsFormer(s, m)) continue;
    const Version durable = reported.common.durable;
    if (durable < committed) {  // demoted, with an alarm
      if (!s.level_out.failed)
        out.Add(Alarm{"chain " + ToString(s.chain) + ": disk " + std::to_string(m.disk.value()) +
                      " has " + ToString(durable) + ", but " + ToString(committed) +
                      " was committed: it has lost acknowledged writes"});
      return Fail(s, m.disk, "has lost acknowledged writes", out);
    }
    lowest = lowest ? std::min(*lowest, durable) : durable;
  }
  if (!lowest && !first_opening) {  // a minimum over nothing proves nothing (R13)
    return Fail(s, s.named().head().disk, "leads a config without any that served before", out);
  }
  s.level_out.level = lowest.value_or(Version());
  for (const Member& m : s.named().members) {
    if (m.role == model::Role::kServing) SendLevel(s, m.disk, out);
  }
}

void OnLevel(ReplicaState& s, Version level, Effects& out) {
  if (s.role != Role::kServing || s.opened() || !s.change.adopted) return;
  if (s.change.level) {
    if (s.change.levelled && *s.change.level == level) SayLeveled(s, out);
    return;
  }
  const bool former = s.ServesIn(s.config.last_opened);
  if (former && (level > s.durable || level < s.committed)) {
    out.Add(Alarm{"chain " + ToString(s.chain) + ": level " + ToString(level) +
                  " does not lie between W " + ToString(s.committed) + " and D " +
                  ToString(s.durable)});
    return;  // nothing at or below W is ever voided (I7)
  }
  s.change.level = level;
  // A promoted member keeps what its stream has; at or below W there is nothing pending (I7).
  const Version keep = former ? level : std::max(s.committed, std::min(s.complete_up_to, level));
  DropPendingAbove(s, keep);
  // What is in flight to the device stands before this record in the log (R14).
  s.change.level_record = Append(s, out, AppendVoid{keep, s.epoch});
  s.durable = keep;
  if (!former && s.config.last_opened.epoch != Epoch()) StartFetch(s, out);
  s.granting = true;
  out.Add(Reserve{RoomFor::kCredit, kCreditFirstBytes});
  LeveledIfDurable(s, out);
}

void LeveledIfDurable(ReplicaState& s, Effects& out) {
  Change& change = s.change;
  if (!change.level || change.levelled || !change.fetched || !change.room_answered) return;
  if (change.level_record > s.durable_record) return;
  change.levelled = true;
  s.durable = *change.level;  // W does not rise: if this never opens a later T may be lower (5.5c)
  SayLeveled(s, out);
}

void OnLeveled(ReplicaState& s, DiskId from, const wire::Leveled& leveled, Effects& out) {
  if (s.level_out.epoch != s.epoch || !s.level_out.level) return;
  const auto member = s.level_out.members.find(from);
  if (member == s.level_out.members.end() || leveled.level != *s.level_out.level) return;
  member->second.levelled = true;
  member->second.credit_bytes = leveled.credit_bytes;
  for (const Member& m : s.named().members) {
    if (m.role == model::Role::kServing && !s.level_out.members[m.disk].levelled) return;
  }
  if (s.opened()) return;
  s.level_out.ready = true;
  out.Add(OpenReady{s.epoch, *s.level_out.level});
}

void RepeatChange(ReplicaState& s, Instant now, Effects& out) {
  if (s.role != Role::kServing || s.opened() || !s.change.adopted) return;
  s.retry_at = now + Duration::Millis(kMemberRetryMs);
  if (s.change.levelled) {
    SayLeveled(s, out);
  } else if (!s.change.level) {
    ReportAdopted(s, now, out);
  }
  if (!s.is_head() || s.level_out.epoch != s.epoch || !s.level_out.level) return;
  for (const auto& [disk, member] : s.level_out.members) {
    if (!member.levelled && disk != s.self.disk) SendLevel(s, disk, out);
  }
}

}  // namespace storpool::chain
