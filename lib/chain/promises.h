// Read leases between mirrors (design 5.4): promises, per pair of reactors, shared by all chains.
//
// A reactor that has tails asks each reactor that has another serving member of their chains, every
// quarter of the lease. Whoever answers promises, for a duration, to adopt no epoch in which a tail
// of the asker does not serve, except for chains that the answer names. Both ends are step objects:
// time is an argument, on clocks that count suspension.
//
// Invariant: PromiseHolder::CoveredUntil is never later, in real time, than the end that
// PromiseGranter keeps: the holder counts from before it sent and takes a margin off for drift.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "lib/base/types.h"
#include "lib/wire/messages.h"

namespace storpool::chain {

// A reactor of some node, as the shell numbers them. Two lives of a process may share it.
using ReactorKey = uint64_t;

// What the peers' reactors have promised to this one.
class PromiseHolder {
 public:
  explicit PromiseHolder(Duration lease);

  // When to ask `peer` next; a peer never asked: at once.
  Instant NextAsk(ReactorKey peer) const;
  // The request to send right now: the promise counts from `now`.
  wire::PromiseRequest Ask(ReactorKey peer, Instant now);
  void OnAnswer(ReactorKey peer, const wire::PromiseAnswer& answer);

  // Reads may be answered while now < CoveredUntil of every other serving member's reactor.
  Instant CoveredUntil(ReactorKey peer) const;
  // The highest epoch of the chain that some answer named against us: a tail in a lower epoch
  // relies on no promise any more (R1, R18). Epoch 0: none.
  Epoch NamedAgainst(ChainId chain) const;
  // The replica has adopted `epoch`: what was named up to it has had its effect.
  void Adopted(ChainId chain, Epoch epoch);

 private:
  struct Asked {
    uint64_t nonce = 0;
    Instant sent;
  };
  struct Peer {
    std::array<Asked, 4> asked;  // the newest askings; answers to older ones do not count
    uint64_t heard = 0;          // the highest nonce answered
    Instant next_ask;
    Instant covered_until;
  };

  const Duration lease_;
  uint64_t next_nonce_ = 1;
  std::map<ReactorKey, Peer> peers_;
  std::map<ChainId, Epoch> named_against_;
};

// What this reactor has promised to its peers.
class PromiseGranter {
 public:
  wire::PromiseAnswer OnRequest(ReactorKey peer, const wire::PromiseRequest& request, Instant now);
  // No promise given so far runs longer than this. Past or 0: none.
  Instant PromisedUntil(ReactorKey peer) const;
  // From now on answers to `peer` name the chain, until it has heard it (effect NameAgainst).
  void NameAgainst(ReactorKey peer, ChainId chain, Epoch epoch);

 private:
  struct Named {
    Epoch epoch;
    uint64_t first_nonce = 0;  // of the first answer that said so; 0: not said yet
  };
  struct Peer {
    Instant promised_until;
    std::map<ChainId, Named> named;
  };
  std::map<ReactorKey, Peer> peers_;
};

// How a replica looks at the promises of its reactor. The shell knows which reactor has a disk.
class LeaseView {
 public:
  virtual ~LeaseView() = default;
  // PromiseHolder::CoveredUntil of the reactor of `member`.
  virtual Instant CoveredUntil(DiskId member) const = 0;
  virtual Epoch NamedAgainst(ChainId chain) const = 0;
  // PromiseGranter::PromisedUntil of the reactor of `tail`.
  virtual Instant PromisedUntil(DiskId tail) const = 0;
  // The longest lease ever configured: what a new incarnation waits, since it has forgotten what
  // its former life promised (R19).
  virtual Duration LongestLease() const = 0;
};

}  // namespace storpool::chain
