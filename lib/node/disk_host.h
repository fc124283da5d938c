// One opened disk: its store and the replicas of its chains.
//
// Invariant: after the store has failed nothing is appended or read any more, every replica knows
// it, and metadata has been told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "lib/chain/effects.h"
#include "lib/chain/replica.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/node/chain_host.h"
#include "lib/node/services.h"
#include "lib/wire/messages.h"

namespace storpool::node {

// Requests of clients that a disk has answered since its node started.
struct DiskCounters {
  uint64_t reads = 0;
  uint64_t read_bytes = 0;
  uint64_t writes = 0;
  uint64_t written_bytes = 0;
};

class DiskHost : private chunkstore::StoreEvents {
 public:
  // `name` and `device_class` are for people: "/dev/sdb", "ssd".
  DiskHost(Services& services, std::unique_ptr<chunkstore::ChunkStore> store, std::string name,
           std::string device_class);
  ~DiskHost() override;

  // Builds the replicas of what recovery found.
  void LoadChains();

  DiskId id() const { return own_.disk; }
  const chain::OwnDisk& own() const { return own_; }
  wire::DiskHere here() const { return {own_.disk, own_.store, own_.incarnation}; }
  const std::string& name() const { return name_; }
  const std::string& device_class() const { return device_class_; }
  // What had been lost when it was opened (4.2), for people; empty: nothing.
  const std::string& damage() const { return damage_; }
  chunkstore::ChunkStore& store() { return *store_; }
  bool failed() const { return failed_; }
  DiskCounters& counters() { return counters_; }

  ChainHost* Find(ChainId chain) const;
  // Makes an empty replica if there is none.
  ChainHost& FindOrMake(ChainId chain);
  const absl::btree_map<ChainId, std::unique_ptr<ChainHost>>& chains() const { return chains_; }

  // Effects of a replica.
  void Read(ChainHost& host, chain::StoreRead&& read);
  void Scan(ChainHost& host, const chain::StoreScan& scan);
  void ReadPending(ChainHost& host, const chain::StorePendingAbove& pending);
  void AwaitsDurable(ChainHost* host) { awaiting_.push_back(host); }
  void OnDiscarded(ChainId chain, uint64_t position);

  // Calls `done` when the store's records up to `position` are durable; never if it fails.
  void WhenDurable(uint64_t position, absl::AnyInvocable<void()> done);

 private:
  class ReadRun;
  class ScanRun;

  void OnDurable(uint64_t position) override;
  void OnFailed(const absl::Status& status) override;
  void OnLine(LineageId lineage) override;
  void OnRoom() override {}  // replicas that were denied ask again by themselves

  Services& services_;
  const std::string name_;
  const std::string device_class_;
  chain::OwnDisk own_;
  std::string damage_;
  bool failed_ = false;
  DiskCounters counters_;
  std::vector<std::unique_ptr<ReadRun>> reads_;
  std::vector<ReadRun*> free_reads_;
  std::vector<std::unique_ptr<ScanRun>> scans_;
  std::vector<ScanRun*> free_scans_;
  absl::btree_map<ChainId, std::unique_ptr<ChainHost>> chains_;
  std::vector<ChainHost*> awaiting_;  // have records that are not durable
  struct Waiter {
    uint64_t position;
    absl::AnyInvocable<void()> done;
  };
  std::vector<Waiter> waiters_;
  // Last, so that it goes first: nothing is called any more while the others go.
  std::unique_ptr<chunkstore::ChunkStore> store_;
};

}  // namespace storpool::node
