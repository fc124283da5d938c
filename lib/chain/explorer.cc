#include "lib/chain/explorer.h"

#include <algorithm>
#include <cstring>

#include "lib/base/crc32c.h"

namespace storpool::chain {
namespace {

constexpr uint32_t kBlocks = 4;

uint64_t ContentOf(const Entry& entry, uint32_t block) {
  if (entry.kind != EntryKind::kData) return 0;
  uint64_t content = 0;
  std::memcpy(&content,
              entry.payload.data() + size_t{block - entry.place.blocks.first} * kBlockBytes,
              sizeof content);
  return content;
}

bool SameBlocks(const StoreContent& a, const StoreContent& b) {
  return std::equal(a.index.begin(), a.index.end(), b.index.begin(), b.index.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && x.second.version == y.second.version &&
                             x.second.checksum == y.second.checksum;
                    });
}

}  // namespace

Explorer::Explorer(const ExplorerOptions& options)
    : options_(options), world_(options.disks), invariants_(world_), random_(options.seed) {
  world_.tamper = options.tamper;
  for (uint16_t i = 1; i <= 2; ++i) {
    clients_.push_back({Session{VolumeId(5), ClientId(i), Generation(1)}, 1, {}, 0, {}});
  }
}

Explored Explorer::Run() {
  world_.Name(world_.MakeConfig(world_.disks(), {}));
  for (DiskId d : world_.disks()) world_.TellName(d);
  world_.Settle();
  world_.Open();
  for (DiskId d : world_.disks()) world_.TellOpened(d);
  for (int i = 0; i < options_.steps && invariants_.violations().empty() && violations_.empty();
       ++i) {
    Step();
    TakeAnswers();
    if (i % 50 == 0) invariants_.CheckDisks();
  }
  if (invariants_.violations().empty() && violations_.empty()) Heal();
  result_.violations = invariants_.violations();
  result_.violations.insert(result_.violations.end(), violations_.begin(), violations_.end());
  result_.opened = invariants_.opened();
  result_.voided = invariants_.voided();
  result_.empty = invariants_.empty();
  return result_;
}

void Explorer::Step() {
  const uint64_t dice = random_.Below(1000);
  if (options_.layers && random_.OneIn(1, 60)) LayerStep();
  if (dice < 560) {
    const DiskId from = AnyDisk(), to = AnyDisk();
    for (uint64_t n = random_.Below(4); n > 0; --n) world_.Deliver(from, to);
  } else if (dice < 700) {
    world_.MakeDurable(AnyDisk(), 1 + random_.Below(4));
  } else if (dice < 800) {
    world_.StoreTask(AnyDisk());
  } else if (dice < 930) {
    ClientStep();
  } else if (dice < 933) {
    Damage();
  } else if (dice < 955) {
    world_.Advance(Duration::Millis(1 + static_cast<int64_t>(random_.Below(300))));
  } else if (dice < 990) {
    Metadata();
  } else if (dice < 993) {
    const DiskId disk = AnyDisk();
    if (world_.alive(disk) && random_.Below(3) == 0) {
      world_.Crash(disk);
      ++result_.crashes;
    }
  } else if (dice < 996) {
    for (DiskId d : world_.disks()) {
      if (!world_.alive(d)) world_.Start(d);
    }
  } else if (dice < 998) {
    world_.Cut(AnyDisk(), AnyDisk());
  } else {
    const DiskId a = AnyDisk(), b = AnyDisk();
    if (a != b) world_.Connect(a, b);
  }
}

// A block rots on one disk that another has, durably: so nothing is ever lost (4.12).
void Explorer::Damage() {
  const DiskId at = world_.disks()[0];
  const BlockKey key{world_.line.lineage, ChunkIndex(0), LayerId(1),
                     static_cast<uint32_t>(random_.Below(kBlocks))};
  const auto block = world_.store(at).content().index.find(key);
  if (block == world_.store(at).content().index.end()) return;
  if (block->second.kind != EntryKind::kData) return;
  for (DiskId other : world_.disks()) {
    const auto& index = world_.store(other).durable().index;
    const auto same = index.find(key);
    if (other == at || same == index.end()) continue;
    if (same->second.version != block->second.version) continue;
    world_.store(at).Damage(key);
    ++result_.damaged;
    return;
  }
}

// Metadata may suspect anybody at any time, and hears late or not at all.
void Explorer::Metadata() {
  const uint64_t dice = random_.Below(100);
  if (dice < 8) {
    NameSome(/*all=*/false);
  } else if (dice < 45) {
    world_.Open();
  } else if (dice < 75) {
    world_.TellOpened(AnyDisk());
  } else if (dice < 98) {
    world_.TellName(AnyDisk());
  } else {
    Restart(clients_[random_.Below(clients_.size())]);
  }
  GrantFenced();
}

// Snapshots are made and deleted whatever the clients do; stores hand over when they like.
void Explorer::LayerStep() {
  const size_t layers = world_.line.layers.size();
  const uint64_t dice = random_.Below(10);
  if (dice < 3 && layers < 5) {
    const LayerId next(world_.line.version.value() + 1);
    world_.line.layers.push_back({next, kChunkBytes, kChunkBytes, false, {}});
    world_.ChangeLine();
    ++result_.snapshots;
  } else if (dice < 6 && layers > 1) {
    world_.RemoveLayer(world_.line.layers[random_.Below(layers - 1)].id, /*merge=*/true);
    ++result_.merges;
  } else if (dice >= 6) {
    world_.store(AnyDisk()).HandOver(world_.line.view);
    ++result_.hand_overs;
  }
}

// A non-empty subset of those that served in the last opened config, and members that are
// promotable now, in any order; the others are syncing, or away if they are down (5.5a).
void Explorer::NameSome(bool all) {
  const model::ChainConfig& last =
      world_.newest.named.opened ? world_.newest.named : world_.newest.last_opened;
  std::vector<DiskId> serving, others;
  for (const model::Member& m : last.members) {
    if (m.role != model::Role::kServing) continue;
    const bool in = all || (world_.alive(m.disk) && random_.Below(4) != 0);
    (in ? serving : others).push_back(m.disk);
  }
  if (serving.empty()) {
    serving.push_back(others.back());
    others.pop_back();
  }
  for (DiskId disk : world_.disks()) {
    if (last.IsServing(disk)) continue;
    const auto can = world_.promotable.find(disk);
    const bool promote = can != world_.promotable.end() && world_.alive(disk) &&
                         can->second.first == world_.incarnation(disk) &&
                         (all || random_.Below(2) == 0);
    if (promote) ++result_.promotions;
    (promote ? serving : others).push_back(disk);
  }
  if (random_.Below(3) == 0) std::rotate(serving.begin(), serving.begin() + 1, serving.end());
  world_.Name(world_.MakeConfig(serving, others));
  for (DiskId d : world_.disks()) {
    if (all || random_.Below(3) != 0) world_.TellName(d);
  }
}

const model::ChainConfig& Explorer::ClientConfig() const {
  return world_.newest.named.opened ? world_.newest.named : world_.newest.last_opened;
}

void Explorer::ClientStep() {
  Client& client = clients_[random_.Below(clients_.size())];
  const uint64_t dice = random_.Below(100);
  if (!client.stray.empty() && dice < 15) {  // a copy that lay somewhere
    const size_t i = random_.Below(client.stray.size());
    SendWrite(client.stray[i]);
    if (random_.Below(2) == 0) client.stray.erase(client.stray.begin() + static_cast<long>(i));
    return;
  }
  if (client.fence != 0) return;
  if (dice < 40) return NewRead();
  if (dice < 55 && !client.open.empty()) {
    auto it = client.open.begin();
    std::advance(it, static_cast<long>(random_.Below(client.open.size())));
    return SendWrite(it->second);
  }
  if (client.open.size() < 4) NewWrite(client);
}

void Explorer::NewWrite(Client& client) {
  wire::WriteRequest r;
  r.chain = World::kChain;
  r.session = client.session;
  r.number = client.next_number++;
  r.line_version = world_.line.version;
  r.lineage = world_.line.lineage;
  r.chunk = ChunkIndex(0);
  r.layer = world_.line.newest().id;
  const uint32_t block = static_cast<uint32_t>(random_.Below(kBlocks));
  const uint32_t count = block + 1 < kBlocks && random_.Below(4) == 0 ? 2 : 1;
  for (const auto& [number, other] : client.open) {  // never reorders overlapping ones
    const BlockRange taken{other.first_sector / kSectorsPerBlock, other.sectors / kSectorsPerBlock};
    if (taken.Overlaps({block, count})) {
      --client.next_number;
      return;
    }
  }
  r.first_sector = block * kSectorsPerBlock;
  r.sectors = count * kSectorsPerBlock;
  r.op = random_.Below(5) == 0 ? wire::WriteOp::kHole : wire::WriteOp::kWrite;
  if (r.op == wire::WriteOp::kWrite) {
    r.payload = world_.pool().AllocateZeroed(size_t{count} * kBlockBytes);
    r.checksums = Checksums(count, world_.pool());
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t content = next_content_++;
      std::memcpy(r.payload.data() + size_t{i} * kBlockBytes, &content, sizeof content);
      r.checksums.span()[i] = Crc32c(r.payload.data() + size_t{i} * kBlockBytes, kBlockBytes);
    }
  }
  client.open[r.number] = r;
  if (random_.Below(8) == 0) client.stray.push_back(r);
  ++result_.writes;
  SendWrite(r);
}

void Explorer::SendWrite(const wire::WriteRequest& request) {
  wire::WriteRequest copy = request;
  const model::ChainConfig& config = ClientConfig();
  if (config.members.empty()) return;
  copy.epoch = config.epoch;
  for (const Client& client : clients_) {  // the mark as it is when the copy is sent
    if (client.session != copy.session) continue;
    copy.answered_below = client.open.empty() ? client.next_number : client.open.begin()->first;
    copy.answered_below = std::min(copy.answered_below, copy.number);
  }
  world_.Write(config.head().disk, std::move(copy));
}

void Explorer::NewRead() {
  // Any member may be taken for the tail, by a config that was opened at some time.
  const model::ChainConfig& config = ClientConfig();
  if (config.members.empty()) return;
  const DiskId at = random_.Below(2) == 0 ? config.tail().disk : AnyDisk();
  if (!world_.alive(at)) return;
  wire::ReadRequest r;
  r.chain = World::kChain;
  r.epoch = world_.replica(at).status().epoch;
  r.session = clients_[0].session;
  r.session.generation = Generation(1u << 20);
  r.number = next_read_++;
  r.line_version = world_.line.version;
  r.lineage = world_.line.lineage;
  r.layer = world_.line.newest().id;
  const model::Line* known = nullptr;
  if (r.number % 2 == 0) {  // one that does not know the newest layer, nor may the member
    r.line_version = LineVersion(1);
    r.layer = LayerId();
    if (options_.layers) known = &world_.lines[random_.Below(world_.lines.size())];
  }
  r.blocks = {static_cast<uint32_t>(random_.Below(kBlocks)), 1};
  reads_[r.number] = {r.blocks.first, invariants_.committed()};
  world_.Read(at, r, known);
}

// A new life of the client: a new generation, under a fence for the former one (5.9).
void Explorer::Restart(Client& client) {
  if (client.fence != 0) return;
  ++result_.restarts;
  for (const auto& [number, request] : client.open) client.stray.push_back(request);
  client.open.clear();
  client.next_number = 1;
  if (options_.reuse_sessions) return;
  client.session.generation = Generation(client.session.generation.value() + 1);
  client.fence = next_fence_++;
  world_.Raise(client.fence,
               {client.session.volume, client.session.client, client.session.generation});
}

// Every serving member of the opened epoch has raised, and none was named since without it (R20).
void Explorer::GrantFenced() {
  if (!world_.newest.named.opened) return;
  for (Client& client : clients_) {
    if (client.fence == 0) continue;
    bool all = true;
    for (const model::Member& m : world_.newest.named.members) {
      if (m.role != model::Role::kServing) continue;
      all = all && world_.raised.contains({client.fence, m.disk});
      if (world_.alive(m.disk) && !world_.raised.contains({client.fence, m.disk})) {
        world_.RepeatRaise(
            m.disk, client.fence,
            {client.session.volume, client.session.client, client.session.generation});
      }
    }
    if (!all) continue;
    client.fence = 0;
    invariants_.Granted(client.session.client, client.session.generation);
  }
}

void Explorer::TakeAnswers() {
  for (; !world_.write_answers.empty(); world_.write_answers.pop_front()) {
    const wire::WriteAnswer& answer = world_.write_answers.front();
    for (Client& client : clients_) {
      const auto open = client.open.find(answer.number);
      if (client.session != answer.session || open == client.open.end()) continue;
      if (answer.result == wire::Result::kOk) {
        client.open.erase(open);
      } else if (answer.result == wire::Result::kStaleLine ||
                 answer.result == wire::Result::kGone) {
        open->second.layer =
            world_.line.newest().id;  // it is repeated there, with its number (9.3)
      }
    }
  }
  for (; !world_.read_answers.empty(); world_.read_answers.pop_front()) {
    const wire::ReadAnswer& answer = world_.read_answers.front();
    const auto read = reads_.find(answer.number);
    if (read == reads_.end()) continue;
    if (answer.result == wire::Result::kOk) CheckRead(read->second, answer);
    reads_.erase(read);
  }
}

void Explorer::CheckRead(const OpenRead& read, const wire::ReadAnswer& answer) {
  ++result_.reads;
  uint64_t content = 0;
  if ((answer.data[0] & 1) != 0) std::memcpy(&content, answer.payload.data(), sizeof content);
  for (Version v : invariants_.Readable(read.block, read.at_start)) {
    const Entry* entry = invariants_.Ordered(v);
    if (content == (entry == nullptr ? 0 : ContentOf(*entry, read.block))) return;
  }
  violations_.push_back("I4: a read of block " + std::to_string(read.block) + " returned " +
                        std::to_string(content) + ", not a write committed while it ran");
}

// I8: when the last fault has healed every chain opens and everybody serves again, equal.
void Explorer::Heal() {
  for (DiskId d : world_.disks()) {
    if (!world_.alive(d)) world_.Start(d);
  }
  for (DiskId a : world_.disks()) {
    for (DiskId b : world_.disks()) {
      if (a < b) world_.Connect(a, b);
    }
  }
  size_t serving = 0;
  for (int round = 0; round < 12 && serving < world_.disks().size(); ++round) {
    NameSome(/*all=*/true);
    world_.Settle(2000);
    world_.Open();
    for (DiskId d : world_.disks()) world_.TellOpened(d);
    world_.Settle(2000);
    TakeAnswers();
    serving = world_.newest.named.opened ? world_.newest.named.serving_count() : 0;
  }
  if (serving < world_.disks().size()) {
    violations_.push_back("I8: after all faults healed not everybody serves again");
    return;
  }
  for (int round = 0; round < 2; ++round) {  // the second in the layer that takes writes now
    for (Client& client : clients_) {
      for (const auto& [number, request] : std::map(client.open)) SendWrite(request);
    }
    world_.Settle(2000);
    TakeAnswers();
  }
  GrantFenced();
  for (const Client& client : clients_) {
    if (!client.open.empty()) violations_.push_back("I8: a request is never answered");
  }
  for (DiskId d : world_.disks()) {
    if (options_.layers) world_.store(d).HandOver(world_.line.view);
  }
  invariants_.CheckDisks();
  // What is in the stores; that W is written with a later record only does not matter here.
  const StoreContent& first = world_.store(world_.disks()[0]).content();
  for (DiskId d : world_.disks()) {
    const StoreContent& disk = world_.store(d).content();
    if (!disk.pending.empty() || !SameBlocks(disk, first)) {
      violations_.push_back("I3: the disks are not equal at rest");
    }
  }
}

}  // namespace storpool::chain
