// What registered nodes and clients say. Every message is safe to repeat and to come late.
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/control/convert.h"
#include "lib/metadata/leader.h"

namespace storpool::metadata {
namespace {

constexpr int kBasesPerMessageMax = 65536;

}  // namespace

void Leader::OnNodeMessage(PeerState& peer, const ToMetadata& message) {
  switch (message.message_case()) {
    case ToMetadata::kOpenReady:
      return Handle(peer, message.open_ready());
    case ToMetadata::kLevelFailed:
      return Handle(peer, message.level_failed());
    case ToMetadata::kPromotable:
      return Handle(peer, message.promotable());
    case ToMetadata::kRaised:
      return Handle(peer, message.raised());
    case ToMetadata::kDropped:
      return Handle(peer, message.dropped());
    case ToMetadata::kDiskFailed:
      return Handle(peer, message.disk_failed());
    case ToMetadata::kSuspect:
      if (message.suspect().node() != peer.id) {
        detection_.Suspected(message.suspect().node(), reactor_.Now());
      }
      return;
    case ToMetadata::kMemberBases:
      return Handle(peer, message.member_bases());
    case ToMetadata::kLinesKept:
      return Handle(peer, message.lines_kept());
    case ToMetadata::kLinesHere:
      return Handle(peer, message.lines_here());
    case ToMetadata::kSpace:
      return Handle(peer, message.space());
    default:
      return;  // of a newer version
  }
}

void Leader::OnClientMessage(PeerState& peer, const ToMetadata& message) {
  switch (message.message_case()) {
    case ToMetadata::kSnapshotHeld:
      return Handle(peer, message.snapshot_held());
    case ToMetadata::kSnapshotReleased:
      return Handle(peer, message.snapshot_released());
    case ToMetadata::kFill:
      return Handle(peer, message.fill());
    default:
      return;  // of a newer version
  }
}

void Leader::Handle(PeerState& peer, const Heartbeat& message) {
  for (const DiskRoom& room : message.disks()) {
    if (OwnsDisk(peer, room.disk())) live_.rooms_[room.disk()] = room;
  }
  if (peer.kind == Kind::kClient) {
    const std::string mine = AttachmentsSectionName(peer.id);
    for (const SectionVersion& known : message.sections()) {
      if (known.section() != mine) continue;
      PeerFacts& facts = live_.clients_[peer.id];
      if (known.version() >= state_.SectionVersion(mine)) {
        facts.generation = state_.cluster().generation();
      }
      if (std::exchange(facts.map_version, known.version()) != known.version()) Changed();
    }
  }
}

void Leader::Handle(PeerState& peer, const Subscribe& message) {
  const auto lost = std::ranges::count_if(message.sections(), [&](const SectionVersion& s) {
    return IsOfLostLine(state_, s.section());
  });
  if (lost > 0) {
    AddAlarm(NameOf(peer),
             absl::StrCat("has ", lost,
                          " lines of layers that were made after the backup which was "
                          "restored; they stay on its disks, and nobody can use them"));
  }
  const size_t max = peer.kind == Kind::kNode ? kNodeSubscriptionsMax : kSubscriptionsMax;
  std::vector<std::string> unknown, surplus;
  for (const SectionVersion& wanted : message.sections()) {
    if (peer.sections.Add(wanted, max)) continue;
    (IsSection(wanted.section()) ? surplus : unknown).push_back(wanted.section());
  }
  if (!unknown.empty()) {
    AddAlarm(NameOf(peer),
             absl::StrCat("asks for ", unknown.size(),
                          " sections of the map that there cannot be, such as ", unknown.back()));
  }
  if (!surplus.empty()) {
    AddAlarm(NameOf(peer),
             absl::StrCat("asks for ", surplus.size(), " sections of the map more than the ", max,
                          " that it may follow; it is not told of ", surplus.back(), ", for one"));
  }
  Changed();
}

void Leader::Handle(PeerState& peer, const OpenReady& message) {
  const ChainRecord* chain = state_.FindChain(message.chain());
  if (chain == nullptr || chain->config().named().members().empty()) return;
  const ChainConfig& named = chain->config().named();
  // Its word counts if it is the coordinator of the newest name: the head.
  if (named.epoch() != message.epoch() || !OwnsDisk(peer, named.members(0).disk())) return;
  if (named.opened()) {
    SendOpened({message.chain()});  // it has missed it
    return;
  }
  OpenChains::One& one = ready_[message.chain()];
  one.set_chain(message.chain());
  one.set_epoch(message.epoch());
  one.set_opened_at(message.opened_at());
  Changed();
}

void Leader::Handle(PeerState& peer, const LevelFailed& message) {
  const ChainRecord* chain = state_.FindChain(message.chain());
  if (chain == nullptr || chain->config().named().epoch() != message.epoch()) return;
  if (chain->config().named().opened()) {
    if (message.without_disks().empty()) ending_.insert(message.chain());
    return Changed();
  }
  naming_.OnLevelFailed(message);
  AddAlarm(NameOf(peer),
           absl::StrCat("chain ", ToString(ChainId::FromRaw(message.chain())),
                        " could not open epoch ", message.epoch(), ": ", message.reason()));
  Changed();
}

void Leader::Handle(PeerState& peer, const Promotable& message) {
  if (!OwnsDisk(peer, message.disk()) || state_.FindChain(message.chain()) == nullptr) return;
  naming_.OnPromotable(message);
  Changed();
}

void Leader::Handle(PeerState& peer, const Raised& message) {
  if (!OwnsDisk(peer, message.disk())) return;
  fence_progress_.OnRaised(message);
  Changed();
}

void Leader::Handle(PeerState& peer, const LinesHere& message) {
  if (peer.kind != Kind::kNode || !state_.cluster().restoring()) return;
  Command command;
  LinesFound& found = *command.mutable_lines_found();
  found.set_node(peer.id);
  for (const Line& line : message.lines()) {
    if (const absl::Status valid = control::ToModel(line).status(); valid.ok()) {
      *found.add_lines() = line;
    } else {
      AddAlarm(NameOf(peer),
               absl::StrCat("has a line that cannot be used: ", std::string(valid.message())));
    }
  }
  found.set_more(message.more());
  Propose(std::move(command), [](absl::StatusOr<CommandResult>) {});
}

void Leader::Handle(PeerState& peer, const Dropped& message) {
  if (!OwnsDisk(peer, message.disk())) return;
  Command command;
  DropsDone& done = *command.mutable_drops_done();
  done.set_disk(message.disk());
  for (uint64_t lineage : message.lineages()) {
    if (state_.drops().contains(lineage)) done.add_lineages(lineage);
  }
  for (uint32_t chain : message.former_chains()) {
    if (state_.formers().contains({message.disk(), chain})) done.add_former_chains(chain);
  }
  if (done.lineages().empty() && done.former_chains().empty()) return;
  Propose(std::move(command), [](absl::StatusOr<CommandResult>) {});
}

void Leader::Handle(PeerState& peer, const DiskFailed& message) {
  const DiskRecord* record = state_.FindDisk(message.disk());
  if (!OwnsDisk(peer, message.disk())) return;
  const bool known = record->failed_incarnation() == record->disk().incarnation();
  const bool in = record->disk().state() == Disk::UP;
  // One that an operator has taken out must not come back in this life.
  if (!in && (known || !record->ejected_by_operator())) return;
  failed_disks_[message.disk()] = message.reason();
  AddAlarm(NameOf(peer), absl::StrCat("disk ", message.disk(), " failed: ", message.reason(),
                                      in ? "; it leaves its chains" : "; it is out already"));
  Changed();
}

void Leader::Handle(PeerState& peer, const AttachmentReady& message) {
  if (peer.kind != Kind::kClient) return;
  const auto found = state_.attachments().find({message.volume(), peer.id});
  if (found == state_.attachments().end()) return;
  const Attachment& a = found->second.attachment();
  if (a.generation() != message.generation()) return;
  const bool same = a.device() == message.device() && message.attached() && !a.detaching();
  if (same || state_.IsDetachFenced(message.volume(), peer.id)) return;
  Command command;
  AttachmentChanged& change = *command.mutable_attachment_changed();
  change.set_volume(message.volume());
  change.set_client(peer.id);
  change.set_generation(message.generation());
  change.set_attached(message.attached());
  change.set_device(message.device());
  change.set_error(message.error());
  Propose(std::move(command), [](absl::StatusOr<CommandResult>) {});
}

void Leader::Handle(PeerState& peer, const MemberBases& message) {
  if (message.bases_size() > kBasesPerMessageMax) return;
  if (message.resyncs_size() > kBasesPerMessageMax) return;
  for (const MemberBase& base : message.bases()) {
    const ChainRecord* chain = state_.FindChain(base.chain());
    if (chain == nullptr || !OwnsDisk(peer, base.disk())) continue;
    live_.bases_[{base.chain(), base.disk()}] = base;
    bases_changed_ = true;
  }
  for (const ResyncLeft& left : message.resyncs()) {
    const ChainRecord* chain = state_.FindChain(left.chain());
    if (chain == nullptr || chain->config().named().epoch() != left.epoch()) continue;
    live_.resyncs_[{left.chain(), left.disk()}] = left;
  }
  if (bases_changed_) Changed();
}

}  // namespace storpool::metadata
