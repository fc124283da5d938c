// For the tests of this folder: nodes with a disk each, or two, a client and a metadata that does
// as it is told, all in one thread under virtual time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/random.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/control/link.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_device.h"
#include "lib/env/memory/memory_network.h"
#include "lib/link/connection.h"
#include "lib/model/chain_config.h"
#include "lib/node/node.h"

namespace storpool::node {

inline constexpr char kSecret[] = "the secret of the test cluster";

class SeededEntropy : public env::Entropy {
 public:
  explicit SeededEntropy(uint64_t seed) : random_(seed) {}
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_.Next());
  }

 private:
  Random random_;
};

class LinesLog : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return true; }
  void Log(env::LogLevel, std::string_view, std::string_view text) override {
    lines.emplace_back(text);
  }
  bool Has(std::string_view part) const;
  std::vector<std::string> lines;
};

class TestCluster;

// A node's link with the test's metadata.
class TestLink : public control::MetadataLink {
 public:
  TestLink(TestCluster& cluster, env::Reactor& reactor) : cluster_(cluster), reactor_(reactor) {}
  void Start(Handler* handler) override;
  void Send(const ToMetadata& message) override;
  void Deliver(const FromMetadata& message);
  void Break();  // and comes back

 private:
  TestCluster& cluster_;
  env::Reactor& reactor_;
  Handler* handler_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

inline constexpr uint16_t kSecondDisk = 10;  // of node n: disk n + 10

// A node with one disk, or two, over its lives.
struct TestNode {
  TestNode(TestCluster& cluster, uint16_t id, uint64_t disk_bytes = uint64_t{1} << 30);
  ~TestNode();

  absl::Status Format(bool overwrite = false);
  absl::Status AddSecondDisk();  // before the next start
  absl::Status Start();
  absl::Status Stop();
  void Crash();

 private:
  absl::Status FormatAs(env::MemoryDisk& there, uint16_t number, bool overwrite);

 public:
  TestCluster& cluster;
  const uint16_t id;  // its own, and its first disk's
  std::string secret = kSecret;
  std::array<uint8_t, 16> cluster_uuid = {1, 2, 3};
  uint16_t port = 0;
  env::MemoryDisk disk;
  std::unique_ptr<env::MemoryDisk> second;
  LinesLog log;
  uint64_t lives = 0;

  std::unique_ptr<env::ManualReactor> reactor;
  std::unique_ptr<env::MemoryDevice> device, second_device;
  std::unique_ptr<env::Network> network;
  std::unique_ptr<SeededEntropy> entropy;
  std::unique_ptr<TestLink> link;
  std::unique_ptr<Node> node;
};

// A client process with a connection to each node that it was told to connect to.
class TestClient : public link::Connection::Handler {
 public:
  TestClient(TestCluster& cluster, uint16_t id, std::string secret = kSecret);
  ~TestClient() override;

  void Connect(uint16_t node);
  void Disconnect(uint16_t node);
  bool ready(uint16_t node) const;
  template <class M>
  void Send(uint16_t node, const M& message) {
    connections_.at(node)->Send(message);
  }
  // The whole of it: sent to `node`, waited for.
  wire::Result Write(uint16_t node, uint32_t block, std::span<const uint8_t> data,
                     ChunkIndex chunk = ChunkIndex());
  // A write that nobody waits for; its number.
  uint64_t StartWrite(uint16_t node, uint32_t block, std::span<const uint8_t> data,
                      ChunkIndex chunk = ChunkIndex());
  wire::ReadAnswer Read(uint16_t node, BlockRange blocks, ChunkIndex chunk = ChunkIndex());

  BufferPool& pool() { return pool_; }

 private:
  BufferPool pool_;  // goes last: answers refer to it

 public:
  std::map<uint64_t, wire::Result> written;  // answers, by number
  std::map<uint64_t, wire::ReadAnswer> reads;
  std::vector<std::string> ends;  // why connections ended
 private:
  void OnReady(link::Connection&) override {}
  void OnMessage(link::Connection& connection, wire::Message&& message) override;
  void OnClosed(link::Connection& connection, const absl::Status& reason) override;

  TestCluster& cluster_;
  env::ManualReactor* reactor_;
  std::unique_ptr<env::Network> network_;
  SeededEntropy entropy_;
  link::Local local_;
  Session session_;
  uint64_t number_ = 0;
  uint64_t read_number_ = 0;
  std::map<uint16_t, std::unique_ptr<link::Connection>> connections_;
};

class TestCluster {
 public:
  TestCluster();
  ~TestCluster();

  // Disk i is on node i. Formats and starts it.
  TestNode& AddNode(uint16_t id, uint64_t disk_bytes = uint64_t{1} << 30);
  TestNode& node(uint16_t id) { return *nodes_.at(id); }
  env::ManualReactor* MakeReactor();

  // Runs everything for `time`, or until `done`.
  bool RunUntil(Duration time, const std::function<bool()>& done);
  void RunFor(Duration time) {
    RunUntil(time, [] { return false; });
  }

  // Names the next epoch with these disks as serving, head first, and with `away` behind; opens it
  // when its coordinator is ready. Returns whether it has opened within 5 s.
  bool NameAndOpen(std::vector<uint16_t> serving, std::vector<uint16_t> syncing = {});
  void OnMessage(TestLink& link, const ToMetadata& message);
  void Forget(TestLink* link) { links_.erase(link); }
  void Add(TestNode* node) { living_.push_back(node); }
  void Remove(TestNode* node) { std::erase(living_, node); }

  void Broadcast(const FromMetadata& message);  // from metadata to all nodes
  // The next version of the line; all nodes are ordered to keep what has changed.
  void ChangeLine(const std::function<void(model::Line&)>& change);
  // What disk `disk` has said last of the line.
  LineKept Kept(uint16_t disk) const;

  const model::ChainConfig& opened() const { return opened_; }
  model::Line line() const { return line_; }
  ChainId chain() const { return chain_; }
  env::VirtualClock clock;
  env::MemoryNetwork network;
  std::vector<ToMetadata> received;
  std::optional<storpool::Promotable> promotable;

 private:
  void SendDisks(TestLink& link);

  const ChainId chain_ = ChainId(TableId(1), 3);
  model::Line line_;
  model::ChainConfig named_, opened_;
  std::vector<TestNode*> living_;
  std::map<uint16_t, std::unique_ptr<TestNode>> nodes_;
  std::vector<std::unique_ptr<env::ManualReactor>> client_reactors_;
  std::map<TestLink*, uint16_t> links_;  // those that have registered
  std::map<uint16_t, storpool::DiskHere> disks_;
  std::map<uint16_t, uint16_t> nodes_of_disks_;
  std::map<uint16_t, std::string> addresses_;
  uint64_t disks_version_ = 0;
};

// `blocks` blocks of bytes that depend on `seed`.
std::vector<uint8_t> Bytes(uint64_t seed, uint32_t blocks = 1);

}  // namespace storpool::node
