// The two ends of the talk with metadata (proto/control.proto), without its carrier: gRPC between
// daemons, the simulated network in tests, a direct call in one process.
//
// Contract: messages of one link arrive in order or the link goes down; after OnLinkUp nothing of
// an earlier life of the link arrives. Reactor thread of the owner only; never called from within
// Send.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "proto/control.pb.h"

namespace storpool::control {

// A node's or client's end. Connects by itself, to whichever daemon leads, for ever.
class MetadataLink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // Connected: the handler sends Register first.
    virtual void OnLinkUp() = 0;
    virtual void OnLinkMessage(const FromMetadata& message) = 0;
    virtual void OnLinkDown(const absl::Status& reason) = 0;
  };

  virtual ~MetadataLink() = default;  // Closes; no call comes any more.
  virtual void Start(Handler* handler) = 0;
  // Dropped while the link is down.
  virtual void Send(const ToMetadata& message) = 0;
};

// Metadata's end: what it holds for one connected node or client.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void Send(const FromMetadata& message) = 0;
  // No message of this peer arrives any more; OnPeerGone is not called.
  virtual void Close() = 0;
};

// What carries links gives connections and messages to this; metadata implements it. A Peer stays
// valid until OnPeerGone has returned or Close was called.
class PeerHandler {
 public:
  virtual ~PeerHandler() = default;
  virtual void OnPeer(Peer* peer) = 0;
  virtual void OnPeerMessage(Peer* peer, const ToMetadata& message) = 0;
  // `refused`: its process is gone (a reset, then a refusal), not merely silent (design 6.7).
  virtual void OnPeerGone(Peer* peer, bool refused) = 0;
};

}  // namespace storpool::control
