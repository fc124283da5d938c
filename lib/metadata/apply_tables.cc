// Chain tables: made, shared by those of one policy, erased with the last lineage on them.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/placement/fill.h"

namespace storpool::metadata {
namespace {

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
    if (record.disk().state() != Disk::UP || record.disk().soft_eject() != Disk::SOFT_EJECT_OFF) {
      continue;
    }
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

absl::StatusOr<placement::Policy> PolicyOf(const State& state, const Table& table) {
  placement::Policy policy;
  policy.replication = table.replication();
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
  SP_RETURN_IF_ERROR(fill(table.place_head(), policy.head));
  SP_RETURN_IF_ERROR(fill(table.place_all(), policy.all));
  SP_RETURN_IF_ERROR(fill(table.place_tail(), policy.tail));
  return policy;
}

Table PolicyOfTemplate(const Template& t) {
  Table policy;
  policy.set_replication(t.replication());
  policy.set_place_head(t.place_head());
  policy.set_place_all(t.place_all());
  policy.set_place_tail(t.place_tail());
  policy.set_template_id(t.id());
  return policy;
}

bool SamePolicy(const Table& a, const Table& b) {
  return a.replication() == b.replication() && a.place_head() == b.place_head() &&
         a.place_all() == b.place_all() && a.place_tail() == b.place_tail();
}

std::string NameOfTable(const State& state, const Table& table) {
  if (const Template* t = state.FindTemplate(table.template_id())) {
    return absl::StrCat("template ", t->name());
  }
  return absl::StrCat("volumes with replication ", table.replication(), ", placeHead ",
                      table.place_head(), ", placeAll ", table.place_all(), ", placeTail ",
                      table.place_tail());
}

namespace {

absl::StatusOr<std::vector<placement::Row>> RowsFor(const State& state, const Table& policy) {
  if (policy.replication() < 1 || policy.replication() > kReplicationMax) {
    return InvalidParam(absl::StrCat("replication ", policy.replication(), " is not within 1 and ",
                                     kReplicationMax));
  }
  const auto groups = PolicyOf(state, policy);
  if (!groups.ok()) return groups.status();
  auto rows =
      placement::FillTable(PlaceableDisks(state), *groups, kChainsPerTableFirst, PlacedLoad(state));
  if (!rows.ok()) return InsufficientResources(std::string(rows.status().message()));
  return rows;
}

}  // namespace

absl::Status State::CheckPolicy(const Table& policy) const {
  return RowsFor(*this, policy).status();
}

absl::StatusOr<uint32_t> State::MakeTable(const Table& policy, Outcome& out) {
  ClusterRecord cluster = cluster_;
  if (cluster.next_table() > kTableIdMax) {
    return InsufficientResources("all ids of chain tables are used");
  }
  const auto rows = RowsFor(*this, policy);
  if (!rows.ok()) return rows.status();
  Table table = policy;
  table.set_id(cluster.next_table());
  table.set_chains(kChainsPerTableFirst);
  cluster.set_next_table(cluster.next_table() + 1);
  PutCluster(cluster);
  tables_.Put(table.id(), table);
  for (uint32_t i = 0; i < table.chains(); ++i) {
    ChainRecord chain;
    chain.mutable_config()->mutable_named()->set_chain(table.id() << 16 | i);
    std::vector<ChainMember> members;
    for (DiskId disk : (*rows)[i]) {
      chain.add_desired(disk.value());
      ChainMember& m = members.emplace_back();
      m.set_disk(disk.value());
      m.set_role(CHAIN_ROLE_SERVING);
    }
    Name(std::move(chain), std::move(members), out);
  }
  return table.id();
}

uint32_t State::FindTableFor(const Table& policy) const {
  for (const auto& [id, table] : tables_.all()) {
    if (table.template_id() == policy.template_id() && SamePolicy(table, policy)) {
      return static_cast<uint32_t>(id);
    }
  }
  return 0;
}

absl::StatusOr<uint32_t> State::FindOrMakeTable(const Table& policy, Outcome& out) {
  const uint32_t found = FindTableFor(policy);
  return found != 0 ? found : MakeTable(policy, out);
}

void State::EraseTableIfUnused(uint32_t table, Outcome& out) {
  const auto names_it = [&](const auto& entry) { return entry.second.table() == table; };
  if (std::ranges::any_of(templates_.all(), names_it)) return;
  if (const auto lines = lines_on_.find(table); lines != lines_on_.end() && lines->second != 0) {
    return;
  }
  // Its members are to drop what they have: without that each would run the chain for ever.
  for (uint32_t disk : DisksOfTable(table)) out.events.disks_with_drops.insert(disk);
  for (uint32_t raw : ChainsOfTable(table)) {
    const NamedConfig& config = chains_.Find(raw)->config();
    for (const ChainConfig* members : {&config.named(), &config.last_opened()}) {
      for (const ChainMember& m : members->members()) {
        if (disks_.contains(m.disk())) PutFormer(m.disk(), raw);
      }
    }
    chains_.Erase(raw);
  }
  std::vector<uint64_t> lost;  // and with the chains what nobody can use
  for (const auto& [lineage, line] : lost_lines_.all()) {
    if (line.table() == table) lost.push_back(lineage);
  }
  for (uint64_t lineage : lost) lost_lines_.Erase(lineage);
  tables_.Erase(table);
  Touch(absl::StrCat("table/", table), out);
}

}  // namespace storpool::metadata
