#include "lib/control/convert.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::control {
namespace {

absl::Status Bad(std::string_view what, uint64_t value) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " ", value, " is out of range"));
}

absl::StatusOr<model::Role> RoleOf(ChainRole role) {
  switch (role) {
    case CHAIN_ROLE_SERVING:
      return model::Role::kServing;
    case CHAIN_ROLE_SYNCING:
      return model::Role::kSyncing;
    case CHAIN_ROLE_AWAY:
      return model::Role::kAway;
    default:
      return Bad("role", static_cast<uint64_t>(role));
  }
}

ChainRole RoleOf(model::Role role) {
  switch (role) {
    case model::Role::kServing:
      return CHAIN_ROLE_SERVING;
    case model::Role::kSyncing:
      return CHAIN_ROLE_SYNCING;
    case model::Role::kAway:
      return CHAIN_ROLE_AWAY;
  }
  SP_CHECK(false);
}

}  // namespace

absl::StatusOr<model::ChainConfig> ToModel(const ChainConfig& message) {
  model::ChainConfig config;
  config.chain = ChainId::FromRaw(message.chain());
  if (config.chain.index() >= kChainsPerTableMax) return Bad("chain", message.chain());
  config.epoch = Epoch(message.epoch());
  config.opened = message.opened();
  config.opened_at = Version::FromRaw(message.opened_at());
  if (message.members_size() > static_cast<int>(kChainMembersMax)) {
    return Bad("number of members", static_cast<uint64_t>(message.members_size()));
  }
  for (const ChainMember& m : message.members()) {
    if (m.disk() > kDiskIdMax) return Bad("disk", m.disk());
    const absl::StatusOr<model::Role> role = RoleOf(m.role());
    if (!role.ok()) return role.status();
    config.members.push_back({DiskId(static_cast<uint16_t>(m.disk())), StoreId(m.store()), *role,
                              Version::FromRaw(m.excluded_at())});
  }
  SP_RETURN_IF_ERROR(config.Validate());
  return config;
}

absl::StatusOr<model::NamedConfig> ToModel(const NamedConfig& message) {
  model::NamedConfig result;
  absl::StatusOr<model::ChainConfig> named = ToModel(message.named());
  if (!named.ok()) return named.status();
  result.named = *std::move(named);
  result.last_opened.chain = result.named.chain;
  if (message.has_last_opened()) {
    absl::StatusOr<model::ChainConfig> opened = ToModel(message.last_opened());
    if (!opened.ok()) return opened.status();
    result.last_opened = *std::move(opened);
    if (result.last_opened.chain != result.named.chain || !result.last_opened.opened ||
        result.last_opened.epoch > result.named.epoch) {
      return absl::InvalidArgumentError(
          absl::StrCat("chain ", ToString(result.named.chain),
                       ": the last opened config does not belong to the named one"));
    }
  }
  if (message.raises_size() > kRaisesPerNameMax) {
    return Bad("number of raises", static_cast<uint64_t>(message.raises_size()));
  }
  for (const Raise& r : message.raises()) {
    absl::StatusOr<model::Raise> raise = ToModel(r);
    if (!raise.ok()) return raise.status();
    result.raises.push_back(*raise);
  }
  return result;
}

absl::StatusOr<model::Raise> ToModel(const Raise& message) {
  if (message.client() == 0 || message.client() > kClientIdMax) {
    return Bad("client", message.client());
  }
  if (message.volume() == 0) return Bad("volume", message.volume());
  return model::Raise{VolumeId(message.volume()), ClientId(static_cast<uint16_t>(message.client())),
                      Generation(message.generation())};
}

absl::StatusOr<model::Line> ToModel(const Line& message) {
  model::Line line;
  line.lineage = LineageId(message.lineage());
  line.volume = VolumeId(message.volume());
  if (message.table() > UINT16_MAX) return Bad("table", message.table());
  line.table = TableId(static_cast<uint16_t>(message.table()));
  line.version = LineVersion(message.version());
  line.dropped = message.dropped();
  if (message.layers_size() > static_cast<int>(kLayersMax)) {
    return Bad("number of layers", static_cast<uint64_t>(message.layers_size()));
  }
  for (const Layer& l : message.layers()) {
    line.layers.push_back(
        {LayerId(l.id()), l.size_bytes(), l.cut_bytes(), l.sealed(), LineVersion(l.changed())});
  }
  line.since = LineVersion(message.since());
  if (message.removed_size() > static_cast<int>(kLayersMax)) {
    return Bad("number of removed layers", static_cast<uint64_t>(message.removed_size()));
  }
  for (const RemovedLayer& r : message.removed()) {
    line.removed.push_back(
        {LayerId(r.layer()), LayerId(r.into()), r.cut_bytes(), LineVersion(r.changed())});
  }
  if (message.has_foreign_parent()) {
    if (message.parent_size_bytes() > kVolumeBytesMax) {
      return Bad("size of the foreign parent", message.parent_size_bytes());
    }
    line.foreign_parent =
        model::ForeignParent{LineageId(message.parent_lineage()), LayerId(message.parent_layer()),
                             message.parent_size_bytes()};
  }
  SP_RETURN_IF_ERROR(line.Validate());
  return line;
}

ChainConfig ToMessage(const model::ChainConfig& config) {
  ChainConfig message;
  message.set_chain(config.chain.raw());
  message.set_epoch(config.epoch.value());
  message.set_opened(config.opened);
  message.set_opened_at(config.opened_at.raw());
  for (const model::Member& m : config.members) {
    ChainMember* member = message.add_members();
    member->set_disk(m.disk.value());
    member->set_store(m.store.value());
    member->set_role(RoleOf(m.role));
    member->set_excluded_at(m.excluded_at.raw());
  }
  return message;
}

NamedConfig ToMessage(const model::NamedConfig& config) {
  NamedConfig message;
  *message.mutable_named() = ToMessage(config.named);
  if (config.last_opened.epoch.value() != 0) {
    *message.mutable_last_opened() = ToMessage(config.last_opened);
  }
  for (const model::Raise& r : config.raises) *message.add_raises() = ToMessage(r);
  return message;
}

Raise ToMessage(const model::Raise& raise) {
  Raise message;
  message.set_volume(raise.volume.value());
  message.set_client(raise.client.value());
  message.set_generation(raise.generation.value());
  return message;
}

Line ToMessage(const model::Line& line) {
  Line message;
  message.set_lineage(line.lineage.value());
  message.set_volume(line.volume.value());
  message.set_table(line.table.value());
  message.set_version(line.version.value());
  message.set_dropped(line.dropped);
  for (const model::Layer& l : line.layers) {
    Layer* layer = message.add_layers();
    layer->set_id(l.id.value());
    layer->set_size_bytes(l.size_bytes);
    layer->set_cut_bytes(l.cut_bytes);
    layer->set_sealed(l.sealed);
    layer->set_changed(l.changed.value());
  }
  message.set_since(line.since.value());
  for (const model::RemovedLayer& r : line.removed) {
    RemovedLayer* removed = message.add_removed();
    removed->set_layer(r.layer.value());
    removed->set_into(r.into.value());
    removed->set_cut_bytes(r.cut_bytes);
    removed->set_changed(r.changed.value());
  }
  if (line.foreign_parent) {
    message.set_has_foreign_parent(true);
    message.set_parent_lineage(line.foreign_parent->lineage.value());
    message.set_parent_layer(line.foreign_parent->layer.value());
    message.set_parent_size_bytes(line.foreign_parent->size_bytes);
  }
  return message;
}

}  // namespace storpool::control
