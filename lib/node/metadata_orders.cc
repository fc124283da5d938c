// What metadata tells a node, handed to the replicas.
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/control/convert.h"
#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/lines.h"
#include "lib/node/metadata_session.h"
#include "lib/node/peers.h"

namespace storpool::node {
namespace {

constexpr char kDisksKey[] = "map/disks";

}  // namespace

void MetadataSession::OnNames(const Names& names) {
  for (const NamedConfig& message : names.configs()) {
    const absl::StatusOr<model::NamedConfig> config = control::ToModel(message);
    if (!config.ok()) {
      Alarm(absl::StrCat("metadata sent a bad name: ", std::string(config.status().message())));
      continue;
    }
    OnName(*config);
  }
}

void MetadataSession::OnName(const model::NamedConfig& config) {
  const ChainId chain = config.named.chain;
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    // A name means a store, not a disk (5.5g).
    const model::Member* member = config.named.Find(disk->id());
    const bool means_us = member != nullptr && member->store == disk->own().store;
    ChainHost* host = means_us ? &disk->FindOrMake(chain) : disk->Find(chain);
    if (host == nullptr) continue;
    host->Step(
        [&](chain::Replica& r, Instant now, chain::Effects& out) { r.OnName(config, now, out); });
  }
}

void MetadataSession::OnOpened(const Opened& opened) {
  for (const ChainConfig& message : opened.configs()) {
    const absl::StatusOr<model::ChainConfig> config = control::ToModel(message);
    if (!config.ok() || !config->opened) {
      Alarm("metadata sent a bad opened config");
      continue;
    }
    for (DiskHost* disk : services_.chains->disks()) {
      if (disk->failed()) continue;
      const model::Member* member = config->Find(disk->id());
      const bool means_us = member != nullptr && member->store == disk->own().store;
      ChainHost* host = means_us ? &disk->FindOrMake(config->chain) : disk->Find(config->chain);
      if (host == nullptr) continue;
      host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnOpened(*config, now, out);
      });
    }
  }
}

void MetadataSession::OnSections(const Sections& sections) {
  for (const Section& section : sections.sections()) {
    const absl::StatusOr<directory::Changes> changes = directory_.Apply(section);
    if (!changes.ok()) {
      Alarm(absl::StrCat("metadata sent a bad section: ", std::string(changes.status().message())));
      continue;
    }
    for (const std::string& text : changes->alarms) Alarm(text);
    if (section.has_disks()) {
      services_.peers->OnDisks(section.disks());
      KeepDisks(section.disks());
    }
    services_.lines->OnChanged(*changes);
  }
}

void MetadataSession::KeepDisks(const DisksSection& disks) {
  const std::string bytes = disks.SerializeAsString();
  for (DiskHost* disk : services_.chains->disks()) {
    if (!disk->failed() && disk->store().Note(kDisksKey) != bytes) {
      disk->store().AppendNote(kDisksKey, bytes);
    }
  }
}

void MetadataSession::LoadFrom(DiskHost& disk) {
  const std::optional<std::string> note = disk.store().Note(kDisksKey);
  DisksSection section;
  if (note && section.ParseFromString(*note)) services_.peers->OnDisks(section);
}

void MetadataSession::OnRaise(const RaiseOrder& order) {
  std::vector<model::Raise> raises;
  for (const Raise& message : order.raises()) {
    const absl::StatusOr<model::Raise> raise = control::ToModel(message);
    if (!raise.ok()) return Alarm("metadata sent a bad raise");
    raises.push_back(*raise);
  }
  for (ChainHost* host : services_.chains->all()) {
    const auto& tables = order.tables();
    const uint32_t table = host->chain().table().value();
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) continue;
    host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnRaise(order.fence(), raises, now, out);
    });
  }
}

void MetadataSession::OnDrop(const DropOrder& order) {
  for (const EndedSession& ended : order.ended_sessions()) {
    if (ended.client() > kClientIdMax) continue;
    const Session session = {VolumeId(ended.volume()),
                             ClientId(static_cast<uint16_t>(ended.client())),
                             Generation(ended.generation())};
    services_.chains->StepAll([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnEndSession(session, now, out);
    });
  }
  DropChains(order);
  if (!order.lineages().empty()) DropLineages(order);
}

// A disk that has nothing of a chain has dropped it: it was made anew, or the answer was lost (R8).
void MetadataSession::DropChains(const DropOrder& order) {
  std::map<DiskId, std::vector<ChainId>> without;
  const auto drop = [&](const model::ChainConfig& config) {
    for (DiskHost* disk : services_.chains->disks()) {
      if (disk->failed() || config.Find(disk->id()) != nullptr) continue;
      ChainHost* host = disk->Find(config.chain);
      if (host == nullptr) {
        without[disk->id()].push_back(config.chain);
        continue;
      }
      host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnDiscard(config, now, out);
      });
    }
  };
  for (const ChainConfig& message : order.former_chains()) {
    const absl::StatusOr<model::ChainConfig> config = control::ToModel(message);
    if (config.ok()) drop(*config);
  }
  for (uint32_t raw : order.gone_chains()) {  // as an epoch without any member
    model::ChainConfig nobody;
    nobody.chain = ChainId::FromRaw(raw);
    nobody.epoch = Epoch(kEpochMax);
    nobody.opened = true;
    drop(nobody);
  }
  for (const auto& [disk, chains] : without) Discarded(disk, chains);
}

void MetadataSession::DropLineages(const DropOrder& order) {
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    uint64_t position = 0;
    for (uint64_t lineage : order.lineages()) {
      position = disk->store().AppendDropLineage(LineageId(lineage));
    }
    disk->WhenDurable(position, [this, id = disk->id(), lineages = order.lineages()] {
      ToMetadata message;
      message.mutable_dropped()->set_disk(id.value());
      *message.mutable_dropped()->mutable_lineages() = lineages;
      Send(message);
    });
  }
}

void MetadataSession::OnHorizons(const Horizons& horizons) {
  for (const Horizon& horizon : horizons.horizons()) {
    for (ChainHost* host : services_.chains->all()) {
      if (host->chain().raw() != horizon.chain()) continue;
      host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
        r.OnHorizon(Epoch(horizon.epoch()), Version::FromRaw(horizon.version()), now, out);
      });
    }
  }
}

}  // namespace storpool::node
