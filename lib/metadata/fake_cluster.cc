#include "lib/metadata/fake_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"
#include "lib/metadata/backup.h"

namespace storpool::metadata {
namespace {

constexpr char kUuid[] = "0123456789abcdef";
constexpr Duration kStep = Duration::Millis(50);

const ChainMember* Find(const ChainConfig& config, uint32_t disk) {
  for (const ChainMember& m : config.members()) {
    if (m.disk() == disk) return &m;
  }
  return nullptr;
}

}  // namespace

FakeCluster::FakeCluster() { reactor.AdvanceBy(Duration::Seconds(1000)); }
FakeCluster::~FakeCluster() { StopLeader(); }

void FakeCluster::StartLeader() {
  ++options.term;
  log_ = std::make_unique<env::MemoryLog>(reactor, &medium);
  leader_ = std::make_unique<Leader>(reactor, store, *log_, sink_, options);
  ASSERT_TRUE(leader_->Start().ok());
  reactor.RunUntilIdle();
}

void FakeCluster::StopLeader() {
  leader_.reset();
  log_.reset();
  for (auto& [id, n] : nodes_) n->Close();
  for (auto& [id, c] : clients_) c->Close();
}

absl::StatusOr<CommandResult> FakeCluster::Do(Command command) {
  std::optional<absl::StatusOr<CommandResult>> result;
  leader_->Propose(std::move(command), [&](auto r) { result = std::move(r); });
  reactor.RunUntilIdle();
  if (!result) return absl::InternalError("no answer");
  return *result;
}

void FakeCluster::Init() {
  Command command;
  command.mutable_init()->set_uuid(kUuid);
  command.mutable_init()->set_name("d.n");
  command.mutable_init()->set_secret(std::string(AsText(SecretKey("secret"))));
  ASSERT_TRUE(Do(command).ok());
}

FakeNode& FakeCluster::AddNode(uint32_t id, std::vector<uint32_t> disk_ids) {
  if (disk_ids.empty()) disk_ids = {id * 10};
  auto node = std::make_unique<FakeNode>(*this, id);
  for (uint32_t disk : disk_ids) {
    DiskHere& here = node->disks.emplace_back();
    here.set_id(disk);
    here.set_store(0xd15c0000 + disk);
    here.set_size_bytes(uint64_t{10} << 30);
    here.set_device_class("file");
  }
  FakeNode& added = *node;
  nodes_[id] = std::move(node);
  added.Start();
  return added;
}

FakeClient& FakeCluster::AddClient(uint32_t id) {
  clients_[id] = std::make_unique<FakeClient>(*this, id);
  clients_[id]->Start();
  return *clients_[id];
}

void FakeCluster::Standard(uint32_t nodes, uint32_t replication) {
  StartLeader();
  Init();
  Command group;
  group.mutable_update_group()->set_name("default");
  for (uint32_t id = 1; id <= nodes; ++id) {
    AddNode(id);
    group.mutable_update_group()->add_add_disks(id * 10);
  }
  Run(Duration::Millis(500));
  ASSERT_TRUE(Do(group).ok());
  Command create;
  create.mutable_create_template()->set_name("t");
  create.mutable_create_template()->set_replication(replication);
  const auto made = Do(create);
  ASSERT_TRUE(made.ok()) << made.status();
  Run(Duration::Seconds(4));
  ASSERT_EQ(Open(), 64u);
}

absl::StatusOr<CommandResult> FakeCluster::CreateVolume(const std::string& name,
                                                        const std::string& template_name,
                                                        uint64_t size_bytes) {
  Command command;
  command.mutable_create_volume()->mutable_create()->set_name(name);
  command.mutable_create_volume()->mutable_create()->set_template_name(template_name);
  command.mutable_create_volume()->mutable_create()->set_size_bytes(size_bytes);
  return Do(command);
}

absl::StatusOr<CommandResult> FakeCluster::Snapshot(const std::vector<std::string>& volumes) {
  Command command;
  for (const std::string& volume : volumes) {
    auto& one = *command.mutable_create_snapshots()->mutable_create()->add_volumes();
    one.set_volume(volume);
    one.set_name("s-" + volume);
  }
  return Do(command);
}

std::string FakeCluster::TakeBackup() {
  std::string backup;
  EXPECT_TRUE(Backup(store, [&](std::string_view piece) { backup += piece; }).ok());
  return backup;
}

void FakeCluster::RestoreFrom(const std::string& backup) {
  StopLeader();
  for (auto& [id, n] : nodes_) n->Kill(false);
  for (auto& [id, c] : clients_) c->Kill(false);
  store = env::MemoryKeyValueStore();
  medium = env::MemoryLogMedium();
  ASSERT_TRUE(Restore(backup, store).ok());
  StartLeader();
}

void FakeCluster::RestartLeader() {
  StopLeader();
  StartLeader();
}

void FakeCluster::Pump() {
  for (auto& [id, n] : nodes_) n->Pump();
  for (auto& [id, c] : clients_) c->Pump();
  reactor.RunUntilIdle();
}

void FakeCluster::Run(Duration time) {
  const Instant end = reactor.Now() + time;
  for (int64_t step = 0; reactor.Now() < end; ++step) {
    for (auto& [id, n] : nodes_) {
      if (n->up() && !n->connected() && !n->mute) n->Connect();
      if (step % 6 == 0) n->Heartbeat();
    }
    for (auto& [id, c] : clients_) {
      if (c->up() && !c->connected()) c->Connect();
      if (step % 6 == 0) c->Heartbeat();
    }
    for (int i = 0; i < 4; ++i) Pump();
    reactor.AdvanceBy(kStep);
    if (leader_ != nullptr) CheckRules();
  }
}

// No session writes a snapshot, and its layer is there (I9, 4.7); nor do clients think otherwise.
void FakeCluster::CheckLayers() {
  if (state().cluster().restoring()) return;  // nobody writes, and nodes may know more
  for (const auto& [key, record] : state().attachments()) {
    const Attachment& a = record.attachment();
    if (a.rights() != READ_WRITE || record.waits()) continue;
    const Volume& volume = *state().FindVolume(key.first);
    const LayerRecord* layer = state().FindLayer(volume.lineage(), a.layer());
    ASSERT_NE(layer, nullptr) << volume.name() << " layer " << a.layer();
    ASSERT_FALSE(layer->sealed()) << volume.name() << " layer " << a.layer();
    const auto client = clients_.find(a.client());
    if (client == clients_.end() || !client->second->up()) continue;
    if (!client->second->layers.contains(a.volume())) continue;
    ASSERT_GE(client->second->layers[a.volume()], a.layer());
  }
  for (const auto& [id, volume] : state().volumes()) {
    if (!volume.snapshot()) {
      ASSERT_NE(state().NewestLayer(volume.lineage()), 0u) << volume.name();
      continue;
    }
    const LayerRecord* layer = state().FindLayer(volume.lineage(), volume.layer());
    if (volume.deleted() && layer == nullptr) continue;
    ASSERT_NE(layer, nullptr) << volume.name();
    ASSERT_TRUE(layer->sealed()) << volume.name();
    ASSERT_EQ(layer->snapshot(), id) << volume.name();
  }
}

// What holds at every moment, whatever happens (5.5a, 5.5e, hazard 4.1).
void FakeCluster::CheckRules() {
  CheckLayers();
  for (const auto& [raw, chain] : state().chains()) {
    const ChainConfig& named = chain.config().named();
    std::string members;
    for (const ChainMember& m : named.members()) {
      absl::StrAppend(&members, m.disk(), "/", m.role(), "/", m.store(), " ");
    }
    std::string& known = content_[{static_cast<uint32_t>(raw), named.epoch()}];
    if (known.empty()) known = members;
    ASSERT_EQ(known, members) << "chain " << raw << " epoch " << named.epoch();
    if (!chain.config().has_last_opened()) continue;
    const ChainConfig& opened = chain.config().last_opened();
    ASSERT_LE(opened.epoch(), named.epoch());
    const bool former =
        std::any_of(named.members().begin(), named.members().end(), [&](const ChainMember& m) {
          const ChainMember* was = Find(opened, m.disk());
          return m.role() == CHAIN_ROLE_SERVING && was != nullptr &&
                 was->role() == CHAIN_ROLE_SERVING && was->store() == m.store();
        });
    ASSERT_TRUE(former) << "chain " << raw << " epoch " << named.epoch();
    std::set<uint32_t> nodes;
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      const DiskRecord* disk = state().FindDisk(m.disk());
      if (disk == nullptr) continue;
      ASSERT_TRUE(nodes.insert(disk->disk().node()).second);
    }
  }
}

size_t FakeCluster::Open() const {
  size_t n = 0;
  for (const auto& [raw, chain] : leader_->state().chains()) n += chain.config().named().opened();
  return n;
}

size_t FakeCluster::FullyServing(uint32_t replication) const {
  size_t n = 0;
  for (const auto& [raw, chain] : leader_->state().chains()) {
    const ChainConfig& named = chain.config().named();
    const auto serving =
        std::count_if(named.members().begin(), named.members().end(),
                      [](const ChainMember& m) { return m.role() == CHAIN_ROLE_SERVING; });
    n += named.opened() && serving == replication && named.members_size() == serving;
  }
  return n;
}

std::string FakeCluster::Dump() const {
  std::string dump;
  EXPECT_TRUE(store
                  .Scan("",
                        [&](std::string_view key, std::string_view value) {
                          dump.append(key).append("=").append(value).append("\n");
                          return true;
                        })
                  .ok());
  return dump;
}

}  // namespace storpool::metadata
