// A small world for tests: up to three disks with one chain, their stores and FIFO links, a plain
// metadata and clients. Nothing happens by itself: the test decides what is delivered, becomes
// durable, is lost. Everything that happens is noted in `trace` and shown to a Watcher.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/chain/effects.h"
#include "lib/chain/fake_store.h"
#include "lib/chain/promises.h"
#include "lib/chain/replica.h"
#include "lib/model/chain_config.h"

namespace storpool::chain {

// Sees every effect before it is executed, and may change or swallow it (return false): planted
// bugs come from here, never from the product's code.
using Tamper = std::function<bool(DiskId, Effect&)>;

// What a checker hears.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void OnEffect(DiskId disk, const Effect& effect) = 0;
  virtual void OnOpened(const model::ChainConfig& opened) = 0;
};

class World {
 public:
  explicit World(int disks);
  ~World();

  static constexpr ChainId kChain = ChainId(TableId(1), 0);

  // ---- Nodes. A crash loses what is not durable and every message to and from the disk.
  // `damaged`: its store has found that it lost what was durable.
  void Start(DiskId disk, bool damaged = false);
  void Crash(DiskId disk);
  bool alive(DiskId disk) const { return nodes_.at(disk).replica != nullptr; }
  Replica& replica(DiskId disk) { return *nodes_.at(disk).replica; }
  FakeStore& store(DiskId disk) { return nodes_.at(disk).store; }
  const std::vector<DiskId>& disks() const { return disks_; }
  Incarnation incarnation(DiskId disk) const { return nodes_.at(disk).incarnation; }

  // ---- Links, in each direction on its own.
  void Connect(DiskId a, DiskId b);
  void Cut(DiskId a, DiskId b);
  bool connected(DiskId a, DiskId b) const { return up_.contains(Pair(a, b)); }
  size_t waiting(DiskId from, DiskId to) const;
  void Deliver(DiskId from, DiskId to);  // the first message, if any

  // ---- Store and time.
  void MakeDurable(DiskId disk, size_t records);
  bool StoreTask(DiskId disk);  // one answer of the store, if any waits
  void Advance(Duration by);
  Instant now() const { return now_; }
  // Delivers, stores and answers until nothing is left to do, letting `ms` pass in the end.
  void Settle(int64_t ms = 0);

  // ---- Metadata.
  model::ChainConfig MakeConfig(const std::vector<DiskId>& serving,
                                const std::vector<DiskId>& syncing) const;
  // Names it; TellName brings it to a member that is alive.
  void Name(const model::ChainConfig& config);
  void TellName(DiskId disk);
  // Orders a former member to forget the chain, by the newest config.
  void Discard(DiskId disk);
  // Marks the newest named epoch opened, if its coordinator has said so; tells nobody.
  bool Open();
  void TellOpened(DiskId disk);
  void Raise(uint64_t id, const model::Raise& raise);
  void EndSession(const Session& session);
  void RepeatRaise(DiskId disk, uint64_t id, const model::Raise& raise);

  // ---- Clients.
  void Write(DiskId at, wire::WriteRequest request);
  // `known`: the line as the disk knows it; nullptr: as it is.
  void Read(DiskId at, const wire::ReadRequest& request, const model::Line* known = nullptr);

  model::Line line;
  std::vector<model::Line> lines;  // every version of it
  // The line has changed: the next version, and every member hears of it.
  void ChangeLine();
  // A layer of it is merged into the next newer one, or freed (4.8).
  void RemoveLayer(LayerId layer, bool merge);
  model::NamedConfig newest;       // as metadata has it
  std::optional<OpenReady> ready;  // the last that was said
  std::vector<model::Raise> raises;
  std::map<DiskId, std::pair<Incarnation, Promotable>> promotable;
  std::set<std::pair<uint64_t, DiskId>> raised;
  std::deque<wire::WriteAnswer> write_answers;
  std::deque<wire::ReadAnswer> read_answers;
  std::vector<std::string> alarms;
  std::vector<std::string> level_failures;
  std::vector<std::string> trace;
  bool room_denied = false;
  BufferPool& pool() { return *pool_; }
  Tamper tamper;
  Watcher* watcher = nullptr;

 private:
  struct Node;
  class Leases;
  using Pair = std::pair<DiskId, DiskId>;
  struct Node {
    explicit Node(BufferPool& pool) : store(kChain, pool) {}
    FakeStore store;
    std::unique_ptr<Replica> replica;
    std::unique_ptr<PromiseHolder> holder;
    std::unique_ptr<PromiseGranter> granter;
    std::unique_ptr<LeaseView> leases;
    Incarnation incarnation;
    Instant timer = Instant::Max();
    std::deque<std::function<void(Effects&)>> tasks;
  };

  void Run(DiskId disk, const std::function<void(Replica&, Effects&)>& step);
  void Execute(DiskId disk, Effects& effects);
  void ExecuteOne(DiskId disk, Effect& effect);
  void Push(DiskId from, DiskId to, wire::Message message);
  void AskPromises();

  std::unique_ptr<BufferPool> pool_;
  std::vector<DiskId> disks_;
  std::map<DiskId, Node> nodes_;
  std::set<Pair> up_;
  std::map<Pair, std::deque<wire::Message>> links_;
  Instant now_ = Instant::FromNanos(1'000'000'000'000);
};

// "a" for disk 1, "b" for disk 2 ...
std::string DiskName(DiskId disk);
// One line for each thing that can be seen from outside: "a->b forward 1.3".
std::string Describe(DiskId disk, const Effect& effect);

}  // namespace storpool::chain
