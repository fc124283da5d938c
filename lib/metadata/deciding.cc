// What the leader decides by clock and by who is there: wanted against actual, after every change.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

// One command stays well below a message's size, and other commands get their turn.
constexpr size_t kNamesPerCommand = 4096;
constexpr int kExpiredPerCommand = 256;

constexpr int64_t kClockJumpSeconds = 60;

}  // namespace

void Leader::Decide() {
  if (!state_.initialized()) return;
  DecideOpens();
  DecideMembers();
  if (state_.cluster().restoring()) return;
  DecideSnapshots();
  DecideFills();
}

// By the wall clock, and so never right after a start, or after that has jumped (hazard 9.5).
void Leader::DeleteExpiredSnapshots(Instant now) {
  const int64_t wall = reactor_.clock().WallSeconds();
  if (wall_seconds_ != 0) {
    const int64_t passed = (now - ticked_at_).millis() / 1000;
    const int64_t jump = wall - wall_seconds_ - passed;
    if (jump > kClockJumpSeconds || jump < -kClockJumpSeconds) {
      expire_from_ = now + kExpiryPause;
      AddAlarm("metadata", absl::StrCat("the wall clock jumped by ", jump,
                                        " s: snapshots expire again in ten minutes"));
    }
  }
  wall_seconds_ = wall;
  ticked_at_ = now;
  if (expiring_ || now < expire_from_ || !state_.initialized()) return;
  if (state_.cluster().restoring()) return;
  Command command;
  DeleteExpired& expired = *command.mutable_delete_expired();
  expired.set_now_seconds(wall);
  for (const auto& [at, id] : state_.expiring()) {
    if (at > wall || expired.snapshots_size() == kExpiredPerCommand) break;
    if (state_.CheckDeletable(*state_.FindVolume(id)).ok()) expired.add_snapshots(id);
  }
  if (expired.snapshots().empty()) return;
  expiring_ = true;
  Propose(std::move(command), [this](absl::StatusOr<CommandResult>) { expiring_ = false; });
}

LiveMembers Leader::MembersNow(const ChangeMembers& change) const {
  LiveMembers live;
  live.now = reactor_.Now();
  const std::set<uint32_t> nodes_down(change.nodes_down().begin(), change.nodes_down().end());
  for (const auto& [id, record] : state_.disks()) {
    const uint32_t node = record.disk().node();
    if (nodes_down.contains(node)) live.lost.insert(static_cast<uint32_t>(id));
    const PeerFacts facts = live_.node(node);
    const bool heard = facts.up && live.now - facts.last_heard < options_.ejection;
    if (heard && record.disk().state() == Disk::UP) live.present.insert(static_cast<uint32_t>(id));
  }
  for (const auto& out : change.disks_out()) live.lost.insert(out.disk());
  return live;
}

void Leader::DecideMembers() {
  if (deciding_) return;
  Command command;
  ChangeMembers& change = *command.mutable_change_members();
  for (uint32_t node : ejected_) change.add_nodes_down(node);
  std::erase_if(failed_disks_, [&](const auto& f) { return state_.FindDisk(f.first) == nullptr; });
  for (const auto& [disk, reason] : failed_disks_) {
    ChangeMembers::DiskOut& out = *change.add_disks_out();
    out.set_disk(disk);
    out.set_state(Disk::EJECTED);
    out.set_reason(reason);
  }
  if (!state_.cluster().restoring()) {
    LiveMembers live = MembersNow(change);
    DecideDesired(live, change);
    for (NameChain& name : naming_.Plan(state_, live, kNamesPerCommand)) {
      *change.add_names() = std::move(name);
    }
    DecideFences(change);
    DecideEnding(change);
  }
  if (change.nodes_down().empty() && change.disks_out().empty() && change.desired().empty() &&
      change.names().empty()) {
    return;
  }
  change.set_now_seconds(reactor_.clock().WallSeconds());
  deciding_ = true;
  const std::set<uint32_t> ejected = ejected_;
  const std::map<uint32_t, std::string> failed = failed_disks_;
  Propose(std::move(command), [this, ejected, failed](absl::StatusOr<CommandResult> result) {
    deciding_ = false;
    if (!result.ok()) return;  // it does not lead, or the next tick tries again
    for (uint32_t node : ejected) {
      ejected_.erase(node);
      const Node* known = state_.FindNode(node);
      if (known == nullptr || known->up()) continue;  // it has joined again since
      // Whoever still speaks for it must join anew.
      live_.nodes_[node].up = false;
      CloseOther(Kind::kNode, node, nullptr);
    }
    for (const auto& [disk, reason] : failed) failed_disks_.erase(disk);
    Changed();
  });
}

void Leader::DecideOpens() {
  if (opening_ || ready_.empty()) return;
  Command command;
  for (const auto& [chain, one] : ready_) *command.mutable_open_chains()->add_chains() = one;
  ready_.clear();
  opening_ = true;
  Propose(std::move(command), [this](absl::StatusOr<CommandResult>) {
    opening_ = false;
    Changed();
  });
}

// An open chain with the members that it has. False if one of them is mute: a name with that one
// stops the others (R21), it is ejected first.
bool Leader::NameAgain(uint32_t chain, const LiveMembers& live, ChangeMembers& change) const {
  const ChainConfig& config = state_.FindChain(chain)->config().named();
  const bool heard = std::ranges::all_of(config.members(), [&](const ChainMember& m) {
    return m.role() != CHAIN_ROLE_SERVING ||
           (live.present.contains(m.disk()) && !live.lost.contains(m.disk()));
  });
  const bool is_named = std::ranges::any_of(
      change.names(), [&](const NameChain& name) { return name.chain() == chain; });
  if (!heard || !config.opened() || is_named) return false;
  NameChain& name = *change.add_names();
  name.set_chain(chain);
  name.set_based_on(config.epoch());
  *name.mutable_members() = config.members();
  return true;
}

void Leader::DecideEnding(ChangeMembers& change) {
  if (ending_.empty()) return;
  const LiveMembers live = MembersNow(change);
  std::erase_if(ending_, [&](uint32_t chain) {
    const ChainRecord* known = state_.FindChain(chain);
    return known == nullptr || !known->config().named().opened() || NameAgain(chain, live, change);
  });
}

void Leader::DecideFences(ChangeMembers& change) {
  fence_progress_.ForgetGone(state_.fences());
  if (state_.fences().empty()) return;
  const Instant now = reactor_.Now();
  const LiveMembers live = MembersNow(change);
  for (const auto& [id, fence] : state_.fences()) {
    if (finishing_.contains(id)) continue;
    const std::vector<uint32_t> waiting = fence_progress_.Waiting(state_, fence);
    if (waiting.empty()) {
      Command command;
      command.mutable_fence_done()->set_fence(id);
      finishing_.insert(id);
      Propose(std::move(command),
              [this, id = id](absl::StatusOr<CommandResult>) { finishing_.erase(id); });
      continue;
    }
    if (now - fence_progress_.since(id) < options_.fence_wait) continue;
    fence_progress_.Restart(id, now);
    SendRaise(fence);
    if (fence.purpose() == FenceRecord::DETACH || fence.purpose() == FenceRecord::RENEW) {
      continue;  // it waits for all
    }
    for (uint32_t raw : waiting) NameAgain(raw, live, change);
  }
}

void Leader::WatchDisks(Instant now) {
  for (const auto& [id, record] : state_.disks()) {
    const uint32_t disk = static_cast<uint32_t>(id);
    if (record.disk().state() == Disk::UP) {
      down_since_.erase(disk);
    } else if (down_since_.try_emplace(disk, now).second) {
      naming_.OnDiskLost(disk, now);
    }
  }
  std::erase_if(down_since_, [&](const auto& e) { return state_.FindDisk(e.first) == nullptr; });
}

}  // namespace storpool::metadata
