#include "lib/node/metadata_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/control/convert.h"
#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/lines.h"
#include "lib/node/peers.h"
#include "lib/node/space.h"

namespace storpool::node {
namespace {

constexpr char kDisksSection[] = "disks";
// Bases travel with every so many beats (design 6.6).
constexpr uint64_t kBeatsPerBases = 10;
constexpr uint32_t kHeartbeatMsMin = 20;
constexpr Duration kRegisterAgain = Duration::Millis(250);

std::string Text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

MetadataSession::MetadataSession(Services& services, NodeIdentity identity, env::Entropy& entropy,
                                 control::MetadataLink& link, directory::Directory& directory)
    : services_(services),
      identity_(std::move(identity)),
      entropy_(entropy),
      link_(link),
      directory_(directory),
      beat_every_(Duration::Millis(kHeartbeatMs)),
      beat_(services.reactor, [this] { Beat(); }),
      register_again_(services.reactor, [this] { Register(); }),
      raised_timer_(services.reactor, [this] { SendRaised(); }) {}

void MetadataSession::Stop() {
  registered_ = false;
  beat_.Stop();
  register_again_.Stop();
  raised_timer_.Stop();
}

void MetadataSession::Send(const ToMetadata& message) {
  if (registered_) link_.Send(message);
}

void MetadataSession::OnLinkUp() { Register(); }

void MetadataSession::Register() {
  ToMetadata message;
  storpool::Register& r = *message.mutable_register_();
  r.set_cluster(Text(identity_.cluster));
  std::array<uint8_t, 16> nonce;
  entropy_.Fill(nonce);
  r.set_nonce(Text(nonce));
  r.set_proof(Text(ProofOf(identity_.secret_key, r.nonce())));
  r.set_process(identity_.process.value());
  r.set_version(identity_.version);
  NodeHere& node = *r.mutable_node();
  node.set_id(services_.self.value());
  node.set_name(identity_.name);
  node.set_address(identity_.address);
  node.set_fault_set(identity_.fault_set);
  for (DiskHost* disk : services_.chains->disks()) {
    if (!disk->failed()) FillDisk(*disk, *node.add_disks());
  }
  link_.Send(message);
}

void MetadataSession::FillDisk(DiskHost& disk, storpool::DiskHere& message) const {
  message.set_id(disk.id().value());
  message.set_store(disk.own().store.value());
  message.set_incarnation(disk.own().incarnation.value());
  message.set_size_bytes(disk.store().usage().usable_bytes);
  message.set_device_class(disk.device_class());
  message.set_damaged(disk.store().damaged());
  message.set_highest_lineage(services_.lines->highest_lineage());
  message.set_highest_volume(services_.lines->highest_volume());
  for (const auto& [chain, host] : disk.chains()) {
    const chain::ReplicaStatus status = host->replica().status();
    ChainHere& here = *message.add_chains();
    here.set_chain(chain.raw());
    here.set_epoch(status.epoch.value());
    here.set_committed(status.committed.raw());
    here.set_durable(status.durable.raw());
  }
}

void MetadataSession::OnLinkDown(const absl::Status& reason) {
  if (std::exchange(registered_, false)) {
    services_.Log(env::LogLevel::kWarning,
                  absl::StrCat("metadata is lost: ", std::string(reason.message()),
                               "; reads and writes go on"));
  }
  beat_.Stop();
  register_again_.Stop();
}

void MetadataSession::OnLinkMessage(const FromMetadata& message) {
  if (message.has_refused()) {
    OnRefused(message.refused());
  } else if (message.has_registered()) {
    OnRegistered(message.registered());
  } else if (!registered_) {
    return;  // of a leader that this node does not follow
  } else if (message.has_names()) {
    OnNames(message.names());
  } else if (message.has_opened()) {
    OnOpened(message.opened());
  } else if (message.has_sections()) {
    OnSections(message.sections());
  } else if (message.has_raise()) {
    OnRaise(message.raise());
  } else if (message.has_drop()) {
    OnDrop(message.drop());
  } else if (message.has_horizons()) {
    OnHorizons(message.horizons());
  } else if (message.has_lines()) {
    services_.lines->OnOrder(message.lines());
  } else if (message.has_space()) {
    services_.space->OnOrder(message.space());
  }
  // Not needed here: NotLeader (the link follows it) and ResyncOrder: a replica that an opened
  // config has as syncing opens its resync by itself, and again after every end.
}

void MetadataSession::OnRefused(const Refused& refused) {
  registered_ = false;
  beat_.Stop();
  if (std::exchange(refusal_, refused.reason()) != refused.reason()) {
    services_.Log(env::LogLevel::kError,
                  absl::StrCat("metadata refuses node ", services_.self.value(), ": ",
                               refused.reason(), refused.final() ? "" : "; it is asked again"));
  }
  if (!refused.final()) return register_again_.StartIn(kRegisterAgain);
  if (identity_.on_refused) identity_.on_refused(refused.reason());
}

void MetadataSession::OnRegistered(const Registered& registered) {
  if (registered.term() < term_) {
    services_.Log(env::LogLevel::kWarning, "a metadata leader of the past answered; asked again");
    return register_again_.StartIn(kRegisterAgain);
  }
  term_ = registered.term();
  registered_ = true;
  refusal_.clear();
  services_.Log(env::LogLevel::kInfo,
                absl::StrCat("registered with metadata of cluster ", registered.cluster_name()));
  if (registered.heartbeat_ms() > 0) {
    beat_every_ = Duration::Millis(std::max(registered.heartbeat_ms(), kHeartbeatMsMin));
  }
  if (registered.restoring()) services_.lines->SayHere();
  ToMetadata message;
  Subscribe& subscribe = *message.mutable_subscribe();
  const auto add = [&](const std::string& section) {
    const auto it = directory_.section_versions().find(section);
    SectionVersion& version = *subscribe.add_sections();
    version.set_section(section);
    version.set_version(it == directory_.section_versions().end() ? 0 : it->second);
  };
  add(kDisksSection);
  for (LineageId lineage : services_.lines->wanted()) add(Lines::SectionName(lineage));
  Send(message);
  for (const auto& [disk, reason] : failed_) DiskFailed(disk, reason);
  services_.lines->ReportAll();
  Beat();
  SendRaised();
}

void MetadataSession::Beat() {
  ToMetadata message;
  Heartbeat& beat = *message.mutable_heartbeat();
  beat.set_number(++beats_);
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    const chunkstore::StoreUsage usage = disk->store().usage();
    DiskRoom& room = *beat.add_disks();
    room.set_disk(disk->id().value());
    room.set_usable_bytes(usage.usable_bytes);
    room.set_stored_bytes(usage.stored_bytes);
    room.set_free_bytes(usage.free_bytes);
    room.set_entries(usage.entries);
    const DiskCounters& counters = disk->counters();
    room.set_reads(counters.reads);
    room.set_read_bytes(counters.read_bytes);
    room.set_writes(counters.writes);
    room.set_written_bytes(counters.written_bytes);
  }
  Send(message);
  if (beats_ % kBeatsPerBases == 0) SendBases();
  SendResyncs();
  services_.lines->ReportProgress();
  beat_.StartIn(beat_every_);
}

void MetadataSession::SendBases() {
  ToMetadata message;
  MemberBases& bases = *message.mutable_member_bases();
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    for (const auto& [chain, host] : disk->chains()) {
      const chain::ReplicaStatus status = host->replica().status();
      if (status.role == chain::ReplicaStatus::Role::kNone) continue;
      MemberBase& base = *bases.add_bases();
      base.set_chain(chain.raw());
      base.set_epoch(status.epoch.value());
      base.set_disk(disk->id().value());
      // Only what a power loss would leave: where a hole was forgotten, nobody may fall behind.
      const Version serving = disk->store().DurableCommitted(chain);
      base.set_lowest_base(status.durable_base.value_or(serving).raw());
    }
  }
  if (bases.bases_size() > 0) Send(message);
}

void MetadataSession::SendResyncs() {
  ToMetadata message;
  for (const ChainHost* host : services_.chains->all()) {
    const chain::ReplicaStatus status = host->replica().status();
    for (const chain::ResyncStatus& resync : status.resyncs) {
      ResyncLeft& left = *message.mutable_member_bases()->add_resyncs();
      left.set_chain(host->chain().raw());
      left.set_epoch(status.epoch.value());
      left.set_disk(resync.target.value());
      left.set_done_bytes(resync.done_bytes);
      left.set_left_bytes(resync.left_bytes);
    }
  }
  if (message.has_member_bases()) Send(message);
}

void MetadataSession::SubscribeLine(LineageId lineage) {
  ToMetadata message;
  SectionVersion& section = *message.mutable_subscribe()->add_sections();
  section.set_section(Lines::SectionName(lineage));
  Send(message);
}

void MetadataSession::Alarm(const std::string& text) {
  services_.Log(env::LogLevel::kError, text);
  ToMetadata message;
  message.mutable_alarm()->set_text(text);
  Send(message);
}

void MetadataSession::Suspect(NodeId node) {
  ToMetadata message;
  message.mutable_suspect()->set_node(node.value());
  Send(message);
}

void MetadataSession::DiskFailed(DiskId disk, const std::string& reason) {
  failed_.emplace(disk, reason);
  ToMetadata message;
  message.mutable_disk_failed()->set_disk(disk.value());
  message.mutable_disk_failed()->set_reason(reason);
  Send(message);
}

void MetadataSession::Raised(uint64_t fence, DiskId disk, ChainId chain, Epoch epoch) {
  Epoch& highest = raised_[{fence, disk}][chain];
  highest = std::max(highest, epoch);
  // One message for all chains of a disk and turn.
  if (!raised_timer_.active()) raised_timer_.StartIn(Duration());
}

void MetadataSession::SendRaised() {
  if (!registered_) return;
  for (const auto& [key, chains] : raised_) {
    ToMetadata message;
    storpool::Raised& raised = *message.mutable_raised();
    raised.set_fence(key.first);
    raised.set_disk(key.second.value());
    for (const auto& [chain, epoch] : chains) {
      ChainEpoch& c = *raised.add_chains();
      c.set_chain(chain.raw());
      c.set_epoch(epoch.value());
    }
    Send(message);
  }
  raised_.clear();
}

void MetadataSession::Discarded(DiskId disk, const std::vector<ChainId>& chains) {
  ToMetadata message;
  message.mutable_dropped()->set_disk(disk.value());
  for (ChainId chain : chains) message.mutable_dropped()->add_former_chains(chain.raw());
  Send(message);
}

}  // namespace storpool::node
