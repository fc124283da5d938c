// The cluster itself, nodes, disks, clients and placement groups.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

constexpr size_t kUuidBytes = 16;
constexpr size_t kSecretBytes = 32;
constexpr size_t kUsersShown = 10;  // in an error

// In a template or a table.
template <class Policy>
void RenameGroup(const std::string& from, const std::string& to, Policy& policy) {
  if (policy.place_head() == from) policy.set_place_head(to);
  if (policy.place_all() == from) policy.set_place_all(to);
  if (policy.place_tail() == from) policy.set_place_tail(to);
}

template <class Policy>
bool Uses(const Policy& policy, const std::string& group) {
  return policy.place_head() == group || policy.place_all() == group ||
         policy.place_tail() == group;
}

bool Serves(const ChainConfig& config, uint32_t disk) {
  return std::ranges::any_of(config.members(), [disk](const ChainMember& m) {
    return m.disk() == disk && m.role() == CHAIN_ROLE_SERVING;
  });
}

std::string Called(const Disk& disk) { return absl::StrCat("disk ", disk.id()); }

}  // namespace

absl::Status State::Do(const InitCluster& c, Outcome& out) {
  if (initialized()) {
    return ObjectExists(absl::StrCat("cluster ", cluster_.name(),
                                     " exists here already; another one needs another folder"));
  }
  if (c.uuid().size() != kUuidBytes || c.secret().size() != kSecretBytes) {
    return InvalidParam("a cluster needs a uuid of 16 bytes and a digest of its secret");
  }
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateClusterName(c.name())));
  ClusterRecord record;
  record.set_uuid(c.uuid());
  record.set_name(c.name());
  record.set_secret(c.secret());
  record.set_generation(1);
  record.set_next_volume(1);
  record.set_next_lineage(1);
  record.set_next_fence(1);
  record.set_next_table(1);
  record.set_next_template(1);
  record.set_next_group(1);
  PutCluster(record);
  Touch("disks", out);
  out.result.set_changed(true);
  return absl::OkStatus();
}

absl::Status State::CheckNode(const NodeJoined& c) const {
  const NodeHere& node = c.node();
  if (node.id() > kNodeIdMax) {
    return InvalidParam(absl::StrCat("node id ", node.id(), " is above ", kNodeIdMax));
  }
  if (!node.fault_set().empty()) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateGroupName(node.fault_set())));
  }
  std::set<uint32_t> seen;
  for (const DiskHere& here : node.disks()) {
    if (here.id() > kDiskIdMax || here.store() == 0) {
      return InvalidParam(absl::StrCat("node ", node.id(), " gives disk ", here.id(),
                                       ", which is no disk id from 0 to ", kDiskIdMax,
                                       " or has no store"));
    }
    if (!seen.insert(here.id()).second) {
      return InvalidParam(absl::StrCat("node ", node.id(), " gives disk ", here.id(), " twice"));
    }
    const DiskRecord* known = disks_.Find(here.id());
    if (known == nullptr || known->disk().node() == node.id()) continue;
    const Node* other = nodes_.Find(known->disk().node());
    if (known->disk().state() == Disk::UP && other != nullptr && other->up()) {
      return BusyForNow(absl::StrCat("disk ", here.id(), " is in use on node ", other->id(),
                                     "; two nodes cannot give the same disk id"));
    }
    if (known->disk().store() != here.store()) {
      return InvalidParam(absl::StrCat("disk id ", here.id(), " belongs to a disk of node ",
                                       known->disk().node(), "; choose another id, or 'disk ",
                                       here.id(), " forget' first"));
    }
  }
  return absl::OkStatus();
}

absl::Status State::Do(const NodeJoined& c, Outcome& out) {
  SP_RETURN_IF_ERROR(CheckNode(c));
  const NodeHere& here = c.node();
  Node node;
  node.set_id(here.id());
  node.set_name(here.name());
  node.set_address(here.address());
  node.set_fault_set(here.fault_set());
  node.set_up(true);
  node.set_process(c.process());
  nodes_.Put(node.id(), node);
  std::set<uint32_t> given;
  for (const DiskHere& disk : here.disks()) {
    given.insert(disk.id());
    TakeDisk(c, disk, out);
  }
  std::vector<uint32_t> gone;
  for (const auto& [id, record] : disks_.all()) {
    if (record.disk().node() == here.id() && record.disk().state() == Disk::UP &&
        !given.contains(static_cast<uint32_t>(id))) {
      gone.push_back(static_cast<uint32_t>(id));
    }
  }
  for (uint32_t id : gone) {
    DiskBecomes(id, Disk::DOWN, absl::StrCat("node ", here.id(), " does not give it any more"),
                c.now_seconds(), out);
  }
  TakeHighest(c);
  Touch("disks", out);
  out.result.set_changed(true);
  return absl::OkStatus();
}

void State::TakeDisk(const NodeJoined& c, const DiskHere& here, Outcome& out) {
  const DiskRecord* known = disks_.Find(here.id());
  DiskRecord record;
  if (known != nullptr) record = *known;
  const bool same_life =
      record.disk().store() == here.store() && record.disk().incarnation() == here.incarnation();
  // An ejected disk stays out for the rest of that life: its node tests it when it starts (6.7).
  const bool stays_out =
      record.ejected_by_operator() || (same_life && record.disk().state() == Disk::EJECTED);
  // How the disk that was in its place has failed says nothing of this one.
  if (record.disk().store() != here.store()) record.clear_failed_incarnation();
  Disk* disk = record.mutable_disk();
  disk->set_id(here.id());
  disk->set_node(c.node().id());
  disk->set_store(here.store());
  disk->set_incarnation(here.incarnation());
  disk->set_size_bytes(here.size_bytes());
  disk->set_device_class(here.device_class());
  disk->set_address(c.node().address());
  if (!stays_out) {
    disk->set_state(Disk::UP);
    disk->clear_state_reason();
    record.set_down_since_seconds(0);
  }
  record.set_damaged(here.damaged());
  disks_.Put(here.id(), record);
  if (known == nullptr && !cluster_.restoring()) ForgetContent(here, out);
}

// A disk that is not known, or was forgotten, is a new one (5.5g): what it has of a chain was not
// waited for meanwhile. Only what it serves of the last opened config may still be the newest.
void State::ForgetContent(const DiskHere& here, Outcome& out) {
  for (const ChainHere& held : here.chains()) {
    const ChainRecord* chain = chains_.Find(held.chain());
    if (chain == nullptr) continue;
    const NamedConfig& config = chain->config();
    const bool serves =
        Serves(config.named(), here.id()) || Serves(config.last_opened(), here.id());
    if (serves) continue;
    PutFormer(here.id(), held.chain());
    out.events.disks_with_drops.insert(here.id());
  }
}

void State::TakeHighest(const NodeJoined& c) {
  ClusterRecord cluster = cluster_;
  for (const DiskHere& disk : c.node().disks()) {
    cluster.set_next_lineage(std::max(cluster.next_lineage(), disk.highest_lineage() + 1));
    cluster.set_next_volume(std::max(cluster.next_volume(), disk.highest_volume() + 1));
    for (const ChainHere& here : disk.chains()) {
      cluster.set_next_table(std::max(cluster.next_table(), (here.chain() >> 16) + 1));
      const ChainRecord* chain = chains_.Find(here.chain());
      if (chain == nullptr || here.epoch() > kEpochMax) continue;
      if (here.epoch() <= std::max(chain->epoch_floor(), chain->config().named().epoch())) continue;
      ChainRecord raised = *chain;
      raised.set_epoch_floor(here.epoch());
      chains_.Put(here.chain(), raised);
    }
  }
  if (cluster.restoring()) {
    LineageRange& lost = *cluster.mutable_lost_lineages(cluster.lost_lineages_size() - 1);
    lost.set_end(std::max(lost.end(), cluster.next_lineage()));
  }
  PutCluster(cluster);
}

absl::Status State::Do(const ForgetService& c, Outcome& out) {
  return c.has_client() ? ForgetClient(c.client(), out) : ForgetNode(c.node(), out);
}

absl::Status State::ForgetNode(uint32_t id, Outcome& out) {
  if (!nodes_.contains(id)) {
    return ObjectDoesNotExist(
        absl::StrCat("node ", id, " does not exist; 'service list' shows all"));
  }
  std::string left;
  for (const auto& [disk, record] : disks_.all()) {
    if (record.disk().node() == id) absl::StrAppend(&left, left.empty() ? "" : ", ", disk);
  }
  if (!left.empty() && !cluster_.restoring()) {
    return Busy(absl::StrCat("node ", id, " still has disks (", left,
                             "); forget these first, with 'disk ID forget'"));
  }
  NoLongerAwait(id, out);
  if (left.empty()) nodes_.Erase(id);
  Touch("disks", out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::ForgetClient(uint32_t id, Outcome& out) {
  if (!clients_.contains(id)) {
    return ObjectDoesNotExist(
        absl::StrCat("client ", id, " does not exist; 'service list' shows all"));
  }
  const auto attached = by_client_.lower_bound({id, 0});
  if (attached != by_client_.end() && attached->first == id) {
    return Busy(absl::StrCat("client ", id, " has ", Called(*volumes_.Find(attached->second)),
                             " attached; detach all of it first, with 'detach volume NAME client ",
                             id, " force yes'"));
  }
  clients_.Erase(id);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const ClientJoined& c, Outcome& out) {
  const uint32_t id = c.client().id();
  if (id == 0 || id > kClientIdMax) {
    return InvalidParam(absl::StrCat("client id ", id, " is not within 1 and ", kClientIdMax));
  }
  const ClientRecord* known = clients_.Find(id);
  const bool new_life = known == nullptr || known->process() != c.process();
  ClientRecord record;
  record.set_id(id);
  record.set_name(c.client().name());
  record.set_process(c.process());
  record.set_nbd_address(c.client().nbd_address());
  clients_.Put(id, record);
  TouchAttachments(id, out);
  out.result.set_changed(new_life);
  if (!new_life) return absl::OkStatus();
  std::vector<Attachment> mine;
  auto it = by_client_.lower_bound({id, 0});
  for (; it != by_client_.end() && it->first == id; ++it) {
    const AttachmentRecord& known = *attachments_.Find({it->second, id});
    if (!known.waits()) mine.push_back(known.attachment());
  }
  std::vector<uint64_t> fills;
  for (const auto& [lineage, fill] : fills_.all()) {
    if (fill.client() == id) fills.push_back(lineage);
  }
  for (uint64_t lineage : fills) {
    FillRecord fill = *fills_.Find(lineage);
    fill.set_client(0);
    fills_.Put(lineage, fill);
  }
  // Every start of a client process is a new session, under the fence for its former one (5.8).
  for (const Attachment& a : mine) StartFence(a, FenceRecord::GRANT, out);
  return absl::OkStatus();
}

absl::Status State::Do(const ForgetDisk& c, Outcome& out) {
  const DiskRecord* record = disks_.Find(c.disk());
  if (record == nullptr) {
    return ObjectDoesNotExist(absl::StrCat("disk ", c.disk(), " does not exist"));
  }
  if (record->disk().state() == Disk::UP) {
    return Busy(absl::StrCat(Called(record->disk()), " is up on node ", record->disk().node(),
                             "; only a disk that is down can be forgotten"));
  }
  const std::map<uint64_t, PlacementGroup> groups = groups_.all();
  for (const auto& [id, group] : groups) {
    PlacementGroup changed = group;
    auto& disks = *changed.mutable_disks();
    disks.erase(std::remove(disks.begin(), disks.end(), c.disk()), disks.end());
    if (disks.size() != group.disks_size()) groups_.Put(id, changed);
  }
  // What it still had to drop is gone with it: base nothing if it ever returns (5.5g).
  DropsDone done;
  done.set_disk(c.disk());
  for (const auto& [lineage, drop] : drops_.all()) done.add_lineages(lineage);
  auto former = formers_.all().lower_bound({c.disk(), 0});
  for (; former != formers_.all().end() && former->first.first == c.disk(); ++former) {
    done.add_former_chains(former->second.chain());
  }
  disks_.Erase(c.disk());
  SP_CHECK(Do(done, out).ok());
  Touch("disks", out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::CheckDisks(const UpdateGroup& c) const {
  for (uint32_t id : c.add_disks()) {
    if (!disks_.contains(id)) {
      return ObjectDoesNotExist(
          absl::StrCat("disk ", id, " does not exist; 'disk list' shows all"));
    }
  }
  const PlacementGroup* group = FindGroup(c.name());
  for (uint32_t id : c.remove_disks()) {
    const bool there = group != nullptr && std::find(group->disks().begin(), group->disks().end(),
                                                     id) != group->disks().end();
    if (!there) {
      return ObjectDoesNotExist(
          absl::StrCat("placement group ", c.name(), " does not have disk ", id));
    }
  }
  return absl::OkStatus();
}

absl::Status State::Do(const UpdateGroup& c, Outcome& out) {
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateGroupName(c.name())));
  const PlacementGroup* known = FindGroup(c.name());
  if (known != nullptr && c.only_create()) {
    return ObjectExists(absl::StrCat("placement group ", c.name(), " exists"));
  }
  SP_RETURN_IF_ERROR(CheckDisks(c));
  if (!c.rename().empty()) {
    if (known == nullptr) {
      return ObjectDoesNotExist(absl::StrCat("placement group '", c.name(),
                                             "' does not exist; 'placementGroup list' shows all"));
    }
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateGroupName(c.rename())));
    if (c.rename() != c.name() && FindGroup(c.rename()) != nullptr) {
      return ObjectExists(absl::StrCat("placement group ", c.rename(), " exists"));
    }
  }
  PlacementGroup group;
  if (known != nullptr) {
    group = *known;
  } else {
    ClusterRecord cluster = cluster_;
    group.set_id(cluster.next_group());
    cluster.set_next_group(cluster.next_group() + 1);
    PutCluster(cluster);
  }
  std::set<uint32_t> disks(group.disks().begin(), group.disks().end());
  disks.insert(c.add_disks().begin(), c.add_disks().end());
  for (uint32_t id : c.remove_disks()) disks.erase(id);
  group.set_name(c.rename().empty() ? c.name() : c.rename());
  group.clear_disks();
  for (uint32_t id : disks) group.add_disks(id);
  const std::map<uint64_t, Template> templates = templates_.all();
  for (const auto& [id, t] : templates) {  // they name their groups
    Template renamed = t;
    RenameGroup(c.name(), group.name(), renamed);
    templates_.Put(id, renamed);
  }
  const std::map<uint64_t, Table> tables = tables_.all();
  for (const auto& [id, table] : tables) {
    Table renamed = table;
    RenameGroup(c.name(), group.name(), renamed);
    tables_.Put(id, renamed);
  }
  out.result.set_id(group.id());
  groups_.Put(group.id(), group);
  BumpGeneration(out);
  return absl::OkStatus();
}

std::vector<std::string> State::UsersOfGroup(const std::string& group) const {
  std::vector<std::string> users;
  for (const auto& [id, t] : templates_.all()) {
    if (Uses(t, group)) users.push_back("template " + t.name());
  }
  for (const auto& [id, line] : lines_.all()) {
    const Table* table = tables_.Find(line.table());
    const Template* t = templates_.Find(table->template_id());
    if (!Uses(*table, group) || (t != nullptr && Uses(*t, group))) continue;
    if (users.size() == kUsersShown) {
      users.push_back("more");
      break;
    }
    const Volume* volume = volumes_.Find(line.volume());
    users.push_back(volume == nullptr ? "a volume that is being deleted" : Called(*volume));
  }
  return users;
}

absl::Status State::Do(const DeleteGroup& c, Outcome& out) {
  const PlacementGroup* group = FindGroup(c.name());
  if (group == nullptr) {
    return ObjectDoesNotExist(absl::StrCat("placement group '", c.name(),
                                           "' does not exist; 'placementGroup list' shows all"));
  }
  const std::vector<std::string> users = UsersOfGroup(c.name());
  if (!users.empty()) {
    return Busy(
        absl::StrCat("placement group ", c.name(), " is used by ", absl::StrJoin(users, ", ")));
  }
  groups_.Erase(group->id());
  BumpGeneration(out);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
