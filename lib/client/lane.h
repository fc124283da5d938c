// The requests of one session on one chain in one direction: writes to its head, or reads to its
// tail. Sends them, and sends them again until each has its answer (design 9.1).
//
// Invariant: a request that was added is in the lane until End; all that is out was sent in an
// epoch at or above the floor of the session (S2); what has to be sent again leaves in its old
// order.
//
// Where to: the newest opened config that is known; once a member has refused its epoch, the newest
// named one. When that member does not answer or does not serve, the others are asked one after the
// other, with one request, for the sake of the config that they have adopted (6.6).
#pragma once

#include "lib/base/types.h"
#include "lib/client/node_connections.h"
#include "lib/client/request.h"
#include "lib/directory/directory.h"
#include "lib/env/reactor.h"

namespace storpool::client {

class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  // Sends the request to request.sent_to in request.epoch.
  virtual void Transmit(Request& request) = 0;
  // What was sent to request.sent_to counts no more.
  virtual void Forget(Request& request) = 0;
};

class Lane {
 public:
  enum class Side { kHead, kTail };

  Lane(Side side, ChainId chain, Epoch floor, const directory::Directory& directory,
       NodeConnections& connections, env::Reactor& reactor, LaneOwner& owner);

  // `request.order` is above that of all before it.
  void Add(Request* request);
  // It was answered, or its session is over.
  void End(Request* request);
  // Its answer was a refusal that may pass: another epoch, not serving, another line.
  void Refused(Request* request);
  // Its answer was no use; sent again at once, to the same member.
  void Repeat(Request* request);
  // Whatever is out is sent again, at once.
  void RepeatAll();
  // Out of the lane for a while, keeping its order; and back.
  void TakeOut(Request* request);
  void PutBack(Request* request);

  // News: each leads to sending again what must be.
  void OnChain();  // also: a disk has another address, a line has changed
  void OnConnectionReady(const NodeConnection& connection);
  void OnConnectionLost(const NodeConnection& connection, bool was_ready);
  void OnTick();

  // The request with this order, if it is here.
  Request* Find(uint64_t order) const;
  const List<Request>& sent() const { return sent_; }
  const List<Request>& unsent() const { return unsent_; }
  bool empty() const { return sent_.empty() && unsent_.empty(); }

 private:
  struct Aim {
    NodeConnection* to = nullptr;
    Epoch epoch;
    bool primary = false;  // the head or tail itself
  };

  const model::ChainConfig* Config() const;
  void TakeAim();
  void Pump();
  void Unsend(Request* request);
  void Line(Request* request);
  void Pause();
  void GoOn();

  const Side side_;
  const ChainId chain_;
  const directory::Directory& directory_;
  NodeConnections& connections_;
  env::Reactor& reactor_;
  LaneOwner& owner_;

  List<Request> sent_;    // in the order of sending
  List<Request> unsent_;  // by request.order
  Epoch min_epoch_;       // floor of S2, and above every epoch that was refused and is past
  Aim aim_;
  uint32_t attempts_ = 0;     // failed in a row; chooses the member
  Request* probe_ = nullptr;  // the only one out to a member that is not the primary
  Instant progress_;
  Duration delay_;
  env::Timer pause_;
};

}  // namespace storpool::client
