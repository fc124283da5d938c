// What the volumes of one client are to front ends: a device for each name, which stays while
// sessions of NBD, or holders in this process, still use it. Reactor thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/block/switch_device.h"
#include "lib/client/client.h"
#include "lib/embed/client_server.h"
#include "lib/embed/waiters.h"
#include "lib/frontends/nbd/server.h"

namespace storpool::embed {

class Exports final : public client::ClientEvents, public nbd::ExportDirectory {
 public:
  // All outlive the exports.
  Exports(const ClientServerOptions& options, env::Reactor& reactor, BufferPool& pool);

  nbd::Server& server() { return server_; }
  // By name, or "~" and the global id.
  ClientServer::Device FindDevice(std::string_view name);
  // As those of ClientServer.
  void AwaitRegistered(Duration timeout, Waiters::Done done);
  void AwaitDevice(const std::string& name, Duration timeout, Waiters::Done done);

  // nbd::ExportDirectory
  absl::StatusOr<block::BlockDevice*> Find(std::string_view name) override;
  std::vector<std::string> List() override;

  // client::ClientEvents
  void OnRegistered() override;
  std::string OnAttached(client::Volume& volume, block::BlockDevice& limited) override;
  absl::Status OnDetach(client::Volume& volume) override;
  void OnGone(client::Volume& volume, const absl::Status& reason) override;
  void OnRefused(std::string_view reason, bool final) override;

 private:
  struct Exported {
    std::shared_ptr<block::SwitchDevice> device;
    std::string global_id;
    bool leaving = false;  // its detach goes on: nothing new is started
  };
  const ClientServerOptions& options_;
  env::Reactor& reactor_;
  BufferPool& pool_;
  nbd::Server server_;
  Waiters waiters_;
  std::map<std::string, Exported, std::less<>> devices_;
  bool registered_ = false;
  std::string refusal_;  // the last one
  bool refused_finally_ = false;
};

}  // namespace storpool::embed
