// What the volumes of one client are to front ends: a device for each, which stays while sessions
// of NBD, or holders in this process, still use it. Reactor thread only.
//
// Invariant: a device belongs to one volume, whatever that is called meanwhile; names only find it.
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
  // Ends all connections of NBD, then the sessions of `client`, which is the one whose volumes
  // these are (nullptr: there was none yet). What no chain answers within kClientEndMs fails.
  void Stop(client::Client* client, absl::AnyInvocable<void()> done);
  // By name, or "~" and the global id. nullptr: there is none.
  ClientServer::Device FindDevice(std::string_view name);
  ClientServer::Device FindDevice(VolumeId id);
  // What FindDevice would give; VolumeId() if nothing.
  VolumeId FindVolume(std::string_view name) const;
  std::string GlobalIdOf(std::string_view name) const;  // empty: there is none
  absl::Status NotAttached(std::string_view name) const;
  // As those of ClientServer.
  void AwaitRegistered(Duration timeout, Waiters::Done done);
  void AwaitDevice(const std::string& name, Duration timeout, Waiters::Done done);

  // nbd::ExportDirectory
  absl::StatusOr<block::BlockDevice*> Find(std::string_view name) override;
  std::vector<std::string> List() override;

  // client::ClientEvents
  void OnRegistered() override;
  std::string OnAttached(client::Volume& volume, block::BlockDevice& limited) override;
  std::string OnRenamed(client::Volume& volume) override;
  absl::Status OnDetach(client::Volume& volume) override;
  void OnGone(client::Volume& volume, const absl::Status& reason) override;
  void OnRefused(std::string_view reason, bool final) override;

 private:
  struct Exported {
    const client::Volume* volume;
    std::shared_ptr<block::SwitchDevice> device;
    bool leaving = false;  // its detach goes on: nothing new is started
  };

  void EndVolumes();
  std::string PlaceOf(const client::Volume& volume) const;

  const ClientServerOptions& options_;
  env::Reactor& reactor_;
  BufferPool& pool_;
  nbd::Server server_;
  Waiters waiters_;
  std::map<VolumeId, Exported> volumes_;
  bool registered_ = false;
  std::string refusal_;  // the last one
  bool refused_finally_ = false;
  client::Client* ending_ = nullptr;  // since Stop
  env::Timer end_now_;
};

}  // namespace storpool::embed
