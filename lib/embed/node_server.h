// A storage node on a thread of its own: what storpool_node is, and what an appliance links.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/types.h"
#include "lib/embed/cluster_file.h"
#include "lib/env/log_sink.h"

namespace storpool::embed {

struct NodeServerOptions {
  NodeId id;         // 0..kNodeIdMax
  std::string name;  // for people; empty: "node ID"
  std::string fault_set;
  ClusterFile cluster;
  std::vector<std::string> metadata;   // "host:port" of each metadata daemon
  std::string listen = "127.0.0.1:0";  // for clients and other nodes
  std::vector<std::string> disks;      // files or block devices, made by `storpoolctl disk init`
  env::LogSink* log = nullptr;         // outlives the node
  // Metadata does not take this node in, and trying again will not help: another cluster, a wrong
  // secret, an id that another node has. Called on the node's thread.
  std::function<void(std::string_view reason)> on_refused;
};

// kInvalidArgument: nobody could be told this address, since it is that of no one machine
// ("0.0.0.0:7481"). A node advertises what it listens at.
absl::Status CheckListen(std::string_view address);

class NodeServer {
 public:
  // Opens and recovers all disks. Errors name the disk or address and the way out. Metadata is
  // looked for until it is there.
  static absl::StatusOr<std::unique_ptr<NodeServer>> Start(const NodeServerOptions& options);
  NodeServer(const NodeServer&) = delete;
  NodeServer& operator=(const NodeServer&) = delete;
  // A clean stop: what is under way is finished, stores are closed.
  ~NodeServer();

  // With the port that was taken.
  const std::string& address() const;

 private:
  class Impl;
  explicit NodeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storpool::embed
