// All replicas of a node: found by chain and disk, woken at their deadlines, and given messages.
//
// Invariant: one timer runs for all deadlines, never later than the earliest.
#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "lib/node/chain_host.h"
#include "lib/node/disk_host.h"
#include "lib/node/services.h"
#include "lib/wire/messages.h"

namespace storpool::node {

// The fields that every message between members has; nullptr for others.
const wire::Common* CommonOf(const wire::Message& message);

class ChainTable {
 public:
  explicit ChainTable(Services& services);

  void Add(DiskHost& disk) { disks_.push_back(&disk); }
  void Add(ChainHost& host);
  const std::vector<DiskHost*>& disks() const { return disks_; }
  // nullptr: not a disk of this node.
  DiskHost* DiskHere(DiskId disk) const;

  // Tells a new replica which other disks of its node there are: as near as a connected one.
  void Introduce(ChainHost& host) const;

  // The replica that orders writes, or answers reads, of the chain, if it is here; else any. One of
  // another disk, which was left out, may take itself for it still: the highest epoch is right.
  ChainHost* HeadOf(ChainId chain) const;
  ChainHost* TailOf(ChainId chain) const;
  // In the order in which they were made.
  const std::vector<ChainHost*>& all() const { return all_; }
  template <class F>
  void StepAll(F&& step) {
    for (size_t i = 0; i < all_.size(); ++i) all_[i]->Step(step);
  }

  // To the replica that `message` (one with a Common) is for; dropped if there is none.
  void Deliver(wire::Message&& message);
  // The same in a later turn: from a replica of this node.
  void DeliverLocally(wire::Message&& message);

  void OnDeadline(Instant at);

 private:
  void OnTimer();
  void DeliverQueued();
  template <class F>
  ChainHost* Find(ChainId chain, F&& is_right) const;

  Services& services_;
  std::vector<DiskHost*> disks_;
  std::vector<ChainHost*> all_;
  absl::flat_hash_map<ChainId, absl::InlinedVector<ChainHost*, 2>> by_chain_;  // never iterated
  env::Timer timer_;
  std::vector<wire::Message> queued_, delivering_;
  env::Timer queue_timer_;
};

}  // namespace storpool::node
