// Commands about the cluster as a whole: status, service list.
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/api/admin.h"
#include "lib/api/chain_health.h"
#include "lib/base/limits.h"
#include "lib/metadata/placing.h"

namespace storpool::api {
namespace {

// A head asks for room in pieces of this size at most: with less, some writes are refused (4.11).
bool IsFull(const DiskRoom* room) {
  return room != nullptr && room->usable_bytes() > 0 && room->free_bytes() < kCreditPieceBytesMax;
}

// A node without disks, or a client without attachments, that is down is missed by nobody.
void AddNodeReasons(const metadata::State& state, StatusAnswer& answer) {
  std::set<uint64_t> used;
  for (const auto& [id, record] : state.disks()) used.insert(record.disk().node());
  for (const auto& [id, node] : state.nodes()) {
    if (!node.up() && !used.contains(id)) continue;
    answer.set_nodes(answer.nodes() + 1);
    if (node.up()) {
      answer.set_nodes_up(answer.nodes_up() + 1);
    } else {
      answer.add_reasons(absl::StrCat("node ", id, " is down: start it, or look at its log"));
    }
  }
}

void AddClientReasons(const metadata::State& state, const metadata::LiveView& live,
                      StatusAnswer& answer) {
  std::set<uint64_t> used;
  for (const auto& [key, attachment] : state.attachments()) used.insert(key.second);
  for (const auto& [id, client] : state.clients()) {
    const bool up = live.client(client.id()).up;
    if (!up && !used.contains(id)) continue;
    answer.set_clients(answer.clients() + 1);
    if (up) {
      answer.set_clients_up(answer.clients_up() + 1);
    } else {
      answer.add_reasons(absl::StrCat("client ", id, " is down: start it, or look at its log"));
    }
  }
}

void AddDiskReasons(const metadata::State& state, const metadata::LiveView& live,
                    StatusAnswer& answer) {
  for (const auto& [id, record] : state.disks()) {
    answer.set_disks(answer.disks() + 1);
    const Disk& disk = record.disk();
    if (disk.state() == Disk::UP) {
      answer.set_disks_up(answer.disks_up() + 1);
      if (IsFull(live.room(static_cast<uint32_t>(id)))) {
        answer.add_reasons(
            absl::StrCat("disk ", id, " is full: delete or trim something, or add disks"));
      }
    } else if (const Node* node = state.FindNode(disk.node()); node == nullptr || node->up()) {
      const std::string way = record.ejected_by_operator()
                                  ? absl::StrCat("take it back: 'disk ", id, " return'")
                                  : absl::StrCat("restart node ", disk.node(), ", which tests it");
      answer.add_reasons(absl::StrCat("disk ", id, " is out: ", disk.state_reason(), "; ", way,
                                      "; or forget it: 'disk ", id, " forget'"));
    }
  }
}

void AddChainReasons(const metadata::State& state, const metadata::LiveView& live,
                     StatusAnswer& answer) {
  for (const auto& [id, table] : state.tables()) {
    const TableHealth health = HealthOfTable(table, state, live);
    answer.set_chains(answer.chains() + health.chains);
    answer.set_chains_open(answer.chains_open() + health.open);
    answer.set_chains_degraded(answer.chains_degraded() + health.degraded);
    answer.set_chains_syncing(answer.chains_syncing() + health.syncing);
    answer.set_chains_down(answer.chains_down() + health.down);
    const std::string which = "of " + metadata::NameOfTable(state, table);
    const std::string disks = absl::StrJoin(health.missing_disks, ", ");
    if (health.down > 0) {
      answer.add_reasons(absl::StrCat(health.down, " chains ", which, " are down: they wait for ",
                                      "disks ", absl::StrJoin(health.waited_for, ", ")));
    }
    if (health.chains - health.open > health.down) {
      answer.add_reasons(absl::StrCat(health.chains - health.open - health.down, " chains ", which,
                                      " are changing members"));
    }
    if (health.syncing > 0) {
      answer.add_reasons(absl::StrCat(health.syncing, " chains ", which, " are syncing"));
    } else if (health.degraded > 0) {
      answer.add_reasons(
          absl::StrCat(health.degraded, " chains ", which, " lack a mirror: disks ", disks));
    }
  }
}

void CountVolumes(const metadata::State& state, StatusAnswer& answer) {
  for (const auto& [id, volume] : state.volumes()) {
    if (volume.deleted()) continue;
    if (volume.snapshot()) {
      answer.set_snapshots(answer.snapshots() + 1);
    } else {
      answer.set_volumes(answer.volumes() + 1);
    }
  }
}

}  // namespace

void Admin::Call(const StatusRequest&, Done<StatusAnswer> done) {
  StatusAnswer answer;
  answer.set_cluster_name(state().cluster().name());
  answer.set_cluster(state().cluster().uuid());
  answer.set_generation(generation());
  CountVolumes(state(), answer);
  for (const RaisedAlarm& alarm : live().alarms()) *answer.add_alarms() = alarm;
  AddNodeReasons(state(), answer);
  AddDiskReasons(state(), live(), answer);
  AddChainReasons(state(), live(), answer);
  AddClientReasons(state(), live(), answer);
  if (state().cluster().restoring()) {
    answer.add_reasons(
        absl::StrCat("restored from a backup: waits for node ",
                     absl::StrJoin(state().cluster().restore_waits_for(), ", "),
                     " to register; 'service node ID forget' is for one that never will"));
  }
  answer.set_healthy(answer.reasons().empty());
  answer.set_summary(absl::StrCat(
      "cluster ", answer.cluster_name(), answer.healthy() ? " healthy: " : " not healthy: ",
      answer.nodes_up(), "/", answer.nodes(), " nodes, ", answer.disks_up(), "/", answer.disks(),
      " disks, ", answer.clients_up(), "/", answer.clients(), " clients up, ", answer.volumes(),
      answer.volumes() == 1 ? " volume" : " volumes",
      answer.healthy() ? "" : absl::StrCat("; ", answer.reasons(0))));
  done(std::move(answer));
}

void Admin::Call(const ServiceListRequest&, Done<ServiceListAnswer> done) {
  ServiceListAnswer answer;
  Service* metadata = answer.add_services();
  metadata->set_kind("metadata");
  metadata->set_up(true);
  metadata->set_active(true);
  metadata->set_address(self_.address);
  metadata->set_version(self_.version);
  metadata->set_up_since_seconds(live().started_seconds());
  for (const auto& [id, node] : state().nodes()) {
    const metadata::PeerFacts facts = live().node(node.id());
    Service* service = answer.add_services();
    service->set_kind("server");
    service->set_id(node.id());
    service->set_name(node.name());
    service->set_fault_set(node.fault_set());
    service->set_up(node.up() && facts.up);
    service->set_address(node.address());
    service->set_version(facts.version);
    service->set_up_since_seconds(facts.up_since_seconds);
    for (const auto& [disk, record] : state().disks()) {
      if (record.disk().node() == id) service->add_disks(record.disk().id());
    }
  }
  for (const auto& [id, client] : state().clients()) {
    const metadata::PeerFacts facts = live().client(client.id());
    Service* service = answer.add_services();
    service->set_kind("client");
    service->set_id(client.id());
    service->set_name(client.name());
    service->set_up(facts.up);
    service->set_address(client.nbd_address());
    service->set_version(facts.version);
    service->set_up_since_seconds(facts.up_since_seconds);
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

void Admin::Call(const ServiceForgetRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  metadata::ForgetService& forget = *command.mutable_forget_service();
  switch (request.who_case()) {
    case ServiceForgetRequest::kNode:
      forget.set_node(request.node());
      break;
    case ServiceForgetRequest::kClient:
      forget.set_client(request.client());
      break;
    case ServiceForgetRequest::WHO_NOT_SET:
      return done(metadata::InvalidParam("it names neither a node nor a client"));
  }
  Change(std::move(command), std::move(done));
}

}  // namespace storpool::api
