// Carries the talk with metadata over gRPC, at metadata's end: every stream of a node or client
// becomes a control::Peer on metadata's reactor.
//
// gRPC's threads never touch metadata's state: each message is posted to the reactor, in order.
// Invariant: PeerHandler hears of a peer exactly once, then of its messages, then at most once that
// it is gone; a Peer is deleted only after that.
#pragma once

#include <memory>

#include "lib/control/link.h"
#include "lib/env/reactor.h"
#include "proto/service.grpc.pb.h"

namespace storpool::rpc {

class ControlService final : public Control::CallbackService {
 public:
  // Both must outlive the gRPC server that this service is registered with.
  ControlService(env::Reactor& reactor, control::PeerHandler& handler);

  grpc::ServerBidiReactor<ToMetadata, FromMetadata>* Connect(
      grpc::CallbackServerContext* context) override;

 private:
  env::Reactor& reactor_;
  control::PeerHandler& handler_;
};

}  // namespace storpool::rpc
