#include "lib/chain/promises.h"

#include <algorithm>

#include "lib/base/limits.h"

namespace storpool::chain {

PromiseHolder::PromiseHolder(Duration lease) : lease_(lease) {}

Instant PromiseHolder::NextAsk(ReactorKey peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? Instant() : it->second.next_ask;
}

wire::PromiseRequest PromiseHolder::Ask(ReactorKey key, Instant now) {
  Peer& peer = peers_[key];
  const uint64_t nonce = next_nonce_++;
  std::move_backward(peer.asked.begin(), peer.asked.end() - 1, peer.asked.end());
  peer.asked.front() = {nonce, now};
  peer.next_ask = now + lease_ / 4;
  return {
      .nonce = nonce, .heard = peer.heard, .duration_ms = static_cast<uint32_t>(lease_.millis())};
}

void PromiseHolder::OnAnswer(ReactorKey key, const wire::PromiseAnswer& answer) {
  // The named chains stop before the answer counts (R1), whichever asking it belongs to.
  for (const wire::NamedChain& named : answer.named) {
    Epoch& epoch = named_against_[named.chain];
    epoch = std::max(epoch, named.epoch);
  }
  Peer& peer = peers_[key];
  for (const Asked& asked : peer.asked) {
    if (asked.nonce != answer.nonce || asked.nonce == 0) continue;
    peer.heard = std::max(peer.heard, answer.nonce);
    if (answer.duration_ms == 0) return;
    const Duration counted =
        std::min(lease_, Duration::Millis(answer.duration_ms)) - Duration::Millis(kLeaseMarginMs);
    peer.covered_until = std::max(peer.covered_until, asked.sent + counted);
    return;
  }
}

Instant PromiseHolder::CoveredUntil(ReactorKey peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? Instant() : it->second.covered_until;
}

Epoch PromiseHolder::NamedAgainst(ChainId chain) const {
  const auto it = named_against_.find(chain);
  return it == named_against_.end() ? Epoch() : it->second;
}

void PromiseHolder::Adopted(ChainId chain, Epoch epoch) {
  const auto it = named_against_.find(chain);
  if (it != named_against_.end() && it->second <= epoch) named_against_.erase(it);
}

wire::PromiseAnswer PromiseGranter::OnRequest(ReactorKey key, const wire::PromiseRequest& request,
                                              Instant now) {
  Peer& peer = peers_[key];
  std::erase_if(peer.named, [&](const auto& item) {
    return item.second.first_nonce != 0 && item.second.first_nonce <= request.heard;
  });
  wire::PromiseAnswer answer;
  answer.nonce = request.nonce;
  for (auto& [chain, named] : peer.named) {
    if (answer.named.size() == kNamedChainsPerFrame) return answer;  // no promise yet
    if (named.first_nonce == 0) named.first_nonce = request.nonce;
    answer.named.push_back({chain, named.epoch});
  }
  answer.duration_ms = std::min<uint32_t>(request.duration_ms, kLeaseMsMax);
  peer.promised_until = std::max(peer.promised_until, now + Duration::Millis(answer.duration_ms));
  return answer;
}

Instant PromiseGranter::PromisedUntil(ReactorKey peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? Instant() : it->second.promised_until;
}

void PromiseGranter::NameAgainst(ReactorKey peer, ChainId chain, Epoch epoch) {
  Named& named = peers_[peer].named[chain];
  if (epoch > named.epoch) named = {.epoch = epoch, .first_nonce = 0};
}

}  // namespace storpool::chain
