#include "lib/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"

namespace storpool::sim {
namespace {

constexpr Duration kLook = Duration::Millis(5);
constexpr Duration kSetUpTime = Duration::Seconds(60);
constexpr ClientId kReader(2);
constexpr char kSecret[] = "of the virtual world";

Duration Between(Random& random, int64_t low_us, int64_t high_us) {
  return Duration::Micros(
      low_us + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high_us - low_us))));
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)),
      world_(options_.seed),
      delays_(world_.random().Fork()),
      control_(world_, [this] { return Between(delays_, 100, 2000); }),
      log_(world_, options_.verbose),
      site_{world_,
            network_,
            control_,
            log_,
            options_.seams,
            {},
            {},
            {},
            options_.load.may_lose_reads,
            {},
            kSecret},
      load_(world_, options_.load, events_),
      metadata_(site_),
      client_(site_, ClientId(1), [this](const std::string& volume) -> ClientUser* {
        if (volume == "v") return &load_;
        if (volume == "w") return &*other_load_;
        return clones_ ? clones_->UserOf(volume) : nullptr;
      }) {
  for (uint8_t& byte : site_.cluster) byte = static_cast<uint8_t>(world_.random().Below(256));
  network_.set_delay([this](const std::string& from, const std::string& to, size_t size_bytes) {
    return LinkDelay(from, to, size_bytes);
  });
  network_.set_piece([this](size_t size_bytes) {
    return delays_.OneIn(1, 20) ? 1 + delays_.Below(size_bytes) : size_bytes;
  });
  const env::DeviceInfo disk{.size_bytes = options_.disk_bytes,
                             .volatile_cache = options_.volatile_cache};
  for (int n = 1; n <= options_.nodes; ++n) {
    std::vector<DiskId> disks;
    for (int d = 1; d <= options_.disks_per_node; ++d) {
      disks.push_back(DiskId(static_cast<uint16_t>(100 * n + d)));
    }
    nodes_.push_back(std::make_unique<SimNode>(
        site_, NodeId(static_cast<uint16_t>(n)), disks, disk,
        [this](DiskId id, const env::DeviceIo& io) { return DiskLatency(id, io); }));
  }
  if (!options_.snapshots) return;
  std::vector<SnapshotLoad::Source> sources = {{"v", &load_}};
  if (options_.group) {
    sources.push_back({"w", &other_load_.emplace(world_, options_.load, events_)});
  }
  snapshots_.emplace(site_, metadata_, std::move(sources), kReader, events_);
  if (options_.clones) {
    clones_.emplace(site_, metadata_, *snapshots_, ClientId(1), options_.load,
                    std::vector<std::string>{"t", "u"}, events_);
  }
  reader_.emplace(site_, kReader, [this](const std::string& volume) -> ClientUser* {
    if (options_.apart && volume == "w") return &*other_load_;
    return volume == snapshots_->reader().name() ? &snapshots_->reader() : nullptr;
  });
}

Cluster::~Cluster() {
  if (reader_) reader_->Crash();
  client_.Crash();
  for (auto& node : nodes_) node->Crash(false);
  metadata_.Crash(false);
}

Duration Cluster::LinkDelay(const std::string& from, const std::string& to, size_t size_bytes) {
  const auto slow = slowness_.find({from, to});
  const int factor = slow == slowness_.end() ? 1 : slow->second;
  // 20 to 200 us and a gigabyte a second; now and then much later.
  const int64_t high = delays_.OneIn(1, 50) ? 5000 : 200;
  return (Between(delays_, 20, high) + Duration::Nanos(static_cast<int64_t>(size_bytes))) * factor;
}

Duration Cluster::DiskLatency(DiskId disk, const env::DeviceIo& io) {
  const int slowness = site_.disks[disk].slowness;
  if (io.op == env::DeviceIo::Op::kRead) return Between(delays_, 20, 100) * slowness;
  return Between(delays_, 50, delays_.OneIn(1, 100) ? 20000 : 500) * slowness;
}

absl::Status Cluster::SetUp() {
  for (auto& node : nodes_) node->Format();
  metadata_.Start();
  metadata::Command init;
  init.mutable_init()->set_uuid(std::string(site_.cluster.begin(), site_.cluster.end()));
  init.mutable_init()->set_name("sim.a");
  init.mutable_init()->set_secret(std::string(AsText(SecretKey(site_.secret))));
  SP_RETURN_IF_ERROR(metadata_.Do(init).status());
  for (auto& node : nodes_) node->Start();
  client_.Start();
  if (reader_) reader_->Start();
  if (!Await(kSetUpTime, [this] {
        const metadata::State& state = metadata_.leader().state();
        return state.disks().size() ==
                   nodes_.size() * static_cast<size_t>(options_.disks_per_node) &&
               state.clients().size() == (reader_ ? 2u : 1u);
      })) {
    return absl::DeadlineExceededError("not all disks and clients have registered");
  }
  SP_RETURN_IF_ERROR(Configure());
  SP_RETURN_IF_ERROR(AwaitHealthy(kSetUpTime));
  const auto attached = [](Workload* load) { return load->attached(); };
  if (!Await(kSetUpTime, [&] { return std::ranges::all_of(loads(), attached); })) {
    return absl::DeadlineExceededError("the volume was not attached");
  }
  return absl::OkStatus();
}

absl::Status Cluster::Configure() {
  metadata::Command group;
  group.mutable_update_group()->set_name("default");
  for (const auto& node : nodes_) {
    for (const auto& disk : node->disks()) {
      group.mutable_update_group()->add_add_disks(disk.id.value());
    }
  }
  SP_RETURN_IF_ERROR(metadata_.Do(group).status());
  for (const char* name : {"t", "u"}) {
    if (name == std::string("u") && !clones_) break;
    metadata::Command tmpl;
    tmpl.mutable_create_template()->set_name(name);
    tmpl.mutable_create_template()->set_replication(options_.replication);
    tmpl.mutable_create_template()->set_place_all("default");
    SP_RETURN_IF_ERROR(metadata_.Do(tmpl).status());
  }
  for (const char* name : {"v", "w"}) {
    if (name == std::string("w") && !other_load_) break;
    metadata::Command volume;
    volume.mutable_create_volume()->mutable_create()->set_name(name);
    volume.mutable_create_volume()->mutable_create()->set_template_name("t");
    volume.mutable_create_volume()->mutable_create()->set_size_bytes(options_.load.volume_bytes);
    SP_RETURN_IF_ERROR(metadata_.Do(volume).status());
    SP_RETURN_IF_ERROR(metadata_.Do(AttachCommand(name)).status());
  }
  return absl::OkStatus();
}

metadata::Command Cluster::AttachCommand(const std::string& volume) const {
  metadata::Command attach;
  attach.mutable_attach()->set_volume(volume);
  attach.mutable_attach()->set_client(options_.apart && volume == "w" ? kReader.value() : 1);
  attach.mutable_attach()->set_rights(READ_WRITE);
  return attach;
}

std::vector<Workload*> Cluster::loads() {
  std::vector<Workload*> loads = {&load_};
  if (other_load_) loads.push_back(&*other_load_);
  return loads;
}

std::vector<std::string> Cluster::hosts() const {
  std::vector<std::string> hosts;
  for (const auto& node : nodes_) hosts.push_back(node->host());
  hosts.push_back(client_.host());
  if (reader_) hosts.push_back(reader_->host());
  return hosts;
}

void Cluster::Silence(const std::string& host, bool silent) {
  control_.CutOff(host, silent);
  for (const std::string& other : hosts()) {
    if (other == host) continue;
    network_.Stall(host, other, silent);
    network_.Stall(other, host, silent);
  }
}

void Cluster::SetSlowness(const std::string& a, const std::string& b, int factor) {
  slowness_[{a, b}] = factor;
  slowness_[{b, a}] = factor;
}

void Cluster::Heal() {
  slowness_.clear();
  for (const std::string& a : hosts()) {
    Silence(a, false);
    for (const std::string& b : hosts()) network_.Break(a, b, false);
  }
  if (!metadata_.running()) metadata_.Start();
  for (auto& node : nodes_) {
    if (node->running() && (node->has_failed_disk() || !node->started())) node->Crash(false);
    if (!node->running()) node->Start();
  }
  if (!client_.running()) client_.Start();
  if (reader_ && !reader_->running()) reader_->Start();
}

absl::Status Cluster::CheckHealthy() {
  if (!metadata_.running()) return absl::UnavailableError("metadata is down");
  const metadata::State& state = metadata_.leader().state();
  if (state.chains().empty()) return absl::UnavailableError("there are no chains yet");
  for (const auto& [raw, record] : state.chains()) {
    const ChainConfig& named = record.config().named();
    uint32_t serving = 0;
    for (const ChainMember& m : named.members()) serving += m.role() == CHAIN_ROLE_SERVING;
    if (named.opened() && serving == options_.replication) continue;
    std::string text =
        absl::StrCat("chain ", ToString(ChainId::FromRaw(raw)), ": epoch ", named.epoch(),
                     named.opened() ? " is open" : " is not open", " with ", serving, " serving");
    for (const ChainMember& m : named.members()) {
      absl::StrAppend(&text, " ", m.disk(), ":", m.role());
    }
    return absl::UnavailableError(text);
  }
  return absl::OkStatus();
}

absl::Status Cluster::AwaitHealthy(Duration limit) {
  absl::Status status;
  Await(limit, [this, &status] {
    status = CheckHealthy();
    return status.ok();
  });
  return status;
}

bool Cluster::Await(Duration limit, const std::function<bool()>& done) {
  const Instant end = world_.now() + limit;
  while (!done()) {
    if (world_.now() >= end) return false;
    world_.RunFor(kLook);
    Look();
  }
  return true;
}

void Cluster::Look() {
  if (snapshots_) snapshots_->Act();
  if (clones_) clones_->Act();
  if (look_) look_();
}

}  // namespace storpool::sim
