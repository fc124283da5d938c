// The processes of a simulated cluster, each with lives: what is durable outlives its process, all
// else goes with it (design 7).
//
// Invariant: destroying a process drops what it had under way without a word, as SIGKILL does;
// only a reset of its connections is noticed by others, and not even that when its host has lost
// power.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/api/admin.h"
#include "lib/client/client.h"
#include "lib/client/link_channels.h"
#include "lib/env/memory/memory_device.h"
#include "lib/env/memory/memory_key_value.h"
#include "lib/env/memory/memory_log.h"
#include "lib/link/connection.h"
#include "lib/metadata/leader.h"
#include "lib/node/node.h"
#include "lib/sim/sim_device.h"
#include "lib/sim/site.h"

namespace storpool::sim {

class SimMetadata {
 public:
  explicit SimMetadata(Site& site);
  ~SimMetadata();

  void Start();
  void Crash(bool power_lost);
  bool running() const { return life_ != nullptr; }
  // It runs and has applied all of its log: what its state says is so.
  bool ready() const;
  // Only while running.
  metadata::Leader& leader();
  // The commands of people and tools, as the daemon gives them. Only while running; what was asked
  // of a life that has ended is not answered.
  api::Admin& admin();
  // Grows with every life.
  uint64_t life() const { return term_; }

  // Proposes a command and runs the world until it was applied; only while running.
  absl::StatusOr<metadata::CommandResult> Do(metadata::Command command);

 private:
  struct Life;
  Site& site_;
  env::MemoryKeyValueStore store_;
  env::MemoryLogMedium log_;
  uint64_t term_ = 0;
  std::unique_ptr<Life> life_;
};

using DiskLatency = std::function<Duration(DiskId disk, const env::DeviceIo& io)>;

// A node and its disks.
class SimNode {
 public:
  SimNode(Site& site, NodeId id, std::vector<DiskId> disks, const env::DeviceInfo& disk_info,
          DiskLatency latency);
  ~SimNode();

  const std::string& host() const { return host_; }
  NodeId id() const { return id_; }
  // Makes empty stores. Before the first Start.
  void Format();
  void Start();
  // `power_lost`: the disks lose what was not flushed.
  void Crash(bool power_lost);
  // Ends properly: `running` until it has. The first error of a stop is kept.
  void Stop();
  bool running() const { return life_ != nullptr; }
  // Its disks are open and it serves what it can.
  bool started() const { return life_ != nullptr && life_->started && !life_->stopping; }
  bool has_failed_disk() const;
  // The error that a start ended with, if it did.
  const absl::Status& start_status() const { return start_status_; }
  node::Node* node() { return life_ == nullptr ? nullptr : life_->node.get(); }

  // A disk while the node does not run: for checkers.
  struct DiskHere {
    DiskId id;
    env::MemoryDisk disk;
  };
  std::vector<DiskHere>& disks() { return disks_; }

 private:
  struct Life {
    std::unique_ptr<env::ManualReactor> reactor;
    std::unique_ptr<SeededEntropy> entropy;
    std::unique_ptr<ProcessLog> log;
    std::vector<std::unique_ptr<SimDevice>> devices;
    std::unique_ptr<env::Network> network;
    std::unique_ptr<control::MetadataLink> metadata;
    std::unique_ptr<node::Node> node;
    bool started = false;
    bool stopping = false;
  };
  Site& site_;
  const NodeId id_;
  const std::string host_;
  std::vector<DiskHere> disks_;
  absl::Status start_status_;
  std::unique_ptr<Life> life_;
};

// What uses one volume of a client at a time; outlives it.
class ClientUser {
 public:
  virtual ~ClientUser() = default;
  virtual void OnVolume(client::Volume& volume, env::Reactor& reactor) = 0;
  // A detach: nothing new is to be started; OnVolumeGone follows.
  virtual void OnDetach() = 0;
  // The volume is gone, with its session or with the process. No request comes back any more.
  virtual void OnVolumeGone() = 0;
};

class SimClient {
 public:
  // Who uses a volume of this name; nullptr: nobody, it is only attached.
  using UserOf = std::function<ClientUser*(const std::string& volume)>;

  SimClient(Site& site, ClientId id, UserOf user_of);
  ~SimClient();

  const std::string& host() const { return host_; }
  void Start();
  void Crash();
  bool running() const { return life_ != nullptr; }

 private:
  struct Life;
  Site& site_;
  const ClientId id_;
  const std::string host_;
  const UserOf user_of_;
  std::unique_ptr<Life> life_;
};

}  // namespace storpool::sim
