#include "lib/node/leases.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/node/chain_table.h"
#include "lib/node/peers.h"

namespace storpool::node {
namespace {

// Reads that come at least this often find a lease.
constexpr Duration kWantedAfterRead = Duration::Millis(4 * kLeaseMs);

}  // namespace

Leases::Leases(Services& services)
    : services_(services),
      holder_(Duration::Millis(kLeaseMs)),
      refresh_(services.reactor, [this] { Refresh(); }),
      ask_(services.reactor, [this] { AskDue(); }) {}

Instant Leases::CoveredUntil(DiskId member) const {
  const std::optional<NodeId> node = services_.peers->NodeOf(member);
  return node ? holder_.CoveredUntil(Key(*node)) : Instant();
}

Instant Leases::PromisedUntil(DiskId tail) const {
  const std::optional<NodeId> node = services_.peers->NodeOf(tail);
  return node ? granter_.PromisedUntil(Key(*node)) : Instant();
}

Duration Leases::LongestLease() const { return Duration::Millis(kLeaseMs + kLeaseMarginMs); }

void Leases::NameAgainst(DiskId tail, ChainId chain, Epoch epoch) {
  const std::optional<NodeId> node = services_.peers->NodeOf(tail);
  if (node) granter_.NameAgainst(Key(*node), chain, epoch);
}

wire::PromiseAnswer Leases::OnRequest(NodeId node, const wire::PromiseRequest& request) {
  // It came in this turn: who asked counts from later than the turn's beginning.
  return granter_.OnRequest(Key(node), request, services_.reactor.clock().Now());
}

void Leases::OnAnswer(NodeId node, const wire::PromiseAnswer& answer) {
  holder_.OnAnswer(Key(node), answer);
  for (const wire::NamedChain& named : answer.named) {
    for (ChainHost* host : services_.chains->all()) {
      if (host->chain() != named.chain) continue;
      host->Step(
          [](chain::Replica& r, Instant now, chain::Effects& out) { r.OnPromise(now, out); });
    }
  }
}

void Leases::OnRead() {
  const Instant now = services_.reactor.Now();
  const bool paused = wanted_until_ <= now;
  wanted_until_ = now + kWantedAfterRead;
  if (paused) AskDue();
}

void Leases::OnPeerReady(NodeId node) {
  if (asked_.contains(node)) AskDue();
}

void Leases::Refresh() {
  asked_.clear();
  for (const ChainHost* host : services_.chains->all()) {
    const model::ChainConfig& config = host->replica().config().named;
    if (!config.opened || !host->is_tail()) continue;
    for (const model::Member& m : config.members) {
      if (m.role != model::Role::kServing || m.disk == host->disk().id()) continue;
      const std::optional<NodeId> node = services_.peers->NodeOf(m.disk);
      if (node) asked_.insert(*node);
    }
  }
  AskDue();
}

void Leases::AskDue() {
  const Instant now = services_.reactor.Now();
  if (wanted_until_ <= now) return ask_.Stop();
  Instant next = Instant::Max();
  for (NodeId node : asked_) {
    const bool here = node == services_.self;                // another disk of this node serves too
    if (!here && !services_.peers->IsReady(node)) continue;  // OnPeerReady comes back to it
    if (holder_.NextAsk(Key(node)) <= now) {
      const wire::PromiseRequest request = holder_.Ask(Key(node), now);
      if (here) {
        OnAnswer(node, OnRequest(node, request));
      } else {
        services_.peers->SendToNode(node, request);
      }
    }
    next = std::min(next, holder_.NextAsk(Key(node)));
  }
  if (next == Instant::Max()) {
    ask_.Stop();
  } else {
    ask_.StartAt(next);
  }
}

}  // namespace storpool::node
