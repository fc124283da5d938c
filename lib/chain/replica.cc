#include "lib/chain/replica.h"

#include <algorithm>
#include <type_traits>

#include "lib/chain/state.h"
#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

// Messages that carry a wire::Common.
template <class M>
concept BetweenMembers = requires(M m) { m.common; };

// What every frame between members tells, whatever it is (6.3).
void TakeCommon(ReplicaState& s, const wire::Common& common, Instant now, Effects& out) {
  if (common.epoch != s.epoch) return;
  if (common.opened && s.role == Role::kServing && !s.opened()) {
    Open(s, common.opened_at, out);  // R17
  }
  OnReport(s, common.from, common.durable, now, out);
  LearnCommitted(s, common.committed, out);
  if (s.role == Role::kSyncing && common.from == s.named().tail().disk) {
    OnSourceCommitted(s, common.committed, out);
  }
}

// The step for each message. Those of a lower epoch have been refused already.
struct Dispatch {
  ReplicaState& s;
  Instant now;
  Effects& out;

  void operator()(wire::Forward& m) { OnForward(s, std::move(m), out); }
  void operator()(wire::Progress&) {}  // all of it is in Common
  void operator()(wire::Resend& m) { OnResend(s, m, out); }
  void operator()(wire::RelayAnswer& m) { OnRelayAnswer(s, m, out); }
  void operator()(wire::Adopted& m) { OnAdopted(s, m, out); }
  void operator()(wire::Level& m) {
    if (m.common.from == s.named().head().disk) OnLevel(s, m.level, out);
  }
  void operator()(wire::Leveled& m) { OnLeveled(s, m.common.from, m, out); }
  void operator()(wire::Fetch& m) { OnFetch(s, m, out); }
  void operator()(wire::FetchEntry& m) { OnFetchEntry(s, std::move(m), out); }
  void operator()(wire::FetchEnd& m) { OnFetchEnd(s, m, out); }
  void operator()(wire::Release& m) { OnRelease(s, m, now, out); }
  void operator()(wire::Confirm& m) { OnConfirm(s, m, out); }
  void operator()(wire::ConfirmAnswer& m) { OnConfirmAnswer(s, m, now, out); }
  void operator()(wire::CreditAsk& m) {
    if (m.common.from == s.named().head().disk) OnCreditAsk(s, m.want_bytes, out);
  }
  void operator()(wire::CreditGrant& m) {
    OnCreditGrant(s, m.common.from, m.total_bytes, m.denied, now, out);
  }
  void operator()(wire::SyncOpen& m) { OnSyncOpen(s, m, now, out); }
  void operator()(wire::SyncBegin& m) { OnSyncBegin(s, m, out); }
  void operator()(wire::SyncStream& m) { OnSyncStream(s, std::move(m), now, out); }
  void operator()(wire::SyncScan& m) { OnSyncScanned(s, std::move(m), now, out); }
  void operator()(wire::SyncChunkEnd& m) { OnSyncChunkEnd(s, m, out); }
  void operator()(wire::SyncScanEnd& m) { OnSyncScanEnd(s, m, out); }
  void operator()(wire::SyncAck& m) { OnSyncAck(s, m, now, out); }
  void operator()(wire::SyncEnd& m) {
    OnSyncEndAtSource(s, m);
    OnSyncEndAtTarget(s, m, now, out);
  }
  void operator()(wire::RepairAnswer& m) { OnRepairAnswer(s, std::move(m), now, out); }
  // Not between members, or with an entry point of its own.
  template <class M>
  void operator()(M&) {}
};

// Three that make sense across epochs: a report for an epoch that this member has not heard of, a
// release of one that it has left, and the question what it has adopted.
template <class M>
constexpr bool kAnyEpoch =
    std::is_same_v<M, wire::Adopted> || std::is_same_v<M, wire::Release> ||
    std::is_same_v<M, wire::Confirm> || std::is_same_v<M, wire::ConfirmAnswer>;

// Links that were broken: each side says what it has, and what may have been lost is said again.
void Reconnect(ReplicaState& s, DiskId member, Instant now, Effects& out) {
  RepeatChange(s, now, out);
  if (s.role == Role::kServing && !s.change.fetched && FetchSource(s) == member) {
    StartFetch(s, out);  // it was asked while it was away
  }
  if (s.role == Role::kSyncing && member == s.named().tail().disk) StartSync(s, now, out);
  if (!s.opened()) return;
  const model::Member* next = s.named().Successor(member);
  if (next != nullptr && next->disk == s.self.disk) {
    s.resend_asked = true;
    out.Add(Send{member, wire::Resend{s.CommonTo(member), Version(s.epoch, s.sequence)}});
  }
  if (!s.named().IsServing(member)) return;
  if (member == s.named().tail().disk || s.is_tail()) {
    out.Add(Send{member, wire::Progress{s.CommonTo(member)}});
  }
  for (Credit& credit : s.credits) {
    if (credit.disk == member) credit.asked = false;
  }
  PumpIngress(s, now, out);
}

bool NeedsRetry(ReplicaState& s) {
  // It begins again, or says again that it lacks nothing.
  if (s.role == Role::kSyncing) return true;
  if (s.role != Role::kServing) return false;
  if (!s.opened()) return true;
  bool waiting = !s.ingress.empty() || s.repairs.used() > 0 || !s.reads_again.empty();
  s.reads.ForEach([&](uint64_t, const PendingRead& read) {
    waiting = waiting || read.stage == PendingRead::Stage::kConfirm;
  });
  return waiting;
}

void Retry(ReplicaState& s, Instant now, Effects& out) {
  s.retry_at = Instant::Max();
  RepeatChange(s, now, out);
  RepeatSync(s, now, out);
  RetryReads(s, /*ask_again=*/true, now, out);
  RetryRepairs(s, now, out);
  if (s.opened() && !s.ingress.empty()) {
    for (Credit& credit : s.credits) credit.asked = false;
    PumpIngress(s, now, out);
  }
  if (NeedsRetry(s)) s.retry_at = now + Duration::Millis(kMemberRetryMs);
}

}  // namespace

Replica::Replica(const ChainRecord& record, std::optional<model::NamedConfig> config,
                 const OwnDisk& self, Instant started, const LeaseView& promises, BufferPool& pool)
    : state_(std::make_unique<ReplicaState>(record, std::move(config), self, started, promises,
                                            pool)) {}

Replica::~Replica() = default;

Instant Replica::next_timer() const {
  const ReplicaState& s = *state_;
  const Instant at = std::min({s.retry_at, s.commit_due, NextOfSources(s)});
  return s.told ? std::min(at, s.told->adopt_at) : at;
}

void Replica::SetTimerIfChanged(Effects& out) {
  const Instant at = next_timer();
  if (at == state_->timer) return;
  state_->timer = at;
  out.Add(SetTimer{at});
}

void Replica::OnName(const model::NamedConfig& config, Instant now, Effects& out) {
  chain::OnName(*state_, config, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnOpened(const model::ChainConfig& opened, Instant now, Effects& out) {
  if (!opened.opened || opened.chain != state_->chain) return;
  chain::OnName(*state_, {opened, opened, {}}, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnHorizon(Epoch epoch, Version horizon, Instant, Effects&) {
  if (epoch == state_->epoch) state_->horizon = std::max(state_->horizon, horizon);
}

void Replica::OnRaise(uint64_t id, const std::vector<model::Raise>& raises, Instant now,
                      Effects& out) {
  chain::OnRaise(*state_, id, raises, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnEndSession(const Session& session, Instant, Effects& out) {
  chain::OnEndSession(*state_, session, out);
}

void Replica::OnDiscard(const model::ChainConfig& opened, Instant, Effects& out) {
  chain::OnDiscard(*state_, opened, out);
  SetTimerIfChanged(out);
}

void Replica::OnWrite(wire::WriteRequest&& request, ClientRef client, const model::Line& line,
                      Instant now, Effects& out) {
  chain::OnWrite(*state_, std::move(request), client, line, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnRead(const wire::ReadRequest& request, ClientRef client, const model::Line& line,
                     Instant, Effects& out) {
  chain::OnRead(*state_, request, client, line, out);
}

void Replica::OnClientLost(ClientRef client, Instant, Effects&) {
  for (auto& [session, state] : state_->sessions) {
    if (state.client == client) state.client = 0;
  }
}

void Replica::OnMemberConnected(const wire::DiskHere& member, Instant now, Effects& out) {
  if (state_->connected.contains(member.disk)) OnMemberLost(member.disk, now, out);
  state_->connected[member.disk] = member;
  Reconnect(*state_, member.disk, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnMemberLost(DiskId member, Instant now, Effects& out) {
  ReplicaState& s = *state_;
  s.connected.erase(member);
  std::erase_if(s.sync_sources, [&](const SyncSource& x) { return x.target == member; });
  std::erase_if(s.fetch_serves, [&](const FetchServe& x) { return x.target == member; });
  const model::Member* successor = s.named().Successor(s.self.disk);
  if (s.opened() && successor != nullptr && successor->disk == member) {
    s.successor_feed = Feed{.stage = Feed::Stage::kBroken, .query = 0, .sent = {}, .held = {}};
  }
  if (s.role == Role::kSyncing && s.named().tail().disk == member) {
    BreakSync(s, out);
    StartSync(s, now, out);
  }
  if (s.role == Role::kServing && !s.change.fetched && FetchSource(s) == member) {
    ++s.change.fetch_attempts;
    StartFetch(s, out);
  }
  SetTimerIfChanged(out);
}

void Replica::OnMessage(wire::Message&& message, Instant now, Effects& out) {
  ReplicaState& s = *state_;
  if (s.kept_aside || s.store_failed) return;
  std::visit(
      [&]<class M>(M& m) {
        if constexpr (BetweenMembers<M>) {
          // Lower epochs are refused (5.5b); what a higher one brings is not for this member yet.
          if (m.common.chain != s.chain || m.common.to != s.self.disk) return;
          if (m.common.epoch != s.epoch && !kAnyEpoch<M>) return;
          if (s.role == Role::kNone && !kAnyEpoch<M>) return;
          // A relayed answer is looked up before W forgets who asked.
          if constexpr (!std::is_same_v<M, wire::ConfirmAnswer>) TakeCommon(s, m.common, now, out);
          Dispatch{s, now, out}(m);
        }
      },
      message);
  SetTimerIfChanged(out);
}

void Replica::OnRepairRead(const wire::RepairRead& request, const model::Line& line, Instant,
                           Effects& out) {
  chain::OnRepairRead(*state_, request, line, out);
}

void Replica::OnPromise(Instant now, Effects& out) {
  RetryReads(*state_, /*ask_again=*/false, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnDurable(uint64_t record_number, Instant now, Effects& out) {
  ReplicaState& s = *state_;
  if (s.store_failed) return;
  s.durable_record = std::max(s.durable_record, record_number);
  if (!s.change.adopted && s.change.adopt_record != 0 &&
      s.change.adopt_record <= s.durable_record) {
    OnAdoptDurable(s, now, out);
  }
  AdvanceDurable(s, now, out);
  AdvanceSync(s, out);
  LeveledIfDurable(s, out);
  ReportRaised(s, out);
  SetTimerIfChanged(out);
}

void Replica::OnStoreExtent(uint64_t id, BlockRange extent, Instant now, Effects& out) {
  OnExtent(*state_, id, extent, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnStoreRead(StoreReadResult&& result, Instant now, Effects& out) {
  switch (Slots<PendingRead>::TagOf(result.id)) {
    case 0:
      OnClientRead(*state_, std::move(result), now, out);
      break;
    case 1:
      OnLookup(*state_, std::move(result), now, out);
      break;
    case 2:
      OnRepairServeRead(*state_, std::move(result), out);
      break;
    default:
      break;
  }
  SetTimerIfChanged(out);
}

void Replica::OnStoreScan(StoreScanResult&& result, Instant now, Effects& out) {
  if (!OnSyncScan(*state_, result, now, out)) OnFetchScan(*state_, result, now, out);
  SetTimerIfChanged(out);
}

void Replica::OnStoreChunks(uint64_t id, std::vector<ChunkSize> chunks, Instant now, Effects& out) {
  if (!OnSyncChunks(*state_, id, chunks, now, out)) OnFetchChunks(*state_, id, chunks, out);
  SetTimerIfChanged(out);
}

void Replica::OnStorePending(StorePendingResult&& result, Instant, Effects& out) {
  ReplicaState& s = *state_;
  const model::Member* successor = s.named().Successor(s.self.disk);
  if (s.successor_feed.query == result.id && successor != nullptr) {
    if (result.ok) {
      ResumeFeed(s, s.successor_feed, successor->disk, nullptr, std::move(result.entries), out);
    }
    return;
  }
  if (!OnSyncPending(s, result, out)) OnFetchPending(s, result, out);
}

void Replica::OnRoom(RoomFor purpose, uint64_t bytes, bool granted, Instant now, Effects& out) {
  if (purpose == RoomFor::kSync) {
    OnSyncRoom(*state_, bytes, granted, now, out);
  } else {
    OnCreditRoom(*state_, bytes, granted, now, out);
  }
  SetTimerIfChanged(out);
}

// A failed disk is never believed again (4.3): nothing becomes durable, nothing is answered.
void Replica::OnStoreFailed(Instant, Effects& out) {
  ReplicaState& s = *state_;
  s.store_failed = true;
  s.raise_orders.clear();
  EndEpoch(s, out);
  s.role = Role::kNone;
  s.retry_at = Instant::Max();
  SetTimerIfChanged(out);
}

void Replica::OnLineKnown(const model::Line& line, Instant now, Effects& out) {
  chain::OnLineKnown(*state_, line, out);
  RefuseWrites(*state_, line, now, out);
  RefuseReads(*state_, line, out);
  SetTimerIfChanged(out);
}

void Replica::OnTimer(Instant now, Effects& out) {
  ReplicaState& s = *state_;
  s.timer = Instant::Max();
  AdoptIfDue(s, now, out);
  if (now >= s.commit_due) TellCommitted(s, out);
  if (now >= s.retry_at) Retry(s, now, out);
  SourcesDue(s, now, out);
  SetTimerIfChanged(out);
}

ReplicaStatus Replica::status() const {
  const ReplicaState& s = *state_;
  return {.role = s.role,
          .epoch = s.epoch,
          .opened = s.role != Role::kNone && s.config.named.opened,
          .durable = s.durable,
          .committed = s.committed,
          .complete_up_to = s.complete_up_to,
          .pending = s.pending.size(),
          .waiting = s.ingress.size(),
          .sync_running = s.sync_target.stage == SyncTarget::Stage::kRunning,
          .durable_base = DurableBase(s),
          .resyncs = Resyncs(s)};
}

uint64_t Replica::scan_bytes_out() const {
  uint64_t bytes = 0;
  for (const SyncSource& source : state_->sync_sources) {
    bytes += source.scan_bytes_sent - source.scan_bytes_durable;
  }
  return bytes;
}

const model::NamedConfig& Replica::config() const { return state_->config; }

}  // namespace storpool::chain
