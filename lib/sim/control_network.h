// Carries the talk with metadata in the virtual world: control messages, encoded, in order, after a
// delay; links that break, stall or lose their process (lib/control/link.h).
//
// Invariant: as gRPC's streams do, a link delivers a prefix of what was sent, and after a break
// both ends begin again; nothing of an earlier life of a link arrives in a later one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "lib/control/link.h"
#include "lib/env/reactor.h"
#include "lib/sim/world.h"

namespace storpool::sim {

class ControlNetwork {
 public:
  // The time that one message takes.
  using Delay = std::function<Duration()>;

  ControlNetwork(World& world, Delay delay);
  ControlNetwork(const ControlNetwork&) = delete;
  ControlNetwork& operator=(const ControlNetwork&) = delete;
  ~ControlNetwork();

  // Metadata is there, on its reactor; both must live until MetadataDown.
  void MetadataUp(env::Reactor& reactor, control::PeerHandler& handler);
  // Its process has ended: every link goes down.
  void MetadataDown();

  // A link for a process of `host`. Destroying it is the end of the process: metadata is told that
  // the peer is gone and, unless the host is cut off, that nobody listens there any more.
  std::unique_ptr<control::MetadataLink> MakeLink(env::Reactor& reactor, std::string host);

  // No message passes between the host and metadata, and nobody is told.
  void CutOff(const std::string& host, bool cut);

  uint64_t messages() const { return messages_; }

 private:
  class Link;
  class PeerEnd;
  class Pipe;
  friend class Link;
  friend class PeerEnd;

  bool IsCut(const std::string& host) const { return cut_.contains(host); }

  World& world_;
  const Delay delay_;
  env::Reactor* metadata_reactor_ = nullptr;
  control::PeerHandler* metadata_ = nullptr;
  std::set<std::string> cut_;
  std::map<uint64_t, Link*> links_;     // by age
  std::map<uint64_t, PeerEnd*> peers_;  // by age
  uint64_t next_link_ = 1;
  uint64_t next_peer_ = 1;
  uint64_t messages_ = 0;
};

}  // namespace storpool::sim
