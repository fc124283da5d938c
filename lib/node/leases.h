// Read leases of this node with the others (design 5.4): who is asked for promises and when, and
// how replicas see them.
//
// Invariant: others are asked only while a disk of this node is the tail of an open chain in which
// they serve, and only while there are reads: an idle node wakes nobody. The first read after a
// pause is answered by confirmation. An answer counts only after every chain that it names has been
// told (R1).
#pragma once

#include <optional>
#include <set>

#include "lib/chain/promises.h"
#include "lib/node/services.h"
#include "lib/wire/messages.h"

namespace storpool::node {

class Leases : public chain::LeaseView {
 public:
  explicit Leases(Services& services);

  Instant CoveredUntil(DiskId member) const override;
  Epoch NamedAgainst(ChainId chain) const override { return holder_.NamedAgainst(chain); }
  Instant PromisedUntil(DiskId tail) const override;
  Duration LongestLease() const override;

  void NameAgainst(DiskId tail, ChainId chain, Epoch epoch);
  void Adopted(ChainId chain, Epoch epoch) { holder_.Adopted(chain, epoch); }
  // Some replica's config changed: the peers to ask may be others.
  void OnConfigChanged() { refresh_.StartIn(Duration()); }
  // A client asks a tail of this node: promises are worth asking for, now and for a while.
  void OnRead();

  void OnPeerReady(NodeId node);
  wire::PromiseAnswer OnRequest(NodeId node, const wire::PromiseRequest& request);
  void OnAnswer(NodeId node, const wire::PromiseAnswer& answer);

 private:
  static chain::ReactorKey Key(NodeId node) { return node.value(); }
  void Refresh();
  void AskDue();

  Services& services_;
  chain::PromiseHolder holder_;
  chain::PromiseGranter granter_;
  std::set<NodeId> asked_;
  Instant wanted_until_;  // nobody is asked later than this
  env::Timer refresh_;
  env::Timer ask_;
};

}  // namespace storpool::node
