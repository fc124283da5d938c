#include "lib/chain/world.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool::chain {

// One reactor for each disk: its key is the disk's number.
class World::Leases : public LeaseView {
 public:
  explicit Leases(Node& node) : node_(node) {}
  Instant CoveredUntil(DiskId member) const override {
    return node_.holder->CoveredUntil(member.value());
  }
  Epoch NamedAgainst(ChainId chain) const override { return node_.holder->NamedAgainst(chain); }
  Instant PromisedUntil(DiskId tail) const override {
    return node_.granter->PromisedUntil(tail.value());
  }
  Duration LongestLease() const override { return Duration::Millis(kLeaseMs); }

 private:
  Node& node_;
};

World::World(int disks) : pool_(std::make_unique<BufferPool>()) {
  for (int i = 1; i <= disks; ++i) {
    const DiskId disk(static_cast<uint16_t>(i));
    disks_.push_back(disk);
    nodes_.emplace(disk, *pool_);
    Start(disk);
  }
  line.lineage = LineageId(7);
  line.volume = VolumeId(5);
  line.version = LineVersion(1);
  line.layers.push_back({LayerId(1), kChunkBytes, kChunkBytes, false, {}});
  line.MakeView();
  lines.push_back(line);
  newest.named.chain = newest.last_opened.chain = kChain;
}

World::~World() = default;

void World::ChangeLine() {
  line.version = LineVersion(line.version.value() + 1);
  line.MakeView();
  lines.push_back(line);
  for (DiskId disk : disks_) {
    if (!alive(disk)) continue;
    Run(disk, [this](Replica& r, Effects& out) { r.OnLineKnown(line, now_, out); });
  }
}

void World::RemoveLayer(LayerId layer, bool merge) {
  const auto at = std::find_if(line.layers.begin(), line.layers.end(),
                               [layer](const model::Layer& l) { return l.id == layer; });
  SP_CHECK(at != line.layers.end() && (!merge || at + 1 != line.layers.end()));
  model::RemovedLayer removed{layer, LayerId(), 0, LineVersion(line.version.value() + 1)};
  if (merge) {
    model::Layer& child = *(at + 1);
    removed.into = child.id;
    removed.cut_bytes = child.cut_bytes;
    child.cut_bytes = std::min(child.cut_bytes, at->cut_bytes);
  }
  line.layers.erase(at);
  line.removed.push_back(removed);
  std::sort(line.removed.begin(), line.removed.end(),
            [](const auto& a, const auto& b) { return a.layer < b.layer; });
  ChangeLine();
}

void World::Start(DiskId disk, bool damaged) {
  Node& node = nodes_.at(disk);
  node.incarnation = Incarnation(node.incarnation.value() + 1);
  node.holder = std::make_unique<PromiseHolder>(Duration::Millis(kLeaseMs));
  node.granter = std::make_unique<PromiseGranter>();
  node.leases = std::make_unique<Leases>(node);
  node.timer = Instant::Max();
  ChainRecord record = node.store.Load();
  record.damaged = damaged;
  node.replica = std::make_unique<Replica>(
      record, node.store.content().config,
      OwnDisk{disk, StoreId(100u + disk.value()), node.incarnation}, now_, *node.leases, *pool_);
  for (DiskId other : disks_) {
    if (other != disk && alive(other)) Connect(disk, other);
  }
}

void World::Crash(DiskId disk) {
  Node& node = nodes_.at(disk);
  node.replica.reset();
  node.tasks.clear();
  node.store.Crash();
  for (DiskId other : disks_) {
    if (other != disk) Cut(disk, other);
  }
}

void World::Connect(DiskId a, DiskId b) {
  if (!alive(a) || !alive(b) || connected(a, b)) return;
  for (const auto& [from, to] : {Pair(a, b), Pair(b, a)}) {
    up_.insert({from, to});
    links_[{from, to}].clear();
  }
  for (const auto& [me, peer] : {Pair(a, b), Pair(b, a)}) {
    const wire::DiskHere here{peer, StoreId(100u + peer.value()), nodes_.at(peer).incarnation};
    Run(me, [&](Replica& r, Effects& out) { r.OnMemberConnected(here, now_, out); });
  }
}

void World::Cut(DiskId a, DiskId b) {
  if (!connected(a, b)) return;
  for (const auto& [from, to] : {Pair(a, b), Pair(b, a)}) {
    up_.erase({from, to});
    links_[{from, to}].clear();
  }
  for (const auto& [me, peer] : {Pair(a, b), Pair(b, a)}) {
    const DiskId lost = peer;
    Run(me, [&](Replica& r, Effects& out) { r.OnMemberLost(lost, now_, out); });
  }
}

size_t World::waiting(DiskId from, DiskId to) const {
  const auto it = links_.find({from, to});
  return it == links_.end() ? 0 : it->second.size();
}

void World::Push(DiskId from, DiskId to, wire::Message message) {
  if (connected(from, to)) links_[{from, to}].push_back(std::move(message));
}

void World::Deliver(DiskId from, DiskId to) {
  auto& link = links_[{from, to}];
  if (link.empty() || !alive(to)) return;
  wire::Message message = std::move(link.front());
  link.pop_front();
  Node& node = nodes_.at(to);
  if (auto* ask = std::get_if<wire::PromiseRequest>(&message)) {
    Push(to, from, node.granter->OnRequest(from.value(), *ask, now_));
  } else if (auto* answer = std::get_if<wire::PromiseAnswer>(&message)) {
    node.holder->OnAnswer(from.value(), *answer);
    Run(to, [&](Replica& r, Effects& out) { r.OnPromise(now_, out); });
  } else if (auto* repair = std::get_if<wire::RepairRead>(&message)) {
    Run(to, [&](Replica& r, Effects& out) { r.OnRepairRead(*repair, line, now_, out); });
  } else {
    Run(to, [&](Replica& r, Effects& out) { r.OnMessage(std::move(message), now_, out); });
  }
}

void World::MakeDurable(DiskId disk, size_t records) {
  if (!alive(disk) || store(disk).not_durable() == 0) return;
  const uint64_t number = store(disk).MakeDurable(records);
  Run(disk, [&](Replica& r, Effects& out) { r.OnDurable(number, now_, out); });
}

bool World::StoreTask(DiskId disk) {
  Node& node = nodes_.at(disk);
  if (node.replica == nullptr || node.tasks.empty()) return false;
  const auto task = std::move(node.tasks.front());
  node.tasks.pop_front();
  Effects out;
  task(out);
  Execute(disk, out);
  return true;
}

void World::AskPromises() {
  for (DiskId disk : disks_) {
    if (!alive(disk)) continue;
    PromiseHolder& holder = *nodes_.at(disk).holder;
    for (DiskId peer : disks_) {
      if (peer == disk || !connected(disk, peer) || holder.NextAsk(peer.value()) > now_) continue;
      Push(disk, peer, holder.Ask(peer.value(), now_));
    }
  }
}

void World::Advance(Duration by) {
  now_ = now_ + by;
  AskPromises();
  for (DiskId disk : disks_) {
    if (!alive(disk) || nodes_.at(disk).timer > now_) continue;
    nodes_.at(disk).timer = Instant::Max();
    Run(disk, [&](Replica& r, Effects& out) { r.OnTimer(now_, out); });
  }
}

void World::Settle(int64_t ms) {
  for (int64_t passed = -1; passed < ms; passed += 20) {
    if (passed >= 0) Advance(Duration::Millis(20));
    for (bool busy = true; busy;) {
      busy = false;
      for (DiskId disk : disks_) {
        while (StoreTask(disk)) busy = true;
        if (alive(disk) && store(disk).not_durable() > 0) {
          MakeDurable(disk, SIZE_MAX);
          busy = true;
        }
        for (DiskId to : disks_) {
          for (; waiting(disk, to) > 0; busy = true) Deliver(disk, to);
        }
      }
    }
  }
}

model::ChainConfig World::MakeConfig(const std::vector<DiskId>& serving,
                                     const std::vector<DiskId>& syncing) const {
  model::ChainConfig config;
  config.chain = kChain;
  config.epoch = Epoch(newest.named.epoch.value() + 1);
  for (DiskId d : serving) {
    config.members.push_back({d, StoreId(100u + d.value()), model::Role::kServing, {}});
  }
  for (DiskId d : syncing) {
    config.members.push_back({d, StoreId(100u + d.value()), model::Role::kSyncing, {}});
  }
  return config;
}

void World::Name(const model::ChainConfig& config) {
  if (newest.named.opened) newest.last_opened = newest.named;
  newest.named = config;
  newest.raises = raises;
  ready.reset();
  promotable.clear();
}

void World::TellName(DiskId disk) {
  if (!alive(disk) || newest.named.epoch == Epoch()) return;
  Run(disk, [&](Replica& r, Effects& out) { r.OnName(newest, now_, out); });
}

void World::Discard(DiskId disk) {
  Run(disk, [&](Replica& r, Effects& out) { r.OnDiscard(newest.named, now_, out); });
}

bool World::Open() {
  if (newest.named.opened || !ready || ready->epoch != newest.named.epoch) return false;
  newest.named.opened = true;
  newest.named.opened_at = ready->opened_at;
  newest.last_opened = newest.named;
  trace.push_back("opened " + std::to_string(ready->epoch.value()) + " at " +
                  ToString(ready->opened_at));
  if (watcher != nullptr) watcher->OnOpened(newest.named);
  return true;
}

void World::TellOpened(DiskId disk) {
  if (!alive(disk) || !newest.named.opened) return;
  Run(disk, [&](Replica& r, Effects& out) { r.OnOpened(newest.named, now_, out); });
}

void World::Raise(uint64_t id, const model::Raise& raise) {
  raises.push_back(raise);
  for (DiskId disk : disks_) RepeatRaise(disk, id, raise);
}

void World::EndSession(const Session& session) {
  for (DiskId disk : disks_) {
    Run(disk, [&](Replica& r, Effects& out) { r.OnEndSession(session, now_, out); });
  }
}

void World::RepeatRaise(DiskId disk, uint64_t id, const model::Raise& raise) {
  Run(disk, [&](Replica& r, Effects& out) { r.OnRaise(id, {raise}, now_, out); });
}

void World::Write(DiskId at, wire::WriteRequest request) {
  if (!alive(at)) return;
  Run(at, [&](Replica& r, Effects& out) {
    r.OnWrite(std::move(request), /*client=*/1, line, now_, out);
  });
}

void World::Read(DiskId at, const wire::ReadRequest& request, const model::Line* known) {
  if (!alive(at)) return;
  Run(at, [&](Replica& r, Effects& out) {
    r.OnRead(request, /*client=*/1, known == nullptr ? line : *known, now_, out);
  });
}

void World::Run(DiskId disk, const std::function<void(Replica&, Effects&)>& step) {
  if (!alive(disk)) return;
  Effects out;
  step(*nodes_.at(disk).replica, out);
  Execute(disk, out);
}

void World::Execute(DiskId disk, Effects& effects) {
  for (size_t i = 0; i < effects.size(); ++i) {
    Effect effect = effects.Take(i);
    if (tamper && !tamper(disk, effect)) continue;
    const std::string line_of_trace = Describe(disk, effect);
    if (!line_of_trace.empty()) trace.push_back(line_of_trace);
    if (watcher != nullptr) watcher->OnEffect(disk, effect);
    ExecuteOne(disk, effect);
  }
  SP_CHECK(nodes_.at(disk).timer == nodes_.at(disk).replica->next_timer());
}

void World::ExecuteOne(DiskId disk, Effect& effect) {
  Node& node = nodes_.at(disk);
  Replica* r = node.replica.get();
  const auto later = [&node](auto task) { node.tasks.push_back(std::move(task)); };
  if (auto* persist = std::get_if<Persist>(&effect)) {
    node.store.Append(persist->number, persist->record);
  } else if (auto* w = std::get_if<SetCommitted>(&effect)) {
    node.store.SetCommitted(w->committed);
  } else if (auto* read = std::get_if<StoreRead>(&effect)) {
    auto results = std::make_shared<std::vector<BlockResult>>();
    auto result = std::make_shared<StoreReadResult>(node.store.Read(*read, *results));
    later([this, r, result, results](Effects& out) {
      r->OnStoreRead(std::move(*result), now_, out);
    });
  } else if (auto* ask = std::get_if<StoreExtent>(&effect)) {
    later([this, r, id = ask->id, extent = node.store.Extent(ask->chunk, ask->blocks)](
              Effects& out) { r->OnStoreExtent(id, extent, now_, out); });
  } else if (auto* scan = std::get_if<StoreScan>(&effect)) {
    auto result = std::make_shared<StoreScanResult>(node.store.Scan(*scan));
    later([this, r, result](Effects& out) { r->OnStoreScan(std::move(*result), now_, out); });
  } else if (auto* list = std::get_if<StoreListChunks>(&effect)) {
    later([this, r, id = list->id, chunks = node.store.ChunksAbove(list->above)](Effects& out) {
      r->OnStoreChunks(id, chunks, now_, out);
    });
  } else if (auto* above = std::get_if<StorePendingAbove>(&effect)) {
    later([this, r, id = above->id, entries = node.store.PendingAbove(above->above)](Effects& out) {
      r->OnStorePending({id, true, entries}, now_, out);
    });
  } else if (auto* reserve = std::get_if<Reserve>(&effect)) {
    later([this, r, ask = *reserve](Effects& out) {
      r->OnRoom(ask.purpose, ask.bytes, !room_denied, now_, out);
    });
  } else if (auto* need = std::get_if<NeedLine>(&effect)) {
    later([this, r, ask = *need](Effects& out) {
      if (ask.version <= line.version) r->OnLineKnown(line, now_, out);
    });
  } else if (auto* send = std::get_if<Send>(&effect)) {
    Push(disk, send->to, std::move(send->message));
  } else if (auto* answer = std::get_if<AnswerWrite>(&effect)) {
    if (answer->client != 0 || answer->head == disk) {
      write_answers.push_back(answer->relay.answer);
    } else {
      Push(disk, answer->head, answer->relay);
    }
  } else if (auto* read_answer = std::get_if<AnswerRead>(&effect)) {
    read_answers.push_back(std::move(read_answer->answer));
  } else if (auto* name = std::get_if<NameAgainst>(&effect)) {
    node.granter->NameAgainst(name->tail.value(), name->chain, name->epoch);
  } else if (auto* open = std::get_if<OpenReady>(&effect)) {
    if (open->epoch == newest.named.epoch) ready = *open;
  } else if (auto* failed = std::get_if<LevelFailed>(&effect)) {
    level_failures.push_back(failed->reason);
  } else if (auto* can = std::get_if<Promotable>(&effect)) {
    if (can->target == disk) promotable[disk] = {node.incarnation, *can};
  } else if (auto* done = std::get_if<Raised>(&effect)) {
    raised.insert({done->id, disk});
  } else if (auto* alarm = std::get_if<Alarm>(&effect)) {
    alarms.push_back(alarm->text);
  } else if (auto* timer = std::get_if<SetTimer>(&effect)) {
    node.timer = timer->at;
  }
}

std::string DiskName(DiskId disk) {
  return std::string(1, static_cast<char>('a' + disk.value() - 1));
}

}  // namespace storpool::chain
