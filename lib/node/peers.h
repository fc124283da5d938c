// Connections to the other nodes: one for each pair, made by the node with the lower id, made again
// with back-off while the map has the other node.
//
// Invariants: a disk belongs to the node that proved to be it, in its hello; replicas hear of each
// connection's disks before its first message, and of their loss before those of its successor.
// Peers are always read from (design 5.3f): what they send is backed by credits.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/link/connection.h"
#include "lib/node/services.h"
#include "lib/wire/messages.h"
#include "proto/control.pb.h"

namespace storpool::node {

class ChainHost;

class Peers {
 public:
  Peers(Services& services, link::Local& local, env::Network& network);
  ~Peers();

  // Where nodes and disks are, as metadata or a disk's note says.
  void OnDisks(const DisksSection& section);
  // A connection that another node has made and proved.
  void Adopt(std::unique_ptr<link::Connection> connection);

  // Dropped if there is no connection to the disk's node.
  void Send(DiskId to, const wire::Message& message);
  template <class M>
  void SendToNode(NodeId node, const M& message) {
    link::Connection* connection = Ready(node);
    if (connection != nullptr) connection->Send(message);
  }
  bool IsReady(NodeId node) const { return Ready(node) != nullptr; }
  std::optional<NodeId> NodeOf(DiskId disk) const;
  // A disk of this node has failed: it is offered to nobody any more. It may turn up elsewhere.
  void Withdraw(DiskId disk);
  // Tells a new replica which disks are connected.
  void Introduce(ChainHost& host) const;
  void Stop();

 private:
  class Peer;

  link::Connection* Ready(NodeId node) const;
  Peer& FindOrMake(NodeId node);
  void OnMessage(Peer& peer, wire::Message&& message);

  Services& services_;
  link::Local& local_;
  env::Network& network_;
  bool stopped_ = false;
  std::map<NodeId, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> by_disk_;             // [disk]: connected through it; nullptr
  std::vector<Incarnation> incarnations_;  // [disk]: the newest that a hello has named
  std::vector<int> node_of_disk_;          // [disk]; -1: unknown
};

}  // namespace storpool::node
