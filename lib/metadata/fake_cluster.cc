#include "lib/metadata/fake_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"

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

void FakePeer::Start() {
  ++process_;
  up_ = true;
  NewLife();
  Connect();
}

void FakePeer::Connect() {
  if (connected_ || cluster_.leader_ == nullptr) return;
  connected_ = true;
  registered = false;
  inbox_.clear();
  cluster_.leader().OnPeer(this);
  Register hello = Hello();
  hello.set_cluster(kUuid);
  hello.set_process(process_ << 16 | id_ | 1 << 12);
  hello.set_nonce("nonce");
  hello.set_proof(std::string(AsText(ProofOf(SecretKey(secret), "nonce"))));
  ToMetadata message;
  *message.mutable_register_() = hello;
  cluster_.leader().OnPeerMessage(this, message);
}

void FakePeer::Kill(bool refused) {
  up_ = false;
  Disconnect(refused);
}

void FakePeer::Disconnect(bool refused) {
  if (!connected_) return;
  connected_ = false;
  registered = false;
  inbox_.clear();
  if (cluster_.leader_ != nullptr) cluster_.leader().OnPeerGone(this, refused);
}

void FakePeer::Close() {
  connected_ = false;
  registered = false;
}

void FakePeer::Say(const ToMetadata& message) {
  if (connected_ && !mute) cluster_.leader().OnPeerMessage(this, message);
}

void FakePeer::Heartbeat() {
  ToMetadata message;
  message.mutable_heartbeat()->set_number(1);
  if (registered) Say(message);
}

void FakePeer::Pump() {
  std::vector<FromMetadata> messages;
  messages.swap(inbox_);
  for (const FromMetadata& message : messages) {
    if (message.has_refused()) refusal = message.refused().reason();
    if (message.has_refused()) refused_for_good = message.refused().final();
    if (message.has_registered()) {
      registered = true;
      ToMetadata subscribe;
      for (const SectionVersion& s : follows) *subscribe.mutable_subscribe()->add_sections() = s;
      Say(subscribe);
    }
    for (const Section& s : message.sections().sections()) sections[s.name()] = s;
    Take(message);
  }
}

bool FakeNode::HasDisk(uint32_t disk) const {
  return std::any_of(disks.begin(), disks.end(), [&](const auto& d) { return d.id() == disk; });
}

Register FakeNode::Hello() {
  Register hello;
  hello.mutable_node()->set_id(id_);
  hello.mutable_node()->set_name(absl::StrCat("node", id_));
  hello.mutable_node()->set_address(absl::StrCat("host", id_, ":1"));
  hello.mutable_node()->set_fault_set(fault_set);
  for (const DiskHere& disk : disks) {
    DiskHere& here = *hello.mutable_node()->add_disks();
    here = disk;
    for (const auto& [raw, held] : chains) {
      ChainHere& chain = *here.add_chains();
      chain.set_chain(raw);
      chain.set_epoch(held.epoch);
    }
  }
  return hello;
}

void FakeNode::NewLife() {
  for (DiskHere& disk : disks) disk.set_incarnation(disk.incarnation() + 1);
  coordinating_.clear();
}

void FakeNode::Take(const FromMetadata& message) {
  for (const NamedConfig& config : message.names().configs()) {
    HeldChain& held = chains[config.named().chain()];
    if (config.named().epoch() < held.epoch) continue;
    held.epoch = config.named().epoch();
    if (HasDisk(config.named().members(0).disk())) {
      coordinating_[config.named().chain()] = config;
    }
  }
  for (const ChainConfig& config : message.opened().configs()) TakeOpened(config);
  if (message.has_raise()) {
    std::erase_if(raise_orders,
                  [&](const auto& o) { return o.fence() == message.raise().fence(); });
    raise_orders.push_back(message.raise());
  }
  for (const Horizon& h : message.horizons().horizons()) horizons[h.chain()] = h;
  if (message.has_drop() && drops) {
    ToMetadata answer;
    for (const DiskHere& disk : disks) {
      Dropped& dropped = *answer.mutable_dropped();
      dropped.set_disk(disk.id());
      *dropped.mutable_lineages() = message.drop().lineages();
      for (const ChainConfig& c : message.drop().former_chains()) {
        EXPECT_TRUE(c.opened());
        if (Find(c, disk.id()) != nullptr) continue;
        dropped.add_former_chains(c.chain());
        former_chains.insert(c.chain());
      }
      Say(answer);
    }
    dropped_lineages.insert(message.drop().lineages().begin(), message.drop().lineages().end());
  }
}

void FakeNode::TakeOpened(const ChainConfig& config) {
  HeldChain& held = chains[config.chain()];
  if (config.epoch() < held.epoch) return;
  held.epoch = config.epoch();
  held.opened = config;
  coordinating_.erase(config.chain());
}

void FakeNode::Promote() {
  for (const auto& [raw, held] : chains) {
    if (held.epoch != held.opened.epoch()) continue;
    for (const DiskHere& disk : disks) {
      const ChainMember* m = Find(held.opened, disk.id());
      if (m == nullptr || m->role() != CHAIN_ROLE_SYNCING) continue;
      ToMetadata message;
      Promotable& p = *message.mutable_promotable();
      p.set_chain(raw);
      p.set_epoch(held.epoch);
      p.set_disk(disk.id());
      p.set_store(disk.store());
      p.set_incarnation(disk.incarnation());
      Say(message);
    }
  }
}

// The coordinator's part: when all serving members have adopted, they have levelled out.
void FakeNode::TryOpen() {
  if (!opens) return;
  for (auto it = coordinating_.begin(); it != coordinating_.end();) {
    const ChainConfig& named = it->second.named();
    bool all = true;
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      const bool adopted =
          std::any_of(cluster_.nodes_.begin(), cluster_.nodes_.end(), [&](const auto& entry) {
            const FakeNode& n = *entry.second;
            const auto held = n.chains.find(named.chain());
            return n.up() && n.HasDisk(m.disk()) && held != n.chains.end() &&
                   held->second.epoch == named.epoch();
          });
      all = all && adopted;
    }
    if (!all) {
      ++it;
      continue;
    }
    ToMetadata message;
    message.mutable_open_ready()->set_chain(named.chain());
    message.mutable_open_ready()->set_epoch(named.epoch());
    message.mutable_open_ready()->set_opened_at(Version(Epoch(named.epoch() - 1), 7).raw());
    it = coordinating_.erase(it);
    Say(message);
  }
}

void FakeNode::AnswerRaises() {
  if (!raises) return;
  for (const RaiseOrder& order : raise_orders) {
    for (const DiskHere& disk : disks) {
      ToMetadata message;
      message.mutable_raised()->set_fence(order.fence());
      message.mutable_raised()->set_disk(disk.id());
      for (const auto& [raw, held] : chains) {
        const ChainMember* m = Find(held.opened, disk.id());
        if (raw >> 16 != order.tables(0) || held.epoch != held.opened.epoch()) continue;
        if (m == nullptr || m->role() != CHAIN_ROLE_SERVING) continue;
        ChainEpoch& chain = *message.mutable_raised()->add_chains();
        chain.set_chain(raw);
        chain.set_epoch(held.epoch);
      }
      Say(message);
    }
  }
  raise_orders.clear();
}

void FakeNode::Pump() {
  FakePeer::Pump();
  if (!up_ || !registered) return;
  TryOpen();
  AnswerRaises();
  if (promotes) Promote();
}

Register FakeClient::Hello() {
  Register hello;
  hello.mutable_client()->set_id(id_);
  follows.clear();
  follows.emplace_back().set_section(AttachmentsSectionName(id_));
  return hello;
}

const Attachment* FakeClient::Find(const std::string& volume) const {
  const auto it = sections.find(AttachmentsSectionName(id_));
  if (it == sections.end()) return nullptr;
  for (const Attachment& a : it->second.attachments().attachments()) {
    if (a.volume_name() == volume) return &a;
  }
  return nullptr;
}

void FakeClient::Take(const FromMetadata& message) {
  for (const Section& section : message.sections().sections()) {
    for (const Attachment& a : section.attachments().attachments()) {
      ToMetadata answer;
      AttachmentReady& ready = *answer.mutable_attachment_ready();
      ready.set_volume(a.volume());
      ready.set_generation(a.generation());
      ready.set_attached(a.granted() && !a.detaching());
      if (ready.attached()) ready.set_device("nbd://here/" + a.volume_name());
      if (a.detaching() && holds_open == a.volume_name()) ready.set_error("is open at here");
      if (a.granted() || a.detaching()) Say(answer);
    }
  }
}

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
  command.mutable_create_volume()->set_name(name);
  command.mutable_create_volume()->set_template_name(template_name);
  command.mutable_create_volume()->set_size_bytes(size_bytes);
  return Do(command);
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

// What holds at every moment, whatever happens (5.5a, 5.5e, hazard 4.1).
void FakeCluster::CheckRules() {
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
