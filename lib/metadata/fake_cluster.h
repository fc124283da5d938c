// A cluster for tests: the real leader over stores in memory under virtual time, and nodes and
// clients that play their part of the protocol honestly, without data.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_key_value.h"
#include "lib/env/memory/memory_log.h"
#include "lib/metadata/leader.h"

namespace storpool::metadata {

class FakeCluster;

// One node or client daemon: its end of the link is played here.
class FakePeer : public control::Peer {
 public:
  FakePeer(FakeCluster& cluster, uint32_t id) : id_(id), cluster_(cluster) {}

  void Start();             // a new process: another incarnation of all
  void Kill(bool refused);  // SIGKILL, or merely a link that breaks
  void Cut() { Disconnect(false); }
  void Connect();  // again, the same process
  void Say(const ToMetadata& message);
  void Heartbeat();
  bool up() const { return up_; }
  bool connected() const { return connected_; }
  uint32_t id() const { return id_; }

  void Send(const FromMetadata& message) override { inbox_.push_back(message); }
  void Close() override;
  virtual void Pump();

  bool mute = false;  // hears, but says nothing
  std::string secret = "secret";
  std::string refusal;  // the last one
  bool refused_for_good = false;
  bool registered = false;
  std::map<std::string, Section> sections;  // newest of each
  std::vector<SectionVersion> follows;

 protected:
  virtual Register Hello() = 0;
  virtual void NewLife() = 0;
  virtual void Take(const FromMetadata& message) = 0;
  virtual void FillBeat(storpool::Heartbeat&) {}
  void Disconnect(bool refused);

  const uint32_t id_;
  FakeCluster& cluster_;
  uint64_t process_ = 0;
  bool up_ = false;
  bool connected_ = false;
  std::vector<FromMetadata> inbox_;
};

class FakeNode : public FakePeer {
 public:
  using FakePeer::FakePeer;
  void Pump() override;
  bool HasDisk(uint32_t disk) const;
  // Says that `disk` lacks nothing in the opened epoch of each chain where it is syncing.
  void Promote();

  struct HeldChain {
    uint32_t epoch = 0;  // adopted
    ChainConfig opened;  // the newest that it knows as opened
  };
  std::vector<DiskHere> disks;
  std::string fault_set;
  std::map<uint32_t, HeldChain> chains;
  bool promotes = true;
  bool raises = true;
  bool opens = true;
  bool drops = true;
  bool keeps_lines = true;
  bool applies = true;  // what a line removed
  // What layers hold: 4 KiB in the first one, 512 bytes of them for it alone.
  bool counts = true;
  std::map<uint64_t, Line> lines;  // ordered
  int layers_ordered = 0;          // in all orders
  uint64_t stored_bytes = 0;       // on each of its disks
  std::set<uint64_t> dropped_lineages;
  std::set<uint32_t> former_chains;
  std::map<uint32_t, Horizon> horizons;
  std::vector<RaiseOrder> raise_orders;
  void SayLines();

 protected:
  Register Hello() override;
  void NewLife() override;
  void Take(const FromMetadata& message) override;
  void FillBeat(storpool::Heartbeat& beat) override;

 private:
  void TryOpen();
  void TakeOpened(const ChainConfig& config);
  void AnswerRaises();
  std::map<uint32_t, NamedConfig> coordinating_;
};

class FakeClient : public FakePeer {
 public:
  using FakePeer::FakePeer;
  // Of the newest attachments section; nullptr if the volume is not there.
  const Attachment* Find(const std::string& volume) const;
  std::string holds_open;  // a detach of this volume is refused
  bool holds = true;       // when it is told to
  bool times_out = false;  // and goes on before the release
  bool drains = true;
  uint64_t pause_us = 1500;  // what it says of each hold
  bool fills = true;
  std::string fill_error;               // what it says of every fill instead
  std::map<uint64_t, uint32_t> layers;  // by volume: what its session writes
  std::vector<SnapshotHold> hold_orders;
  std::vector<FillOrder> fill_orders;
  std::set<uint64_t> unfinished;  // holds without SnapshotOver
  void Pump() override;

 protected:
  Register Hello() override;
  void NewLife() override;
  void Take(const FromMetadata& message) override;

 private:
  void TakeHold(const FromMetadata& message);
  void TakeFill(const FillOrder& order);
  // How holds ended, said again until SnapshotOver; by hold and volume.
  std::map<std::pair<uint64_t, uint64_t>, SnapshotReleased> ended_;
};

class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();

  void StartLeader();
  void StopLeader();  // the process dies; store and log stay
  Leader& leader() { return *leader_; }
  const State& state() { return leader_->state(); }

  absl::StatusOr<CommandResult> Do(Command command);
  void Init();
  // With one disk each, id = node * 10, started.
  FakeNode& AddNode(uint32_t id, std::vector<uint32_t> disk_ids = {});
  FakeClient& AddClient(uint32_t id);
  FakeNode& node(uint32_t id) { return *nodes_.at(id); }
  FakeClient& client(uint32_t id) { return *clients_.at(id); }
  // Initialised, three nodes, group "default", template "t" of that replication.
  void Standard(uint32_t nodes = 3, uint32_t replication = 3);
  absl::StatusOr<CommandResult> CreateVolume(const std::string& name,
                                             const std::string& template_name = "t",
                                             uint64_t size_bytes = 1 << 30);

  // One snapshot of each volume, named "s-VOLUME"; not waited for.
  absl::StatusOr<CommandResult> Snapshot(const std::vector<std::string>& volumes);
  std::string TakeBackup();
  // Metadata's folder is lost: another one, from a backup, while all nodes and clients are down.
  void RestoreFrom(const std::string& backup);
  // A new leader over the same store and log.
  void RestartLeader();

  void Run(Duration time);
  size_t Open() const;                              // chains whose newest name is open
  size_t FullyServing(uint32_t replication) const;  // open with all members serving
  std::string Dump() const;                         // of the store

  env::ManualReactor reactor;
  env::MemoryKeyValueStore store;
  env::MemoryLogMedium medium;
  Options options;

 private:
  friend class FakePeer;
  friend class FakeNode;
  void Pump();
  void CheckRules();
  void CheckLayers();

  class Sink : public env::LogSink {
   public:
    bool Enabled(env::LogLevel) const override { return false; }
    void Log(env::LogLevel, std::string_view, std::string_view) override {}
  };
  Sink sink_;
  std::unique_ptr<env::MemoryLog> log_;
  std::unique_ptr<Leader> leader_;
  std::map<uint32_t, std::unique_ptr<FakeNode>> nodes_;
  std::map<uint32_t, std::unique_ptr<FakeClient>> clients_;
  std::map<std::pair<uint32_t, uint32_t>, std::string> content_;  // of chain, epoch: never two
};

}  // namespace storpool::metadata
