// One reactor of a storage node: opens its disks, listens for clients and other nodes, follows
// metadata, and runs the effects of its chains' replicas against stores and network (design 6).
//
// Invariants: nothing is served before every disk has been recovered or given up; whatever connects
// has proved that it knows the cluster's secret; everything runs on the one reactor. Destroying a
// Node without Stop is its crash. Reactor thread only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "lib/chain/replica.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/control/link.h"
#include "lib/env/device.h"
#include "lib/env/entropy.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"
#include "lib/env/stream.h"

namespace storpool::node {

// What opens a disk's store, with the contract of chunkstore::ChunkStore::Open.
using OpenStore = std::function<void(
    const chunkstore::ChunkStore::Options& options, const chunkstore::ClusterUuid& cluster,
    absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>>)> done)>;

struct NodeDisk {
  // Outlives Stop; before a crash (destruction without Stop) it must call nobody any more.
  env::Device* device = nullptr;
  std::string name;          // for people: "/dev/sdb"
  std::string device_class;  // "nvme", "ssd", "hdd", "file"
};

struct NodeOptions {
  NodeId id;
  std::string name;                            // for people; "node 3" if empty
  std::array<uint8_t, 16> cluster = {};        // uuid
  std::string secret;                          // of the cluster
  std::string fault_set;                       // empty: one of its own
  std::string version;                         // of the software
  std::string listen_address = "127.0.0.1:0";  // as env::Network::Listen
  // What others connect to; empty: where it listens.
  std::string advertised_address;
  std::vector<NodeDisk> disks;
  OpenStore open_store = chunkstore::ChunkStore::Open;  // tests stack what they like upon it
  // Metadata does not take this node in, and trying again will not help: another cluster, a wrong
  // secret, an id that another node has. Whatever metadata refuses otherwise is tried again.
  std::function<void(std::string_view reason)> on_refused;
};

// For tests, status and tools. `replica` is valid until the node's next turn.
struct ChainHere {
  DiskId disk;
  ChainId chain;
  chain::ReplicaStatus status;
  const chain::Replica* replica = nullptr;
};

class Node {
 public:
  // All references outlive the node.
  Node(NodeOptions options, env::Reactor& reactor, env::Network& network, env::Entropy& entropy,
       env::LogSink& log, control::MetadataLink& metadata);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();

  // Opens the disks, listens, then talks to metadata. A disk that does not open is left out, logged
  // and told to metadata, unless none opens. An error names the disk or address and the way out;
  // then the node does nothing.
  void Start(absl::AnyInvocable<void(absl::Status)> done);
  // Takes nothing new, finishes what is under way as far as it can be soon, closes the stores.
  void Stop(absl::AnyInvocable<void(absl::Status)> done);

  // Where it listens, once started.
  std::string address() const;
  bool registered() const;  // with metadata
  std::vector<ChainHere> chains() const;
  BufferPool& pool();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storpool::node
