#include "lib/sim/disk_trouble.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::sim {
namespace {

constexpr Duration kAttachAgain = Duration::Millis(300);

// Written before a batch that was itself known to be durable when a later one was sealed: whatever
// happens now, a recovery believes it to be there.
bool IsWitnessed(const std::deque<BatchWritten>& written, const BatchWritten& batch) {
  for (const BatchWritten& witness : written) {
    if (witness.mark < batch.number) continue;
    for (const BatchWritten& last : written) {
      if (last.mark >= witness.number) return true;
    }
  }
  return false;
}

}  // namespace

DiskTrouble::DiskTrouble(Cluster& cluster, uint64_t seed) : cluster_(cluster), random_(seed) {
  strike_ = cluster.world().now() + Span();
  SimNode& node = *cluster.nodes()[random_.Below(cluster.nodes().size())];
  rotten_disk_ = &node.disks()[random_.Below(node.disks().size())];
}

Duration DiskTrouble::Span() {
  return Duration::Millis(static_cast<int64_t>(300 + random_.Below(4000)));
}

void DiskTrouble::Later(Duration delay, std::function<void()> fn) {
  plans_.emplace(cluster_.world().now() + delay, std::move(fn));
}

Instant DiskTrouble::next() const {
  return plans_.empty() ? strike_ : std::min(strike_, plans_.begin()->first);
}

void DiskTrouble::Act() {
  const Instant now = cluster_.world().now();
  while (!plans_.empty() && plans_.begin()->first <= now) {
    const std::function<void()> plan = std::move(plans_.begin()->second);
    plans_.erase(plans_.begin());
    plan();
  }
  if (now < strike_) return;
  Strike();
  strike_ = now + Span();
}

void DiskTrouble::Strike() {
  SimNode& node = *cluster_.nodes()[random_.Below(cluster_.nodes().size())];
  SimNode::DiskHere& disk = node.disks()[random_.Below(node.disks().size())];
  const uint64_t dice = random_.Below(100);
  if (dice < 15) return FailDisk(node, disk);
  if (dice < 30) return Slow(disk.id);
  if (dice < 75) return Rot();
  if (dice < 87) return StopNode(node);
  Detach();
}

// The disk is out until its node starts again (4.3).
void DiskTrouble::FailDisk(SimNode& node, SimNode::DiskHere& disk) {
  if (!node.started()) return;
  ++counts_.failed_disks;
  cluster_.site().log.Add("trouble", absl::StrCat("disk ", disk.id.value(), " fails"));
  cluster_.site().disks[disk.id].fail_next = 1 + random_.Below(4);
  Later(Span(), [&node] {
    if (!node.running()) return;
    node.Crash(false);
    node.Start();
  });
}

void DiskTrouble::Slow(DiskId disk) {
  ++counts_.slow_disks;
  DiskState& state = cluster_.site().disks[disk];
  state.slowness = static_cast<int>(5 + random_.Below(300));
  cluster_.site().log.Add("trouble",
                          absl::StrCat("disk ", disk.value(), " is slow by ", state.slowness));
  Later(Span(), [&state] { state.slowness = 1; });
}

bool DiskTrouble::OthersServe() const {
  if (!cluster_.metadata().running()) return false;
  for (const auto& [raw, record] : cluster_.metadata().leader().state().chains()) {
    const ChainConfig& named = record.config().named();
    bool here = false;
    int serving = 0;
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      ++serving;
      here = here || m.disk() == rotten_disk_->id.value();
    }
    if (!named.opened() || (here && serving < 2)) return false;
  }
  return true;
}

void DiskTrouble::Rot() {
  if (!OthersServe()) return;  // somebody else must have the block
  const std::deque<BatchWritten>& written = cluster_.site().disks[rotten_disk_->id].written;
  std::vector<const BatchWritten*> known;
  for (const BatchWritten& batch : written) {
    if (batch.payload_blocks > 0 && IsWitnessed(written, batch)) known.push_back(&batch);
  }
  if (known.empty()) return;
  ++counts_.rotten_blocks;
  const BatchWritten& batch = *known[random_.Below(known.size())];
  const uint64_t at =
      batch.payload_at_bytes + random_.Below(uint64_t{batch.payload_blocks} * kBlockBytes);
  const int bit = static_cast<int>(random_.Below(8));
  cluster_.site().log.Add("trouble",
                          absl::StrCat("disk ", rotten_disk_->id.value(), " rots at ", at));
  rotten_disk_->disk.FlipBit(at, bit);
  uint8_t byte = 0;
  rotten_disk_->disk.Read(at, {&byte, 1});
  flips_.push_back({at, bit, byte});
}

void DiskTrouble::StopNode(SimNode& node) {
  if (!node.started()) return;
  ++counts_.stops;
  node.Stop();
  Later(Span(), [&node] {
    if (node.running()) node.Crash(false);  // an operator's patience ends
    node.Start();
  });
}

void DiskTrouble::Detach() {
  if (!cluster_.metadata().running() || !cluster_.load().attached()) return;
  ++counts_.detaches;
  cluster_.site().log.Add("trouble", "detaches the volume");
  metadata::Command detach;
  detach.mutable_detach()->set_volume("v");
  detach.mutable_detach()->set_client(1);
  cluster_.metadata().leader().Propose(detach, [](const auto&) {});
  Later(Span(), [this] { Attach(); });
}

void DiskTrouble::Attach() {
  if (cluster_.metadata().running()) {
    cluster_.metadata().leader().Propose(cluster_.AttachCommand(), [](const auto&) {});
  }
  if (!cluster_.load().attached()) Later(kAttachAgain, [this] { Attach(); });
}

void DiskTrouble::End() {
  plans_.clear();
  for (auto& [id, state] : cluster_.site().disks) {
    state.slowness = 1;
    state.fail_next = 0;
  }
}

void DiskTrouble::Unrot() {
  for (auto flip = flips_.rbegin(); flip != flips_.rend(); ++flip) {
    uint8_t byte = 0;
    rotten_disk_->disk.Read(flip->offset_bytes, {&byte, 1});
    if (byte == flip->rotten) rotten_disk_->disk.FlipBit(flip->offset_bytes, flip->bit);
  }
  flips_.clear();
}

}  // namespace storpool::sim
