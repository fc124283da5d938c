// What nodes and clients are told: only what is applied, hence in the log.
#include <algorithm>
#include <utility>

#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

// Messages stay far below gRPC's limit of 4 MiB.
constexpr int kConfigsPerMessage = 1024;
constexpr int kRaisesPerMessage = 1 << 16;
constexpr int kDropsPerMessage = 4096;

bool Has(const ChainConfig& config, uint32_t disk) {
  return std::any_of(config.members().begin(), config.members().end(),
                     [&](const ChainMember& m) { return m.disk() == disk; });
}

}  // namespace

void Leader::SendNames(const std::set<uint32_t>& chains) {
  std::map<uint32_t, FromMetadata> by_node;
  std::map<uint32_t, int> raises_in;  // what is collected for a node
  const auto send = [&](uint32_t node, FromMetadata& message) {
    if (PeerState* peer = FindPeer(Kind::kNode, node)) peer->link->Send(message);
    message.Clear();
  };
  for (uint32_t raw : chains) {
    const ChainRecord* chain = state_.FindChain(raw);
    if (chain == nullptr || chain->config().named().opened()) continue;
    for (const ChainMember& m : chain->config().named().members()) {
      const DiskRecord* disk = state_.FindDisk(m.disk());
      if (m.role() != CHAIN_ROLE_SERVING || disk == nullptr) continue;  // R21: syncing ones not
      FromMetadata& message = by_node[disk->disk().node()];
      *message.mutable_names()->add_configs() = chain->config();
      int& raises = raises_in[disk->disk().node()];
      raises += chain->config().raises_size();
      if (message.names().configs_size() < kConfigsPerMessage && raises < kRaisesPerMessage)
        continue;
      send(disk->disk().node(), message);
      raises = 0;
    }
  }
  for (auto& [node, message] : by_node) {
    if (message.has_names()) send(node, message);
  }
}

void Leader::SendOpened(const std::set<uint32_t>& chains) {
  std::map<uint32_t, Opened> opened;
  std::map<uint32_t, ResyncOrder> resync;
  for (uint32_t raw : chains) {
    const ChainRecord* chain = state_.FindChain(raw);
    if (chain == nullptr || !chain->config().named().opened()) continue;
    const ChainConfig& config = chain->config().named();
    for (const ChainMember& m : config.members()) {
      const DiskRecord* disk = state_.FindDisk(m.disk());
      if (disk == nullptr) continue;
      *opened[disk->disk().node()].add_configs() = config;
      if (m.role() == CHAIN_ROLE_SYNCING) resync[disk->disk().node()].add_chains(raw);
    }
  }
  for (auto& [node, all] : opened) {
    PeerState* peer = FindPeer(Kind::kNode, node);
    if (peer == nullptr) continue;
    for (int at = 0; at < all.configs_size(); at += kConfigsPerMessage) {
      FromMetadata message;
      const int end = std::min(at + kConfigsPerMessage, all.configs_size());
      for (int i = at; i < end; ++i) *message.mutable_opened()->add_configs() = all.configs(i);
      peer->link->Send(message);
    }
    if (const auto order = resync.find(node); order != resync.end()) {
      FromMetadata message;
      *message.mutable_resync() = order->second;
      peer->link->Send(message);
    }
  }
}

void Leader::SendRaise(const FenceRecord& fence) {
  FromMetadata message;
  RaiseOrder& order = *message.mutable_raise();
  order.set_fence(fence.id());
  *order.add_raises() = fence.raise();
  order.add_tables(fence.table());
  for (const auto& [arrival, peer] : peers_) {
    if (peer->registered && peer->kind == Kind::kNode) peer->link->Send(message);
  }
}

void Leader::SendDrops(const std::set<uint32_t>& disks) {
  std::map<uint32_t, std::vector<DropOrder>> orders;  // by node
  const auto page_for = [&](uint32_t node) -> DropOrder& {
    std::vector<DropOrder>& pages = orders[node];
    const auto is_full = [](const DropOrder& order) {
      return order.lineages_size() + order.former_chains_size() + order.gone_chains_size() >=
             kDropsPerMessage;
    };
    if (pages.empty() || is_full(pages.back())) pages.emplace_back();
    return pages.back();
  };
  for (uint32_t id : disks) {
    const DiskRecord* disk = state_.FindDisk(id);
    if (disk == nullptr) continue;
    for (const auto& [lineage, drop] : state_.drops()) {
      if (std::find(drop.disks().begin(), drop.disks().end(), id) == drop.disks().end()) continue;
      page_for(disk->disk().node()).add_lineages(lineage);
    }
    for (const auto& [key, former] : state_.formers()) {
      if (former.disk() != id) continue;
      const ChainRecord* chain = state_.FindChain(former.chain());
      if (chain == nullptr) {
        page_for(disk->disk().node()).add_gone_chains(former.chain());
        continue;
      }
      // Only on an opened epoch without it (5.7).
      const NamedConfig& config = chain->config();
      if (!config.has_last_opened() || Has(config.last_opened(), id)) continue;
      *page_for(disk->disk().node()).add_former_chains() = config.last_opened();
    }
  }
  for (auto& [node, pages] : orders) {
    PeerState* peer = FindPeer(Kind::kNode, node);
    if (peer == nullptr) continue;
    for (DropOrder& order : pages) {
      FromMetadata message;
      *message.mutable_drop() = std::move(order);
      peer->link->Send(message);
    }
  }
}

// Its windows may be freed (5.8). Not when some chain was granted by a floor: there the raise rides
// on a name that may not be adopted everywhere yet, and the window goes with the volume.
void Leader::SendEndedSession(const FenceRecord& fence) {
  if (!fence.floors().empty()) return;
  FromMetadata message;
  EndedSession& ended = *message.mutable_drop()->add_ended_sessions();
  ended.set_volume(fence.raise().volume());
  ended.set_client(fence.raise().client());
  ended.set_generation(fence.raise().generation() - 1);  // and all below
  for (const auto& [arrival, peer] : peers_) {
    if (peer->registered && peer->kind == Kind::kNode) peer->link->Send(message);
  }
}

void Leader::ForgetBasesOfOthers(uint32_t chain) {
  const ChainRecord* record = state_.FindChain(chain);
  std::erase_if(live_.bases_, [&](const auto& entry) {
    return entry.first.first == chain &&
           (record == nullptr || !Has(record->config().named(), entry.first.second));
  });
  std::erase_if(live_.resyncs_, [&](const auto& entry) { return entry.first.first == chain; });
}

// Up to where every member that may return has everything (5.6). One that is not known, or has
// base nothing, means no horizon.
void Leader::SendHorizons() {
  std::map<uint32_t, FromMetadata> by_node;
  for (const auto& [raw, chain] : state_.chains()) {
    const ChainConfig& config = chain.config().named();
    if (!config.opened()) continue;
    uint64_t lowest = UINT64_MAX;
    for (const ChainMember& m : config.members()) {
      const MemberBase* base = live_.base(static_cast<uint32_t>(raw), m.disk());
      const DiskRecord* disk = state_.FindDisk(m.disk());
      const bool same_store = disk != nullptr && disk->disk().store() == m.store();
      lowest = std::min(lowest, base == nullptr || !same_store ? 0 : base->lowest_base());
    }
    uint64_t& sent = horizons_sent_[static_cast<uint32_t>(raw)];
    if (lowest <= sent) continue;
    sent = lowest;
    for (const ChainMember& m : config.members()) {
      const DiskRecord* disk = state_.FindDisk(m.disk());
      Horizon& horizon = *by_node[disk->disk().node()].mutable_horizons()->add_horizons();
      horizon.set_chain(static_cast<uint32_t>(raw));
      horizon.set_epoch(config.epoch());
      horizon.set_version(lowest);
    }
  }
  for (const auto& [node, message] : by_node) {
    if (PeerState* peer = FindPeer(Kind::kNode, node)) peer->link->Send(message);
  }
}

void Leader::PushSections() {
  const std::set<std::string> news = std::exchange(news_, {});
  for (const auto& [arrival, peer] : peers_) {
    if (!peer->registered) continue;
    for (Section& section : peer->sections.TakeNews(state_, news)) {
      FromMetadata message;
      *message.mutable_sections()->add_sections() = std::move(section);
      peer->link->Send(message);
    }
  }
}

}  // namespace storpool::metadata
