#include "lib/sim/run.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/sim/checkers.h"
#include "lib/sim/disk_trouble.h"
#include "lib/sim/nemesis.h"

namespace storpool::sim {
namespace {

// After the last fault (I8): names back off to half a minute, then come scan and promotion.
constexpr Duration kHealTime = Duration::Seconds(150);
constexpr Duration kDrainTime = Duration::Seconds(30);
// Then the load goes on for a while, longer where faults have left little time for it.
constexpr Duration kCalmTime = Duration::Seconds(3);
constexpr Duration kCalmTimeMax = Duration::Seconds(120);
constexpr int kAttachTries = 60;
constexpr uint64_t kOperationsMin = 2000;

ClusterOptions OptionsOf(const RunOptions& options) {
  ClusterOptions cluster;
  cluster.seed = options.seed;
  Random random(options.seed ^ 0x51ed270b);
  cluster.load.requests_under_way = static_cast<int>(4 + random.Below(12));
  cluster.load.pause_max = Duration::Millis(static_cast<int64_t>(20 + random.Below(60)));
  cluster.volatile_cache = !random.OneIn(1, 8);
  cluster.nodes = random.OneIn(1, 5) ? 2 : 3;
  cluster.replication = static_cast<uint32_t>(cluster.nodes);
  if (options.faults && HasTrouble(options.seed)) {
    Random more(options.seed ^ 0x2545f491);
    cluster.disks_per_node = more.OneIn(1, 2) ? 2 : 1;
    cluster.load.may_lose_reads = true;
    // No more copies than nodes; with fewer a chain does not lie on every node.
    if (cluster.nodes == 3) cluster.replication = static_cast<uint32_t>(1 + more.Below(3));
  }
  cluster.snapshots = TakesSnapshots(options.seed);
  cluster.group = cluster.snapshots && options.seed % 2 == 0;
  cluster.apart = cluster.group && options.seed % 4 == 0;
  cluster.clones = MakesClones(options.seed);
  cluster.verbose = options.verbose;
  cluster.seams = options.seams;
  return cluster;
}

class OneRun {
 public:
  OneRun(const RunOptions& options, RunReport& report)
      : options_(options),
        report_(report),
        cluster_(OptionsOf(options)),
        nemesis_(cluster_),
        watch_(cluster_) {
    cluster_.set_look([this] { watch_.Look(); });
  }

  void Run() {
    report_.status = Steps();
    Count();
    if (!report_.status.ok()) Describe();
  }

 private:
  absl::Status Steps() {
    SP_RETURN_IF_ERROR(Named("set up", cluster_.SetUp()));
    for (Workload* load : cluster_.loads()) load->Run(true);
    if (SnapshotLoad* snapshots = cluster_.snapshots()) snapshots->Run(true);
    if (CloneLoad* clones = cluster_.clones()) clones->Run(true);
    if (options_.faults) {
      if (HasTrouble(options_.seed)) trouble_.emplace(cluster_, options_.seed);
      nemesis_.RunFor(options_.load_time, trouble_ ? &*trouble_ : nullptr,
                      [this] { cluster_.Look(); });
      nemesis_.End();
      if (trouble_) trouble_->End();
      cluster_.Heal();
    } else {
      cluster_.Await(options_.load_time, [] { return false; });
    }
    SP_RETURN_IF_ERROR(Verdicts());
    SP_RETURN_IF_ERROR(Named("I8, healing", cluster_.AwaitHealthy(kHealTime)));
    if (trouble_) AttachAgain();
    const Instant calm = cluster_.world().now() + kCalmTime;
    cluster_.Await(kCalmTimeMax, [this, calm] {
      return cluster_.world().now() >= calm &&
             (!options_.faults || cluster_.load().counts().ended >= kOperationsMin);
    });
    return AtRest();
  }

  // A detach may still be under way, and refuse it for a while.
  void AttachAgain() {
    for (int tries = 0; tries < kAttachTries; ++tries) {
      const bool taken = cluster_.metadata().Do(cluster_.AttachCommand()).ok();
      const auto attached = [this, taken] { return taken && cluster_.load().attached(); };
      if (cluster_.Await(Duration::Seconds(1), attached)) return;
    }
  }

  // A clone that is left is read whole.
  absl::Status ReadClone() {
    CloneLoad* clones = cluster_.clones();
    if (clones == nullptr) return absl::OkStatus();
    clones->Run(false);
    if (!cluster_.Await(kHealTime, [clones] { return clones->idle(); })) {
      return absl::DeadlineExceededError(
          absl::StrCat("work on a clone does not end:\n", clones->Describe()));
    }
    return clones->verdict();
  }

  // Every snapshot that is left is read once more.
  absl::Status ReadSnapshots() {
    SnapshotLoad* snapshots = cluster_.snapshots();
    if (snapshots == nullptr) return absl::OkStatus();
    snapshots->Run(false);
    snapshots->CheckAll();
    if (!cluster_.Await(kHealTime, [snapshots] { return snapshots->idle(); })) {
      return absl::DeadlineExceededError(
          absl::StrCat("snapshots do not end:\n", snapshots->Describe()));
    }
    return snapshots->verdict();
  }

  absl::Status AtRest() {
    SP_RETURN_IF_ERROR(ReadClone());
    SP_RETURN_IF_ERROR(ReadSnapshots());
    for (Workload* load : cluster_.loads()) load->Run(false);
    const auto drained = [this] {
      return std::ranges::all_of(cluster_.loads(),
                                 [](Workload* load) { return load->attached() && load->idle(); });
    };
    if (!cluster_.Await(kDrainTime, drained)) {
      return absl::DeadlineExceededError("requests do not end, or the volume is not attached");
    }
    for (Workload* load : cluster_.loads()) load->ReadEverything();
    if (!cluster_.Await(kDrainTime, drained)) {
      return absl::DeadlineExceededError("the last reads do not end");
    }
    SP_RETURN_IF_ERROR(Verdicts());
    absl::Status settled;
    cluster_.Await(kDrainTime, [this, &settled] {
      settled = CheckSettled(cluster_);
      return settled.ok();
    });
    SP_RETURN_IF_ERROR(Named("at rest", settled));
    cluster_.client().Crash();
    if (cluster_.snapshots() != nullptr) cluster_.reader().Crash();
    if (trouble_) trouble_->Unrot();
    for (auto& node : cluster_.nodes()) node->Crash(cluster_.world().random().OneIn(1, 2));
    return CheckMirrorsEqual(cluster_);
  }

  absl::Status Verdicts() {
    // First what is nearest to the cause.
    SP_RETURN_IF_ERROR(cluster_.site().ledger.verdict());
    SP_RETURN_IF_ERROR(watch_.verdict());
    for (Workload* load : cluster_.loads()) SP_RETURN_IF_ERROR(load->verdict());
    if (const SnapshotLoad* s = cluster_.snapshots()) SP_RETURN_IF_ERROR(s->verdict());
    if (const CloneLoad* c = cluster_.clones()) SP_RETURN_IF_ERROR(c->verdict());
    for (auto& node : cluster_.nodes()) {
      SP_RETURN_IF_ERROR(Named(node->host(), node->start_status()));
    }
    return absl::OkStatus();
  }

  static absl::Status Named(const std::string& step, const absl::Status& status) {
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat(step, ": ", std::string(status.message())));
  }

  void Count() {
    const FaultCounts& faults = nemesis_.counts();
    const WorkloadCounts& load = cluster_.load().counts();
    RunCounts& counts = report_.counts;
    counts.trace_hash = cluster_.world().trace().hash();
    counts.operations = load.ended;
    counts.entries_voided = cluster_.site().ledger.voided();
    counts.longest_request = load.longest;
    counts.epochs_opened = watch_.epochs_opened();
    counts.lease_waits = watch_.lease_waits();
    counts.resync_bytes = cluster_.site().traffic.resync_bytes;
    counts.confirmations = cluster_.site().traffic.confirmations;
    counts.power_losses = faults.power_losses;
    counts.crashes = faults.crashes;
    counts.client_crashes = faults.client_crashes;
    counts.metadata_crashes = faults.metadata_crashes;
    counts.partitions = faults.partitions;
    counts.drops = faults.drops;
    counts.slow_links = faults.slow_links;
    if (trouble_) {
      const TroubleCounts& trouble = trouble_->counts();
      counts.failed_disks = trouble.failed_disks;
      counts.slow_disks = trouble.slow_disks;
      counts.rotten_blocks = trouble.rotten_blocks;
      counts.repairs = cluster_.site().traffic.repairs;
      counts.stops = trouble.stops;
      counts.detaches = trouble.detaches;
    }
    if (const SnapshotLoad* snapshots = cluster_.snapshots())
      counts.snapshots = snapshots->counts();
    if (const CloneLoad* clones = cluster_.clones()) counts.clones = clones->counts();
    counts.virtual_time = cluster_.world().now() - Instant();
  }

  void Describe() {
    std::string& text = report_.details;
    for (const std::string& line : cluster_.site().log.last()) absl::StrAppend(&text, line, "\n");
    absl::StrAppend(&text, "under way:\n");
    for (Workload* load : cluster_.loads()) absl::StrAppend(&text, load->Describe());
    for (const auto& node : cluster_.nodes()) {
      if (node->node() == nullptr) continue;
      for (const node::ChainHere& here : node->node()->chains()) {
        const chain::ReplicaStatus& s = here.status;
        const bool well = s.role == chain::ReplicaStatus::Role::kServing && s.opened &&
                          s.pending == 0 && s.waiting == 0;
        if (well) continue;
        absl::StrAppend(&text, "  ", node->host(), " chain ", ToString(here.chain), " role ",
                        static_cast<int>(s.role), " epoch ", s.epoch.value(),
                        s.opened ? " open" : " closed", " D ", ToString(s.durable), " W ",
                        ToString(s.committed), " F ", ToString(s.complete_up_to), " pending ",
                        s.pending, " waiting ", s.waiting, s.sync_running ? " syncing" : "", "\n");
      }
    }
  }

  const RunOptions& options_;
  RunReport& report_;
  Cluster cluster_;
  Nemesis nemesis_;
  Watch watch_;
  std::optional<DiskTrouble> trouble_;
};

}  // namespace

RunReport Run(const RunOptions& options) {
  RunReport report;
  OneRun(options, report).Run();
  return report;
}

std::string ToString(const SnapshotCounts& s) {
  return absl::StrFormat(
      ", snapshots: asked %d, made %d, refused %d, unknown %d, read %d, again %d, sectors %d, "
      "deleted %d, in resync %d",
      s.asked, s.made, s.refused, s.unknown, s.checked, s.repeated, s.written, s.deleted,
      s.deleted_in_resync);
}

std::string ToString(const CloneCounts& c) {
  return absl::StrFormat(
      ", clones: made %d, promoted %d, moved %d, snapshots %d, reverted %d, frozen %d, deleted "
      "%d, read whole %d, refused %d",
      c.made, c.promoted, c.moved, c.snapshots, c.reverted, c.frozen, c.deleted, c.read_whole,
      c.refused);
}

std::string ToString(const RunCounts& r) {
  return absl::StrFormat(
             "operations %d, epochs %d, voided %d, resynced %d KiB, lease waits %d, confirmations "
             "%d, "
             "power losses %d, crashes %d, client %d, metadata %d, partitions %d, drops %d, slow "
             "%d, "
             "failed disks %d, slow disks %d, rotten %d, repairs %d, stops %d, detaches %d, "
             "longest %d ms, virtual %d s, trace %016x",
             r.operations, r.epochs_opened, r.entries_voided, r.resync_bytes >> 10, r.lease_waits,
             r.confirmations, r.power_losses, r.crashes, r.client_crashes, r.metadata_crashes,
             r.partitions, r.drops, r.slow_links, r.failed_disks, r.slow_disks, r.rotten_blocks,
             r.repairs, r.stops, r.detaches, r.longest_request.millis(),
             r.virtual_time.millis() / 1000, r.trace_hash) +
         (r.snapshots.asked == 0 ? "" : ToString(r.snapshots)) +
         (r.clones.made == 0 ? "" : ToString(r.clones));
}

}  // namespace storpool::sim
