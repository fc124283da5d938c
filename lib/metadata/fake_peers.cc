// The nodes and clients of a FakeCluster: what they say to what they are told.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::metadata {
namespace {

constexpr char kUuid[] = "0123456789abcdef";
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
  for (const auto& [name, section] : sections) {
    SectionVersion& known = *message.mutable_heartbeat()->add_sections();
    known.set_section(name);
    known.set_version(section.version());
  }
  FillBeat(*message.mutable_heartbeat());
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

void FakeNode::FillBeat(storpool::Heartbeat& beat) {
  for (const DiskHere& disk : disks) {
    DiskRoom& room = *beat.add_disks();
    room.set_disk(disk.id());
    room.set_usable_bytes(disk.size_bytes());
    room.set_stored_bytes(stored_bytes);
    room.set_free_bytes(disk.size_bytes() - stored_bytes);
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
  if (message.registered().restoring()) {
    ToMetadata here;
    for (const auto& [lineage, line] : lines) *here.mutable_lines_here()->add_lines() = line;
    here.mutable_lines_here()->set_more(false);
    Say(here);
  }
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
  for (const Line& line : message.lines().lines()) {
    lines[line.lineage()] = line;
    layers_ordered += line.layers_size();
  }
  if (message.has_lines()) SayLines();
  if (message.has_space() && counts) {
    ToMetadata answer;
    answer.mutable_space()->set_id(message.space().id());
    for (uint64_t lineage : message.space().lineages()) {
      LayerSpace& space = *answer.mutable_space()->add_layers();
      space.set_lineage(lineage);
      space.set_layer(1);
      space.set_stored_bytes(4096);
      space.set_freed_bytes(512);
    }
    Say(answer);
  }
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
      for (uint32_t chain : message.drop().gone_chains()) {
        dropped.add_former_chains(chain);
        former_chains.insert(chain);
      }
      Say(answer);
    }
    dropped_lineages.insert(message.drop().lineages().begin(), message.drop().lineages().end());
  }
}

void FakeNode::SayLines() {
  if (!keeps_lines) return;
  for (const DiskHere& disk : disks) {
    ToMetadata message;
    message.mutable_lines_kept()->set_disk(disk.id());
    for (const auto& [lineage, line] : lines) {
      LineKept& kept = *message.mutable_lines_kept()->add_lines();
      kept.set_lineage(lineage);
      kept.set_durable(line.version());
      kept.set_applied(applies ? line.version() : 0);
      kept.set_chunks_left(applies ? 0 : 5);
    }
    Say(message);
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
      if (a.granted()) layers[a.volume()] = std::max(layers[a.volume()], a.layer());
    }
  }
  TakeHold(message);
  if (message.has_fill()) TakeFill(message.fill());
}

void FakeClient::TakeHold(const FromMetadata& message) {
  if (message.has_snapshot_hold()) hold_orders.push_back(message.snapshot_hold());
  if (message.has_snapshot_over()) {
    const uint64_t id = message.snapshot_over().id();
    unfinished.erase(id);
    std::erase_if(ended_, [&](const auto& e) { return e.first.first == id; });
  }
  for (const SnapshotHold& order : hold_orders) {
    if (message.has_snapshot_hold() && order.id() == message.snapshot_hold().id() && holds) {
      unfinished.insert(order.id());
      for (const HeldVolume& volume : message.snapshot_hold().volumes()) {
        ToMetadata answer;
        answer.mutable_snapshot_held()->set_id(order.id());
        answer.mutable_snapshot_held()->set_volume(volume.volume());
        answer.mutable_snapshot_held()->set_generation(volume.generation());
        if (!times_out) Say(answer);
      }
    }
    const bool released =
        message.has_snapshot_release() && message.snapshot_release().id() == order.id();
    if (!released && !(message.has_snapshot_hold() && times_out)) continue;
    for (const HeldVolume& volume : order.volumes()) {
      const Line& line = volume.line();
      layers[volume.volume()] = line.layers(line.layers_size() - 1).id();
      // The first end counts: a hold that timed out was not held, whoever asks again.
      SnapshotReleased said;
      said.set_id(order.id());
      said.set_volume(volume.volume());
      said.set_generation(volume.generation());
      said.set_held(!times_out);
      said.set_pause_us(pause_us);
      ended_.try_emplace({order.id(), volume.volume()}, said);
    }
  }
}

void FakeClient::Pump() {
  FakePeer::Pump();
  if (!registered) return;
  for (auto& [key, said] : ended_) {
    ToMetadata answer;
    *answer.mutable_snapshot_released() = said;
    answer.mutable_snapshot_released()->set_drained(said.held() || drains);
    Say(answer);
  }
}

void FakeClient::NewLife() {
  layers.clear();
  ended_.clear();
}

void FakeClient::TakeFill(const FillOrder& order) {
  fill_orders.push_back(order);
  if (!fills || order.stop()) return;
  ToMetadata answer;
  answer.mutable_fill()->set_volume(order.volume());
  answer.mutable_fill()->set_generation(order.generation());
  if (fill_error.empty()) {
    answer.mutable_fill()->set_next(order.end());
    answer.mutable_fill()->set_done(true);
  } else {
    answer.mutable_fill()->set_next(order.first());
    answer.mutable_fill()->set_error(fill_error);
  }
  Say(answer);
}

}  // namespace storpool::metadata
