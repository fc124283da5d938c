// Carries the talk with metadata over gRPC, at the end of a node or client: connects to the
// addresses of its list in turn, to the leader if one is named, again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/control/link.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"

namespace storpool::rpc {

class ControlLink final : public control::MetadataLink {
 public:
  // `addresses` ("host:port") is not empty. `reactor` and `log` outlive the link.
  ControlLink(env::Reactor& reactor, env::LogSink& log, std::vector<std::string> addresses);
  // Waits for gRPC's threads to be done with it.
  ~ControlLink() override;

  void Start(Handler* handler) override;
  void Send(const ToMetadata& message) override;

 private:
  class Call;
  void Connect();
  void OnUp(uint64_t call);
  void OnMessage(uint64_t call, const FromMetadata& message);
  void OnDown(uint64_t call, const absl::Status& reason);

  env::Reactor& reactor_;
  env::LogSink& log_;
  const std::vector<std::string> addresses_;
  size_t next_address_ = 0;
  std::string leader_address_;
  Handler* handler_ = nullptr;
  env::Timer retry_;
  Duration retry_delay_;
  uint64_t call_number_ = 0;  // posts of an earlier call are recognized by it
  std::shared_ptr<Call> call_;
  bool up_ = false;
  // Posted functions outlive the link; they look here first.
  std::shared_ptr<ControlLink*> self_;
};

}  // namespace storpool::rpc
