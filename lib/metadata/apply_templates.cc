// Templates and their chain tables.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/model/names.h"
#include "lib/placement/fill.h"

namespace storpool::metadata {
namespace {

absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() ? status : InvalidParam(std::string(status.message()));
}

// Tables are 16 bits of a chain's id, and never used twice.
constexpr uint32_t kTableIdMax = UINT16_MAX;

placement::Group GroupOf(const PlacementGroup& group) {
  placement::Group result{group.name(), {}};
  for (uint32_t id : group.disks()) result.disks.push_back(DiskId(static_cast<uint16_t>(id)));
  return result;
}

}  // namespace

std::vector<placement::Disk> PlaceableDisks(const State& state) {
  std::vector<placement::Disk> disks;
  for (const auto& [id, record] : state.disks()) {
    if (record.disk().state() != Disk::UP) continue;
    const Node* node = state.FindNode(record.disk().node());
    if (node == nullptr) continue;
    disks.push_back({DiskId(static_cast<uint16_t>(id)), NodeId(static_cast<uint16_t>(node->id())),
                     node->fault_set(), record.disk().size_bytes()});
  }
  return disks;
}

std::map<DiskId, placement::Load> PlacedLoad(const State& state) {
  std::map<DiskId, placement::Load> load;
  for (const auto& [raw, chain] : state.chains()) {
    const int n = chain.desired_size();
    for (int i = 0; i < n; ++i) {
      placement::Load& disk = load[DiskId(static_cast<uint16_t>(chain.desired(i)))];
      ++disk.chains;
      if (i + 1 == n) ++disk.tails;
    }
  }
  return load;
}

absl::StatusOr<placement::Policy> PolicyOf(const State& state, const Template& wanted) {
  placement::Policy policy;
  policy.replication = wanted.replication();
  const auto fill = [&](const std::string& name, placement::Group& into) -> absl::Status {
    const PlacementGroup* group = state.FindGroup(name);
    if (group == nullptr) {
      return ObjectDoesNotExist(absl::StrCat("placement group '", name,
                                             "' does not exist; create it with ",
                                             "'placementGroup ", name, " create addDisk ID'"));
    }
    into = GroupOf(*group);
    return absl::OkStatus();
  };
  SP_RETURN_IF_ERROR(fill(wanted.place_head(), policy.head));
  SP_RETURN_IF_ERROR(fill(wanted.place_all(), policy.all));
  SP_RETURN_IF_ERROR(fill(wanted.place_tail(), policy.tail));
  return policy;
}

absl::Status State::Do(const CreateTemplate& c, Outcome& out) {
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTemplateName(c.name())));
  if (FindTemplate(c.name()) != nullptr) {
    return ObjectExists(absl::StrCat("template ", c.name(), " exists"));
  }
  if (c.replication() < 1 || c.replication() > kReplicationMax) {
    return InvalidParam(absl::StrCat("template ", c.name(), ": replication ", c.replication(),
                                     " is not within 1 and ", kReplicationMax));
  }
  if (c.size_bytes() != 0) SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(c.size_bytes())));
  ClusterRecord cluster = cluster_;
  if (cluster.next_table() > kTableIdMax) {
    return InsufficientResources("all ids of chain tables are used");
  }
  Template t;
  t.set_id(cluster.next_table());
  t.set_name(c.name());
  t.set_replication(c.replication());
  t.set_place_all(c.place_all().empty() ? "default" : c.place_all());
  t.set_place_head(c.place_head().empty() ? t.place_all() : c.place_head());
  t.set_place_tail(c.place_tail().empty() ? t.place_all() : c.place_tail());
  t.set_size_bytes(c.size_bytes());
  t.set_chains(kChainsPerTableFirst);
  const auto policy = PolicyOf(*this, t);
  if (!policy.ok()) return policy.status();
  const auto table =
      placement::FillTable(PlaceableDisks(*this), *policy, t.chains(), PlacedLoad(*this));
  if (!table.ok()) {
    return InsufficientResources(
        absl::StrCat("template ", c.name(), ": ", std::string(table.status().message())));
  }
  cluster.set_next_table(cluster.next_table() + 1);
  PutCluster(cluster);
  templates_.Put(t.id(), t);
  for (uint32_t i = 0; i < t.chains(); ++i) {
    ChainRecord chain;
    chain.mutable_config()->mutable_named()->set_chain(t.id() << 16 | i);
    std::vector<ChainMember> members;
    for (DiskId disk : (*table)[i]) {
      chain.add_desired(disk.value());
      ChainMember& m = members.emplace_back();
      m.set_disk(disk.value());
      m.set_role(CHAIN_ROLE_SERVING);
    }
    Name(std::move(chain), std::move(members), out);
  }
  out.result.set_id(t.id());
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const UpdateTemplate& c, Outcome& out) {
  const Template* known = FindTemplate(c.name());
  if (known == nullptr) {
    return ObjectDoesNotExist(
        absl::StrCat("template '", c.name(), "' does not exist; 'template list' shows all"));
  }
  Template t = *known;
  if (!c.rename().empty() && c.rename() != c.name()) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTemplateName(c.rename())));
    if (FindTemplate(c.rename()) != nullptr) {
      return ObjectExists(absl::StrCat("template ", c.rename(), " exists"));
    }
    t.set_name(c.rename());
  }
  if (c.size_bytes() != 0) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(c.size_bytes())));
    t.set_size_bytes(c.size_bytes());
  }
  templates_.Put(t.id(), t);
  const std::map<uint64_t, Volume> volumes = volumes_.all();
  for (const auto& [id, volume] : volumes) {  // they show their template's name
    if (volume.template_id() != t.id() || volume.template_name() == t.name()) continue;
    Volume renamed = volume;
    renamed.set_template_name(t.name());
    volumes_.Put(id, renamed);
  }
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const DeleteTemplate& c, Outcome& out) {
  const Template* known = FindTemplate(c.name());
  if (known == nullptr) {
    return ObjectDoesNotExist(
        absl::StrCat("template '", c.name(), "' does not exist; 'template list' shows all"));
  }
  for (const auto& [lineage, line] : lines_.all()) {
    if (line.table() != known->id()) continue;
    const Volume* volume = volumes_.Find(line.volume());
    return Busy(absl::StrCat(
        "template ", c.name(), " is used by ",
        volume != nullptr ? "volume " + volume->name() : "a volume that is being deleted"));
  }
  const uint32_t table = known->id();
  for (uint32_t raw : ChainsOfTable(table)) {
    chains_.Erase(raw);
  }
  std::vector<Pair> formers;
  for (const auto& [key, former] : formers_.all()) {
    if (former.chain() >> 16 == table) formers.push_back(key);
  }
  for (const Pair& key : formers) formers_.Erase(key);
  templates_.Erase(table);
  Touch(absl::StrCat("table/", table), out);
  BumpGeneration(out);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
