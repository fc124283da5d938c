// A network in memory under virtual time: hosts with reactors of their own, streams between them
// that deliver in order after a delay, links that stall or break.
//
// Invariant: what arrives is a prefix of what was sent, whatever happens to the link.
// Deterministic: delays and piece sizes come from the callbacks that are set. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "lib/env/reactor.h"
#include "lib/env/stream.h"

namespace storpool::env {

class MemoryListener;
class MemoryStream;

class MemoryNetwork {
 public:
  // How long `size_bytes` take from one host to the other; none: they arrive in the next turn.
  using Delay =
      std::function<Duration(const std::string& from, const std::string& to, size_t size_bytes)>;
  // How many of `size_bytes` that have arrived are handed on at once: at least 1.
  using Piece = std::function<size_t(size_t size_bytes)>;

  MemoryNetwork() = default;
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;

  // The network as the processes of `host` see it; addresses are "host:port". The hub and the
  // reactor outlive it and all its streams. A host may be attached several times.
  std::unique_ptr<Network> Attach(Reactor& reactor, std::string host);

  void set_delay(Delay delay) { delay_ = std::move(delay); }
  void set_piece(Piece piece) { piece_ = std::move(piece); }

  // One way: bytes sent by `from` wait, and go on when the stall ends. Nobody is told.
  void Stall(const std::string& from, const std::string& to, bool stalled);
  // Both ways: connections are reset and new ones refused, until it is mended.
  void Break(const std::string& a, const std::string& b, bool broken);
  // Resets the connections between two hosts; new ones work.
  void DropConnections(const std::string& a, const std::string& b);

  size_t open_streams() const { return streams_.size(); }

 private:
  friend class MemoryHost;
  friend class MemoryListener;
  friend class MemoryStream;
  using Link = std::pair<std::string, std::string>;

  Duration DelayOf(const std::string& from, const std::string& to, size_t size_bytes) const;
  bool IsBroken(const std::string& a, const std::string& b) const;

  Delay delay_;
  Piece piece_;
  std::set<Link> stalled_;  // from, to
  std::set<Link> broken_;   // both orders
  std::map<std::string, MemoryListener*> listeners_;
  std::map<uint64_t, MemoryStream*> streams_;  // by age
  uint64_t next_stream_ = 1;
  int next_port_ = 10000;
};

}  // namespace storpool::env
