#include "lib/node/node_fixture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/crc32c.h"
#include "lib/control/convert.h"

namespace storpool::node {

bool LinesLog::Has(std::string_view part) const {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

std::vector<uint8_t> Bytes(uint64_t seed, uint32_t blocks) {
  Random random(seed);
  std::vector<uint8_t> bytes(size_t{blocks} * kBlockBytes);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random.Next());
  return bytes;
}

// ---- TestLink

void TestLink::Start(Handler* handler) {
  handler_ = handler;
  reactor_.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) handler_->OnLinkUp();
  });
}

void TestLink::Send(const ToMetadata& message) { cluster_.OnMessage(*this, message); }

void TestLink::Deliver(const FromMetadata& message) {
  reactor_.Post([this, message, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) handler_->OnLinkMessage(message);
  });
}

void TestLink::Break() {
  handler_->OnLinkDown(absl::UnavailableError("the test breaks the link"));
  handler_->OnLinkUp();
}

// ---- TestNode

TestNode::TestNode(TestCluster& c, uint16_t node_id, uint64_t disk_bytes)
    : cluster(c), id(node_id), disk(disk_bytes) {
  cluster.Add(this);
}

TestNode::~TestNode() {
  Crash();
  cluster.Remove(this);
}

absl::Status TestNode::Format(bool overwrite) { return FormatAs(disk, id, overwrite); }

absl::Status TestNode::AddSecondDisk() {
  second = std::make_unique<env::MemoryDisk>(uint64_t{1} << 30);
  return FormatAs(*second, id + kSecondDisk, false);
}

absl::Status TestNode::FormatAs(env::MemoryDisk& there, uint16_t number, bool overwrite) {
  env::ManualReactor own;
  BufferPool pool;
  env::MemoryDevice own_device(own, &there);
  absl::Status status = absl::UnavailableError("did not end");
  chunkstore::Format(own_device, own, pool,
                     {.cluster = cluster_uuid,
                      .disk = DiskId(number),
                      .store = StoreId(1000u + number),
                      .overwrite = overwrite},
                     [&](absl::Status s) { status = s; });
  own.RunUntilIdle();
  return status;
}

absl::Status TestNode::Start() {
  ++lives;
  reactor = std::make_unique<env::ManualReactor>(&cluster.clock);
  device = std::make_unique<env::MemoryDevice>(*reactor, &disk);
  network = cluster.network.Attach(*reactor, absl::StrCat("n", id));
  entropy = std::make_unique<SeededEntropy>(id * 1000u + lives);
  link = std::make_unique<TestLink>(cluster, *reactor);
  NodeOptions options;
  options.id = NodeId(id);
  options.cluster = cluster_uuid;
  options.secret = secret;
  options.listen_address = absl::StrCat("n", id, ":", port == 0 ? 7000 + id : port);
  options.disks = {{device.get(), absl::StrCat("disk-", id), "file"}};
  if (second != nullptr) {
    second_device = std::make_unique<env::MemoryDevice>(*reactor, second.get());
    options.disks.push_back({second_device.get(), absl::StrCat("second-", id), "file"});
  }
  node = std::make_unique<Node>(options, *reactor, *network, *entropy, log, *link);
  std::optional<absl::Status> result;
  node->Start([&](absl::Status s) { result = s; });
  cluster.RunUntil(Duration::Seconds(5), [&] { return result.has_value(); });
  return result.value_or(absl::DeadlineExceededError("did not start"));
}

absl::Status TestNode::Stop() {
  std::optional<absl::Status> result;
  node->Stop([&](absl::Status s) { result = s; });
  cluster.RunUntil(Duration::Seconds(5), [&] { return result.has_value(); });
  Crash();
  return result.value_or(absl::DeadlineExceededError("did not stop"));
}

void TestNode::Crash() {
  device.reset();  // nobody is called any more
  second_device.reset();
  node.reset();
  if (link != nullptr) cluster.Forget(link.get());
  link.reset();
  entropy.reset();
  network.reset();
  reactor.reset();
  disk.LandAbandoned();
  if (second != nullptr) second->LandAbandoned();
}

// ---- TestClient

TestClient::TestClient(TestCluster& cluster, uint16_t id, std::string secret)
    : cluster_(cluster),
      reactor_(cluster.MakeReactor()),
      network_(cluster.network.Attach(*reactor_, absl::StrCat("c", id))),
      entropy_(77u + id),
      local_{*reactor_, pool_, entropy_, SecretKey(secret), {}},
      session_{VolumeId(9), ClientId(id), Generation(1)} {
  local_.self.cluster = {1, 2, 3};
  local_.self.is_client = true;
  local_.self.client = ClientId(id);
}

TestClient::~TestClient() { connections_.clear(); }

void TestClient::Connect(uint16_t node) {
  connections_[node] = std::make_unique<link::Connection>(
      local_, *network_, absl::StrCat("n", node, ":", 7000 + node), *this);
  const size_t before = ends.size();
  cluster_.RunUntil(Duration::Millis(100), [&] { return ready(node) || ends.size() > before; });
  if (ready(node)) Send(node, wire::LineHint{cluster_.line()});
}

void TestClient::Disconnect(uint16_t node) { connections_.erase(node); }

bool TestClient::ready(uint16_t node) const {
  const auto it = connections_.find(node);
  return it != connections_.end() && it->second->ready();
}

uint64_t TestClient::StartWrite(uint16_t node, uint32_t block, std::span<const uint8_t> data,
                                ChunkIndex chunk) {
  wire::WriteRequest w;
  w.chain = cluster_.chain();
  w.chunk = chunk;
  w.epoch = cluster_.opened().epoch;
  w.session = session_;
  w.number = ++number_;
  w.answered_below = number_;
  for (uint64_t n = 1; n < number_; ++n) {
    if (!written.contains(n)) {
      w.answered_below = n;
      break;
    }
  }
  const model::Line line = cluster_.line();
  w.line_version = line.version;
  w.lineage = line.lineage;
  w.layer = line.newest().id;
  w.first_sector = block * kSectorsPerBlock;
  w.sectors = static_cast<uint32_t>(data.size() / kSectorBytes);
  w.payload = pool_.Copy(data);
  w.checksums = Checksums(data.size() / kBlockBytes, pool_);
  for (size_t i = 0; i < w.checksums.size(); ++i) {
    w.checksums.span()[i] = Crc32c(data.subspan(i * kBlockBytes, kBlockBytes));
  }
  Send(node, w);
  return number_;
}

wire::Result TestClient::Write(uint16_t node, uint32_t block, std::span<const uint8_t> data,
                               ChunkIndex chunk) {
  const uint64_t number = StartWrite(node, block, data, chunk);
  EXPECT_TRUE(cluster_.RunUntil(Duration::Seconds(2), [&] { return written.contains(number); }));
  return written.contains(number) ? written[number] : wire::Result::kMediaError;
}

wire::ReadAnswer TestClient::Read(uint16_t node, BlockRange blocks, ChunkIndex chunk) {
  wire::ReadRequest r;
  r.chain = cluster_.chain();
  r.chunk = chunk;
  r.epoch = cluster_.opened().epoch;
  r.session = session_;
  r.number = ++read_number_;
  const model::Line line = cluster_.line();
  r.line_version = line.version;
  r.lineage = line.lineage;
  r.layer = line.newest().id;
  r.blocks = blocks;
  Send(node, r);
  const uint64_t number = r.number;
  EXPECT_TRUE(cluster_.RunUntil(Duration::Seconds(2), [&] { return reads.contains(number); }));
  return reads[number];
}

void TestClient::OnMessage(link::Connection&, wire::Message&& message) {
  if (const auto* w = std::get_if<wire::WriteAnswer>(&message)) written[w->number] = w->result;
  if (auto* r = std::get_if<wire::ReadAnswer>(&message)) reads[r->number] = std::move(*r);
}

void TestClient::OnClosed(link::Connection&, const absl::Status& reason) {
  ends.emplace_back(reason.message());
}

// ---- TestCluster

TestCluster::TestCluster() {
  line_.lineage = LineageId(5);
  line_.volume = VolumeId(9);
  line_.table = chain_.table();
  line_.version = LineVersion(1);
  line_.layers = {{LayerId(1), uint64_t{1} << 30, uint64_t{1} << 30, false, LineVersion(1)}};
  named_.chain = opened_.chain = chain_;
}

TestCluster::~TestCluster() { nodes_.clear(); }  // they use the rest

TestNode& TestCluster::AddNode(uint16_t id, uint64_t disk_bytes) {
  nodes_[id] = std::make_unique<TestNode>(*this, id, disk_bytes);
  EXPECT_TRUE(nodes_[id]->Format().ok());
  const absl::Status status = nodes_[id]->Start();
  EXPECT_TRUE(status.ok()) << status;
  return *nodes_[id];
}

env::ManualReactor* TestCluster::MakeReactor() {
  client_reactors_.push_back(std::make_unique<env::ManualReactor>(&clock));
  return client_reactors_.back().get();
}

bool TestCluster::RunUntil(Duration time, const std::function<bool()>& done) {
  const Instant end = clock.Now() + time;
  while (!done()) {
    std::vector<env::ManualReactor*> reactors;
    for (TestNode* node : living_) {
      if (node->reactor != nullptr) reactors.push_back(node->reactor.get());
    }
    for (auto& reactor : client_reactors_) reactors.push_back(reactor.get());
    bool ran = false;
    for (env::ManualReactor* r : reactors) ran |= r->RunTurn();
    if (ran) continue;
    Instant next = end;
    for (env::ManualReactor* r : reactors) next = std::min(next, r->next_timer());
    if (clock.Now() >= end) return false;
    clock.AdvanceTo(std::max(next, clock.Now()));
  }
  return true;
}

void TestCluster::SendDisks(TestLink& link) {
  FromMetadata message;
  Section& section = *message.mutable_sections()->add_sections();
  section.set_name("disks");
  section.set_version(disks_version_);
  for (const auto& [id, address] : addresses_) {
    storpool::Node& node = *section.mutable_disks()->add_nodes();
    node.set_id(id);
    node.set_name(absl::StrCat("n", id));
    node.set_address(address);
  }
  for (const auto& [id, here] : disks_) {
    storpool::Disk& disk = *section.mutable_disks()->add_disks();
    disk.set_id(id);
    disk.set_node(nodes_of_disks_[id]);
    disk.set_store(here.store());
    disk.set_address(addresses_[nodes_of_disks_[id]]);
    disk.set_state(storpool::Disk::UP);
  }
  link.Deliver(message);
}

void TestCluster::Broadcast(const FromMetadata& message) {
  for (const auto& [link, id] : links_) link->Deliver(message);
}

void TestCluster::ChangeLine(const std::function<void(model::Line&)>& change) {
  const LineVersion before = line_.version;
  line_.version = LineVersion(before.value() + 1);
  change(line_);
  EXPECT_TRUE(line_.Validate().ok()) << line_.Validate();
  FromMetadata message;
  *message.mutable_lines()->add_lines() = control::ToMessage(line_.Since(before));
  Broadcast(message);
}

LineKept TestCluster::Kept(uint16_t disk) const {
  for (auto m = received.rbegin(); m != received.rend(); ++m) {
    if (!m->has_lines_kept() || m->lines_kept().disk() != disk) continue;
    for (const LineKept& kept : m->lines_kept().lines()) {
      if (kept.lineage() == line_.lineage.value()) return kept;
    }
  }
  return {};
}

void TestCluster::OnMessage(TestLink& link, const ToMetadata& message) {
  received.push_back(message);
  if (message.has_register_()) {
    const NodeHere& node = message.register_().node();
    links_[&link] = static_cast<uint16_t>(node.id());
    addresses_[static_cast<uint16_t>(node.id())] = node.address();
    for (const auto& d : node.disks()) {
      disks_[static_cast<uint16_t>(d.id())] = d;
      nodes_of_disks_[static_cast<uint16_t>(d.id())] = static_cast<uint16_t>(node.id());
    }
    ++disks_version_;
    FromMetadata answer;
    answer.mutable_registered()->set_term(1);
    answer.mutable_registered()->set_heartbeat_ms(300);
    answer.mutable_registered()->set_cluster_name("d.n");
    link.Deliver(answer);
    for (const auto& [other, id] : links_) SendDisks(*other);
  } else if (message.has_open_ready() && message.open_ready().epoch() == named_.epoch.value()) {
    named_.opened = true;
    named_.opened_at = Version::FromRaw(message.open_ready().opened_at());
    for (model::Member& m : named_.members) {
      if (m.role == model::Role::kAway && m.excluded_at == Version())
        m.excluded_at = named_.opened_at;
    }
    opened_ = named_;
    FromMetadata answer;
    *answer.mutable_opened()->add_configs() = control::ToMessage(opened_);
    Broadcast(answer);
  } else if (message.has_promotable()) {
    promotable = message.promotable();
  }
}

bool TestCluster::NameAndOpen(std::vector<uint16_t> serving, std::vector<uint16_t> syncing) {
  model::NamedConfig name;
  name.last_opened = opened_;
  named_.epoch = Epoch(named_.epoch.value() + 1);
  named_.opened = false;
  named_.opened_at = Version();
  std::vector<model::Member> away;
  for (const model::Member& m : opened_.members) {
    const auto is_in = [&](const std::vector<uint16_t>& list) {
      return std::find(list.begin(), list.end(), m.disk.value()) != list.end();
    };
    if (!is_in(serving) && !is_in(syncing)) {
      away.push_back({m.disk, m.store, model::Role::kAway, m.excluded_at});
    }
  }
  named_.members.clear();
  for (uint16_t id : serving) {
    named_.members.push_back({DiskId(id), StoreId(1000u + id), model::Role::kServing, {}});
  }
  for (uint16_t id : syncing) {
    named_.members.push_back({DiskId(id), StoreId(1000u + id), model::Role::kSyncing, {}});
  }
  for (const model::Member& m : away) named_.members.push_back(m);
  name.named = named_;
  FromMetadata message;
  *message.mutable_names()->add_configs() = control::ToMessage(name);
  Broadcast(message);
  if (!RunUntil(Duration::Seconds(5), [&] { return named_.opened; })) return false;
  RunFor(Duration::Millis(20));
  return true;
}

}  // namespace storpool::node
