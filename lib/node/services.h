// What the parts of one node's reactor need of each other. Everything lives as long as the Node.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/types.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"

namespace storpool::node {

class ChainTable;
class Clients;
class Leases;
class Lines;
class MetadataSession;
class Peers;
class ScanQueue;
class Space;

// Frees in a later turn what may still be on the call stack in this one: connections that ended.
class Graveyard {
 public:
  explicit Graveyard(env::Reactor& reactor) : timer_(reactor, [this] { dead_.clear(); }) {}
  void Bury(std::shared_ptr<void> corpse) {
    dead_.push_back(std::move(corpse));
    timer_.StartIn(Duration());
  }

 private:
  std::vector<std::shared_ptr<void>> dead_;
  env::Timer timer_;
};

struct Services {
  env::Reactor& reactor;
  BufferPool& pool;
  BufferPool& request_pool;  // data of clients' requests, and of nothing else (5.3f)
  env::LogSink& log;
  NodeId self;
  Instant started;
  Graveyard& graveyard;

  ChainTable* chains = nullptr;
  Clients* clients = nullptr;
  Leases* leases = nullptr;
  Lines* lines = nullptr;
  MetadataSession* metadata = nullptr;
  Peers* peers = nullptr;
  ScanQueue* scans = nullptr;
  Space* space = nullptr;

  void Log(env::LogLevel level, std::string_view text) const { log.Log(level, "node", text); }
};

}  // namespace storpool::node
