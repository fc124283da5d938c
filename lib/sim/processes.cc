#include "lib/sim/processes.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/sim/wire_tap.h"

namespace storpool::sim {
namespace {

constexpr Duration kCommandTime = Duration::Seconds(20);

// The link of a process; silent once the process is dead.
class SimLink final : public control::MetadataLink {
 public:
  SimLink(Site& site, std::string host, env::Reactor& reactor)
      : site_(site), host_(host), inner_(site.control.MakeLink(reactor, std::move(host))) {}
  void Start(Handler* handler) override { inner_->Start(handler); }
  void Send(const ToMetadata& message) override {
    if (message.has_alarm() && !site_.rot) site_.ledger.Alarmed(message.alarm().text());
    if (!site_.seams.to_metadata) return inner_->Send(message);
    ToMetadata changed = message;
    site_.seams.to_metadata(host_, changed);
    inner_->Send(changed);
  }

 private:
  Site& site_;
  const std::string host_;
  const std::unique_ptr<control::MetadataLink> inner_;
};

}  // namespace

// ---- Metadata ---------------------------------------------------------------------------------

struct SimMetadata::Life {
  Life(Site& site, env::MemoryKeyValueStore& store, env::MemoryLogMedium& medium, uint64_t term)
      : reactor(site.world.MakeReactor()),
        sink(site.log, "metadata"),
        log(*reactor, &medium),
        leader(*reactor, store, log, sink, {.term = term}),
        admin(leader, site.world.clock(), {.address = "metadata", .version = "sim"}) {}

  std::unique_ptr<env::ManualReactor> reactor;
  ProcessLog sink;
  env::MemoryLog log;
  metadata::Leader leader;
  api::Admin admin;
};

SimMetadata::SimMetadata(Site& site) : site_(site) {}
SimMetadata::~SimMetadata() { Crash(false); }

metadata::Leader& SimMetadata::leader() { return life_->leader; }

api::Admin& SimMetadata::admin() { return life_->admin; }

void SimMetadata::Start() {
  SP_CHECK(life_ == nullptr);
  life_ = std::make_unique<Life>(site_, store_, log_, ++term_);
  site_.log.Add("metadata", "starts");
  SP_CHECK(life_->leader.Start().ok());
  site_.control.MetadataUp(*life_->reactor, life_->leader);
}

bool SimMetadata::ready() const {
  return life_ != nullptr && life_->leader.state().applied() >= log_.last_index;
}

void SimMetadata::Crash(bool power_lost) {
  if (life_ != nullptr) {
    site_.log.Add("metadata", power_lost ? "loses power" : "is killed");
    site_.control.MetadataDown();
    life_.reset();
  }
  if (power_lost) store_.PowerCut(site_.world.random());
}

absl::StatusOr<metadata::CommandResult> SimMetadata::Do(metadata::Command command) {
  SP_CHECK(running());
  // Shared: the answer may come after the wait is over.
  auto answer = std::make_shared<std::optional<absl::StatusOr<metadata::CommandResult>>>();
  leader().Propose(std::move(command),
                   [answer](absl::StatusOr<metadata::CommandResult> r) { *answer = std::move(r); });
  site_.world.RunUntil(site_.world.now() + kCommandTime, [&answer] { return answer->has_value(); });
  if (!answer->has_value()) return absl::DeadlineExceededError("the command was not applied");
  return **answer;
}

// ---- Node -------------------------------------------------------------------------------------

SimNode::SimNode(Site& site, NodeId id, std::vector<DiskId> disks, const env::DeviceInfo& disk_info,
                 DiskLatency latency)
    : site_(site), id_(id), host_(absl::StrCat("node", id.value())) {
  for (const DiskId disk : disks) {
    disks_.push_back({disk, env::MemoryDisk(disk_info)});
    disks_.back().disk.set_latency(
        [latency, disk](const env::DeviceIo& io) { return latency(disk, io); });
  }
}

SimNode::~SimNode() { Crash(false); }

void SimNode::Format() {
  const auto reactor = site_.world.MakeReactor();
  BufferPool pool;
  for (DiskHere& disk : disks_) {
    env::MemoryDevice device(*reactor, &disk.disk);
    std::optional<absl::Status> status;
    chunkstore::Format(
        device, *reactor, pool,
        {.cluster = site_.cluster, .disk = disk.id, .store = StoreId(site_.world.random().Next())},
        [&status](absl::Status s) { status = s; });
    site_.world.RunUntil(site_.world.now() + kCommandTime,
                         [&status] { return status.has_value(); });
    SP_CHECK(status.has_value() && status->ok());
  }
}

void SimNode::Start() {
  SP_CHECK(life_ == nullptr);
  site_.log.Add(host_, "starts");
  life_ = std::make_unique<Life>();
  Life& life = *life_;
  life.reactor = site_.world.MakeReactor();
  life.entropy = std::make_unique<SeededEntropy>(site_.world.random().Fork());
  life.log = std::make_unique<ProcessLog>(site_.log, host_);
  life.network = MakeTappedNetwork(site_, *life.reactor, host_);
  life.metadata = std::make_unique<SimLink>(site_, host_, *life.reactor);
  node::NodeOptions options;
  options.id = id_;
  options.cluster = site_.cluster;
  options.secret = site_.secret;
  options.version = "sim";
  options.listen_address = absl::StrCat(host_, ":3761");
  for (DiskHere& disk : disks_) {
    if (site_.seams.before_start) site_.seams.before_start(disk.id, disk.disk);
    life.devices.push_back(std::make_unique<SimDevice>(site_, *life.reactor, &disk.disk, disk.id));
    options.disks.push_back(
        {life.devices.back().get(), absl::StrCat("disk", disk.id.value()), "ssd"});
  }
  options.open_store = OpenTapped(site_.ledger, site_.seams.wrap_store);
  life.node = std::make_unique<node::Node>(std::move(options), *life.reactor, *life.network,
                                           *life.entropy, *life.log, *life.metadata);
  start_status_ = absl::OkStatus();
  life.node->Start([this, &life](absl::Status status) {
    life.started = status.ok();
    start_status_ = status;
    if (!status.ok()) site_.log.Add(host_, absl::StrCat("cannot start: ", status.ToString()));
  });
}

void SimNode::Stop() {
  site_.log.Add(host_, "is stopped");
  life_->stopping = true;
  life_->node->Stop([this](const absl::Status& status) {
    site_.log.Add(host_, absl::StrCat("has stopped: ", status.ToString()));
  });
}

bool SimNode::has_failed_disk() const {
  if (life_ == nullptr || !life_->started) return false;
  for (const node::ChainHere& here : life_->node->chains()) {
    if (here.replica->state().store_failed) return true;
  }
  return false;
}

void SimNode::Crash(bool power_lost) {
  if (life_ != nullptr) {
    site_.log.Add(host_, power_lost ? "loses power" : "is killed");
    // What opens a store holds on to itself until it has its answers.
    if (!life_->started) {
      for (auto& device : life_->devices) device->Die();
      life_->reactor->RunUntilIdle();
    }
    life_->node.reset();
    life_->metadata.reset();
    life_->network.reset();
    life_->devices.clear();
    life_.reset();
  }
  for (DiskHere& disk : disks_) {
    site_.disks[disk.id].fail_next = 0;
    site_.disks[disk.id].written.clear();
    if (power_lost) disk.disk.PowerCut(site_.world.random());
    disk.disk.LandAbandoned();
  }
}

// ---- Client -----------------------------------------------------------------------------------

struct SimClient::Life final : client::ClientEvents {
  Life(Site& site, ClientId id, const std::string& host, const UserOf& user_of)
      : user_of(user_of),
        reactor(site.world.MakeReactor()),
        entropy(site.world.random().Fork()),
        log(site.log, host),
        network(MakeTappedNetwork(site, *reactor, host)),
        metadata(site, host, *reactor),
        local{*reactor, pool, entropy, SecretKey(site.secret), {}},
        channels(local, *network),
        client({.id = id,
                .name = host,
                .cluster = site.cluster,
                .secret = site.secret,
                .nbd_address = "",
                .version = ""},
               *reactor, channels, entropy, log, pool, metadata, *this) {
    local.self.cluster = site.cluster;
    local.self.is_client = true;
    local.self.client = id;
    local.self.process = Incarnation(entropy.Next());
  }

  std::string OnAttached(client::Volume& volume, block::BlockDevice&) override {
    if (ClientUser* user = user_of(volume.name())) {
      users[volume.session().volume] = user;
      user->OnVolume(volume, *reactor);
    }
    return "sim";
  }
  std::string OnRenamed(client::Volume&) override { return "sim"; }
  absl::Status OnDetach(client::Volume& volume) override {
    const auto user = users.find(volume.session().volume);
    if (user != users.end()) user->second->OnDetach();
    return absl::OkStatus();
  }
  void OnGone(client::Volume& volume, const absl::Status& reason) override {
    log.Log(env::LogLevel::kWarning, "client", absl::StrCat("volume gone: ", reason.ToString()));
    const auto user = users.find(volume.session().volume);
    if (user == users.end()) return;
    user->second->OnVolumeGone();
    users.erase(user);
  }
  void OnRefused(std::string_view reason, bool final) override {
    log.Log(env::LogLevel::kWarning, "client",
            absl::StrCat("refused: ", std::string(reason), final ? " (final)" : ""));
  }

  const UserOf& user_of;
  std::map<VolumeId, ClientUser*> users;  // of volumes that are here
  std::unique_ptr<env::ManualReactor> reactor;
  BufferPool pool;
  SeededEntropy entropy;
  ProcessLog log;
  std::unique_ptr<env::Network> network;
  SimLink metadata;
  link::Local local;
  client::LinkChannels channels;
  client::Client client;
};

SimClient::SimClient(Site& site, ClientId id, UserOf user_of)
    : site_(site),
      id_(id),
      host_(absl::StrCat("client", id.value())),
      user_of_(std::move(user_of)) {}

SimClient::~SimClient() { Crash(); }

void SimClient::Start() {
  SP_CHECK(life_ == nullptr);
  site_.log.Add(host_, "starts");
  life_ = std::make_unique<Life>(site_, id_, host_, user_of_);
  life_->client.Start();
}

void SimClient::Crash() {
  if (life_ == nullptr) return;
  site_.log.Add(host_, "is killed");
  for (const auto& [name, user] : life_->users) user->OnVolumeGone();
  life_.reset();
}

}  // namespace storpool::sim
