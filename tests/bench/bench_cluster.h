// A real cluster for one run: metadata and three nodes with one disk each as processes of their own
// with default options, and volumes attached to a client inside this process, so that load starts
// on the client's reactor.
//
// Invariant: whatever happens to the bench, no process and no file of a disk stays behind.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/block/block_device.h"
#include "lib/embed/client_server.h"
#include "lib/env/log_sink.h"
#include "tests/bench/child.h"
#include "tests/bench/scratch_folder.h"

namespace storpool::bench {

struct ClusterOptions {
  std::string folder;  // for everything; made, and removed at the end
  std::vector<std::string> volumes = {"bench"};
  uint64_t volume_bytes = 0;  // of each
  uint64_t disk_bytes = 0;
  // All space of disks is taken before anything is measured, as that of the floor's files is.
  bool preallocate = false;
  uint32_t replicas = 3;
  std::vector<std::string> node_environment;
};

class BenchCluster {
 public:
  static absl::StatusOr<std::unique_ptr<BenchCluster>> Start(const ClusterOptions& options);
  BenchCluster(const BenchCluster&) = delete;
  BenchCluster& operator=(const BenchCluster&) = delete;
  ~BenchCluster();

  // Runs `fn` on the client's reactor with the first volume, and waits for it.
  void OnReactor(const std::function<void(block::BlockDevice&)>& fn);
  // The device of a volume or snapshot that is attached, or will be within some seconds. To be used
  // and let go of on the client's reactor.
  absl::StatusOr<embed::ClientServer::Device> Await(const std::string& name);
  // Runs `fn` on the client's reactor, and waits for it.
  void Run(const std::function<void()>& fn);
  const std::string& metadata_address() const { return metadata_address_; }
  // Of the daemons; the client is this process.
  std::vector<pid_t> metadata_and_nodes() const;
  std::vector<pid_t> nodes() const;
  // An error with the log of a daemon that ended.
  absl::Status Check();
  const std::string& folder() const { return options_.folder; }
  // The file of node 1's disk, for whoever reads it beside the node; valid while this exists.
  const std::string& a_disk() const { return a_disk_; }

 private:
  explicit BenchCluster(const ClusterOptions& options) : options_(options) {}
  absl::Status StartAll();
  absl::Status MakeDisks();
  absl::Status StartDaemons();
  absl::Status StartClient();
  // Nodes and clients that are up, and their disks.
  absl::Status WaitForServices(size_t count);
  bool AllKnown(size_t services, absl::Status* last) const;
  absl::Status MakeVolume();
  absl::StatusOr<std::string> Control(std::vector<std::string> words) const;
  std::string DiskPath(int node) const;
  static absl::Status TakeSpace(const std::string& path, uint64_t bytes);
  std::string ClusterFile() const { return options_.folder + "/metadata/cluster"; }

  const ClusterOptions options_;
  std::unique_ptr<ScratchFolder> folder_;  // outlives what uses it
  std::string storpoolctl_;
  std::string metadata_address_;
  int a_disk_fd_ = -1;
  std::string a_disk_;
  std::vector<std::pair<std::string, Child>> daemons_;  // name and process; metadata is the first
  std::unique_ptr<env::LogSink> log_;
  std::unique_ptr<embed::ClientServer> client_;
};

}  // namespace storpool::bench
