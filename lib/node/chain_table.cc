#include "lib/node/chain_table.h"

#include <algorithm>
#include <utility>

#include "lib/node/lines.h"

namespace storpool::node {

const wire::Common* CommonOf(const wire::Message& message) {
  return std::visit(
      [](const auto& m) -> const wire::Common* {
        if constexpr (requires { m.common; }) {
          return &m.common;
        } else {
          return nullptr;
        }
      },
      message);
}

ChainTable::ChainTable(Services& services)
    : services_(services),
      timer_(services.reactor, [this] { OnTimer(); }),
      queue_timer_(services.reactor, [this] { DeliverQueued(); }) {}

template <class F>
ChainHost* ChainTable::Find(ChainId chain, F&& is_right) const {
  const auto it = by_chain_.find(chain);
  if (it == by_chain_.end()) return nullptr;
  ChainHost* found = nullptr;
  for (ChainHost* host : it->second) {
    if (is_right(*host) && (found == nullptr || host->epoch() > found->epoch())) found = host;
  }
  return found == nullptr ? it->second.front() : found;
}

void ChainTable::Add(ChainHost& host) {
  all_.push_back(&host);
  by_chain_[host.chain()].push_back(&host);
}

DiskHost* ChainTable::DiskHere(DiskId disk) const {
  for (DiskHost* d : disks_) {
    if (d->id() == disk) return d;
  }
  return nullptr;
}

ChainHost* ChainTable::HeadOf(ChainId chain) const {
  return Find(chain, [](const ChainHost& host) { return host.is_head(); });
}

ChainHost* ChainTable::TailOf(ChainId chain) const {
  return Find(chain, [](const ChainHost& host) { return host.is_tail(); });
}

void ChainTable::Introduce(ChainHost& host) const {
  for (const DiskHost* d : disks_) {
    if (d->id() == host.disk().id()) continue;
    host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnMemberConnected(d->here(), now, out);
    });
  }
}

void ChainTable::Deliver(wire::Message&& message) {
  const wire::Common* common = CommonOf(message);
  DiskHost* disk = DiskHere(common->to);
  ChainHost* host = disk == nullptr ? nullptr : disk->Find(common->chain);
  if (host == nullptr) return;
  const auto* repair = std::get_if<wire::RepairRead>(&message);
  if (repair == nullptr) {
    host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnMessage(std::move(message), now, out);
    });
    return;
  }
  const model::Line* line = services_.lines->Find(repair->chunk.lineage);
  if (line == nullptr) return;
  host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnRepairRead(*repair, *line, now, out);
  });
}

void ChainTable::DeliverLocally(wire::Message&& message) {
  queued_.push_back(std::move(message));
  queue_timer_.StartIn(Duration());
}

void ChainTable::DeliverQueued() {
  delivering_.swap(queued_);
  for (wire::Message& message : delivering_) Deliver(std::move(message));
  delivering_.clear();
}

void ChainTable::OnDeadline(Instant at) {
  if (at == Instant::Max()) return;
  if (!timer_.active() || at < timer_.at()) timer_.StartAt(at);
}

void ChainTable::OnTimer() {
  const Instant now = services_.reactor.Now();
  for (size_t i = 0; i < all_.size(); ++i) {
    if (all_[i]->deadline() <= now) all_[i]->OnTimer();
  }
  Instant earliest = Instant::Max();
  for (const ChainHost* host : all_) earliest = std::min(earliest, host->deadline());
  OnDeadline(earliest);
}

}  // namespace storpool::node
