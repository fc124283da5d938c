// What a store knows of one chain, durably: the part of a member's state that outlives its process
// (design 5.1, 6.2). The store writes and recovers it; the chain's replica is loaded from it and
// never keeps a second truth.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/entry.h"
#include "lib/base/request_window.h"
#include "lib/base/types.h"

namespace storpool {

// A chunk of a lineage, the unit of bases and scans.
struct ChunkKey {
  LineageId lineage;
  ChunkIndex chunk;
  constexpr auto operator<=>(const ChunkKey&) const = default;
  template <class H>
  friend H AbslHashValue(H h, const ChunkKey& k) {
    return H::combine(std::move(h), k.lineage, k.chunk);
  }
};

// A chunk with its data here, of all layers and versions together: at most what a scan sends.
struct ChunkSize {
  ChunkKey chunk;
  uint64_t data_bytes = 0;
};

struct ChainRecord {
  ChainId chain;
  Epoch epoch;        // the highest adopted
  Version committed;  // W: may lag behind what was known before a crash, never leads (5.3d)
  // Pending entries in version order, without payload. The durable frontier D of a loaded member
  // is the version of the last one, or W if there is none.
  std::vector<Entry> pending;

  std::map<Session, RequestWindow> windows;                            // 5.8
  std::map<std::pair<VolumeId, ClientId>, Generation> min_generation;  // 5.9

  // Bases (5.1, 5.6): every chunk not named has `base`. Empty and unused while serving.
  Version base;
  std::map<ChunkKey, Version> chunk_bases;
  // F (5.6, R16): this store lacks nothing committed up to here; below every version if unknown.
  Version complete_up_to;

  // The adopted config, and with it the last opened one, in the encoding of its owner.
  std::string config;

  // Durable records of the chain were lost (4.2): what is here counts for nothing until the chain
  // has been discarded. The store says it on loading.
  bool damaged = false;
};

}  // namespace storpool
