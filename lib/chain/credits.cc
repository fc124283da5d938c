// Room is credits (design 4.11): running totals for each member and epoch, so that a broken link
// neither loses nor doubles them. The head orders only within what all serving members granted.
#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {

uint64_t CreditAvailable(const ReplicaState& s) {
  uint64_t total = UINT64_MAX;
  for (const Credit& credit : s.credits) total = std::min(total, credit.total_bytes);
  return total - std::min(total, s.spent_bytes);
}

void AskCredits(ReplicaState& s, uint64_t waiting_bytes, Effects& out) {
  if (!s.opened() || !s.is_head()) return;
  const uint64_t want = std::clamp(waiting_bytes, kCreditPieceBytesMin, kCreditPieceBytesMax);
  for (Credit& credit : s.credits) {
    const uint64_t left = credit.total_bytes - std::min(credit.total_bytes, s.spent_bytes);
    if (credit.asked || (left >= kCreditLowBytes && left >= waiting_bytes)) continue;
    credit.asked = true;
    if (credit.disk == s.self.disk) {
      OnCreditAsk(s, want, out);
    } else {
      out.Add(Send{credit.disk, wire::CreditAsk{s.CommonTo(credit.disk), want}});
    }
  }
}

void OnCreditAsk(ReplicaState& s, uint64_t want_bytes, Effects& out) {
  if (!s.opened() || s.granting) return;
  s.granting = true;
  out.Add(Reserve{RoomFor::kCredit,
                  std::clamp(want_bytes, kCreditPieceBytesMin, kCreditPieceBytesMax)});
}

void OnCreditRoom(ReplicaState& s, uint64_t bytes, bool granted, Instant now, Effects& out) {
  if (s.stale_grants > 0) {  // asked for in an epoch that is over
    --s.stale_grants;
    if (granted) out.Add(ReturnRoom{bytes});
    return;
  }
  if (!s.granting) return;
  s.granting = false;
  if (granted) s.granted_bytes += bytes;
  if (!s.opened()) {  // the first grant rides on Leveled
    s.change.room_answered = true;
    return LeveledIfDurable(s, out);
  }
  if (!granted && bytes > kCreditPieceBytesMin) return OnCreditAsk(s, kCreditPieceBytesMin, out);
  const DiskId head = s.named().head().disk;
  if (head == s.self.disk) return OnCreditGrant(s, head, s.granted_bytes, !granted, now, out);
  out.Add(Send{head, wire::CreditGrant{s.CommonTo(head), s.granted_bytes, !granted}});
}

void OnCreditGrant(ReplicaState& s, DiskId from, uint64_t total_bytes, bool denied, Instant now,
                   Effects& out) {
  if (!s.opened() || !s.is_head()) return;
  for (Credit& credit : s.credits) {
    if (credit.disk != from) continue;
    credit.asked = false;
    credit.total_bytes = std::max(credit.total_bytes, total_bytes);
  }
  if (denied) FailForRoom(s, out);
  if (!s.ingress.empty()) PumpIngress(s, now, out);
}

void ReturnCredits(ReplicaState& s, Effects& out) {
  if (s.granted_bytes > s.used_bytes) out.Add(ReturnRoom{s.granted_bytes - s.used_bytes});
  if (s.granting) ++s.stale_grants;
  s.granting = false;
  s.granted_bytes = 0;
  s.used_bytes = 0;
  s.spent_bytes = 0;
  s.credits.clear();
}

}  // namespace storpool::chain
