// A whole cluster in the virtual world: metadata, nodes with their disks, a client with its load,
// and what can happen to them.
//
// Invariant: everything follows from the seed. Faults are what the world does to processes, disks
// and links from outside; none is a switch inside the product.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/sim/clone_load.h"
#include "lib/sim/processes.h"
#include "lib/sim/site.h"
#include "lib/sim/snapshot_load.h"
#include "lib/sim/workload.h"
#include "lib/sim/world.h"

namespace storpool::sim {

struct ClusterOptions {
  uint64_t seed = 0;
  int nodes = 3;
  int disks_per_node = 1;
  uint32_t replication = 3;
  uint64_t disk_bytes = uint64_t{1} << 30;
  bool volatile_cache = true;
  // Whether snapshots are taken; a second client reads them.
  bool snapshots = false;
  // Two volumes, "v" and "w", each with a load: their snapshots are of one moment.
  bool group = false;
  // "w" is attached to the second client.
  bool apart = false;
  // Clones are made of snapshots, and changed in every way.
  bool clones = false;
  WorkloadOptions load{.volume_bytes = 5 * uint64_t{kChunkBytes}};
  bool verbose = false;
  Seams seams;
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  // Formats disks, starts everything, makes the volume and attaches it.
  absl::Status SetUp();

  World& world() { return world_; }
  Site& site() { return site_; }
  SimMetadata& metadata() { return metadata_; }
  std::vector<std::unique_ptr<SimNode>>& nodes() { return nodes_; }
  SimClient& client() { return client_; }
  Workload& load() { return load_; }
  // Of all volumes.
  std::vector<Workload*> loads();
  // nullptr: none are taken.
  SnapshotLoad* snapshots() { return snapshots_ ? &*snapshots_ : nullptr; }
  CloneLoad* clones() { return clones_ ? &*clones_ : nullptr; }
  SimClient& reader() { return *reader_; }  // of snapshots
  const ClusterOptions& options() const { return options_; }

  metadata::Command AttachCommand(const std::string& volume = "v") const;

  // Every host with data connections: nodes, then the client.
  std::vector<std::string> hosts() const;
  // The host has no power: it says nothing any more, not even that its connections are gone.
  void Silence(const std::string& host, bool silent);
  // Data between two hosts takes so many times as long, until it is 1 again.
  void SetSlowness(const std::string& a, const std::string& b, int factor);

  // Everything that is down starts, every link is good.
  void Heal();
  // Each chain is open with every member serving. Otherwise says which is not, and why.
  absl::Status CheckHealthy();
  // Runs until healthy, at most so long.
  absl::Status AwaitHealthy(Duration limit);
  // Called every few milliseconds by whatever lets time pass.
  void Look();
  void set_look(std::function<void()> look) { look_ = std::move(look); }
  // Runs until `done`, asked every few milliseconds; false if the limit came first.
  bool Await(Duration limit, const std::function<bool()>& done);

 private:
  Duration LinkDelay(const std::string& from, const std::string& to, size_t size_bytes);
  Duration DiskLatency(DiskId disk, const env::DeviceIo& io);
  absl::Status Configure();

  const ClusterOptions options_;
  World world_;
  Random delays_;
  env::MemoryNetwork network_;
  ControlNetwork control_;
  LogBook log_;
  Site site_;
  std::map<std::pair<std::string, std::string>, int> slowness_;
  EventOrder events_ = 0;
  Workload load_;
  std::optional<Workload> other_load_;
  SimMetadata metadata_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  SimClient client_;
  std::optional<SnapshotLoad> snapshots_;
  std::optional<CloneLoad> clones_;
  std::optional<SimClient> reader_;
  std::function<void()> look_;
};

}  // namespace storpool::sim
