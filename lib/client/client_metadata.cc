// The client's talk with metadata (proto/control.proto).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/digest.h"
#include "lib/client/client.h"
#include "lib/client/times.h"
#include "lib/control/convert.h"

namespace storpool::client {

void Client::OnLinkUp() {
  link_up_ = true;
  Register();
}

void Client::Register() {
  registered_ = false;
  ToMetadata message;
  storpool::Register& hello = *message.mutable_register_();
  hello.set_cluster(options_.cluster.data(), options_.cluster.size());
  std::array<uint8_t, 16> nonce;
  entropy_.Fill(nonce);
  hello.set_nonce(nonce.data(), nonce.size());
  const Digest proof = ProofOf(SecretKey(options_.secret), hello.nonce());
  hello.set_proof(proof.data(), proof.size());
  hello.set_process(process_);
  hello.set_version(options_.version);
  ClientHere& here = *hello.mutable_client();
  here.set_id(options_.id.value());
  here.set_name(options_.name);
  here.set_nbd_address(options_.nbd_address);
  metadata_.Send(message);
}

// I/O goes on: nodes tell what changes (6.6).
void Client::OnLinkDown(const absl::Status& reason) {
  if (registered_) {
    log_.Log(env::LogLevel::kWarning, "client",
             absl::StrCat("metadata is not reachable, I/O goes on: ", reason.message()));
  }
  link_up_ = registered_ = false;
  heartbeat_.Stop();
  register_again_.Stop();
}

void Client::OnLinkMessage(const FromMetadata& message) {
  switch (message.message_case()) {
    case FromMetadata::kRegistered:
      return OnRegistered(message.registered());
    case FromMetadata::kRefused:
      registered_ = false;
      heartbeat_.Stop();
      if (!message.refused().final()) register_again_.StartIn(kRegisterAgain);
      return events_.OnRefused(message.refused().reason(), message.refused().final());
    default:
      break;
  }
  if (!registered_) return;
  if (message.has_sections()) return OnSections(message.sections());
  if (message.has_opened()) return OnOpened(message.opened());
  if (message.has_snapshot_hold()) return OnSnapshotHold(message.snapshot_hold());
  if (message.has_snapshot_release()) {
    return EachVolume([&](Volume& volume) { volume.Release(message.snapshot_release().id()); });
  }
  if (message.has_snapshot_over()) return OnSnapshotOver(message.snapshot_over().id());
  if (message.has_fill()) return OnFillOrder(message.fill());
}

void Client::OnRegistered(const Registered& message) {
  if (message.term() < term_) {
    log_.Log(env::LogLevel::kWarning, "client",
             "a former leader of metadata answered; it is asked again");
    return register_again_.StartIn(kRegisterAgain);
  }
  term_ = message.term();
  cluster_name_ = message.cluster_name();
  registered_ = true;
  if (message.heartbeat_ms() > 0) heartbeat_every_ = Duration::Millis(message.heartbeat_ms());
  heartbeat_.StartIn(heartbeat_every_);
  Subscribe(followed_);
  // It may have been lost with the link.
  for (const auto& [id, attached] : volumes_) {
    SendReady(attached, !attached.detached, absl::OkStatus());
  }
  RepeatSnapshots();
  for (const auto& [id, fill] : fills_in_order_) SayFilled(fill);
  events_.OnRegistered();
}

void Client::OnSections(const Sections& sections) {
  for (const Section& section : sections.sections()) {
    const absl::StatusOr<directory::Changes> changes = directory_.Apply(section);
    if (changes.ok()) {
      TakeChanges(*changes);
      if (!changes->attachments.empty()) SendHeartbeat();
    } else {
      Alarm(std::string(changes.status().message().data(), changes.status().message().size()));
    }
  }
}

void Client::OnOpened(const Opened& opened) {
  for (const ChainConfig& message : opened.configs()) {
    const absl::StatusOr<model::ChainConfig> config = control::ToModel(message);
    if (config.ok()) TakeChanges(directory_.Apply(*config));
  }
}

void Client::Follow(const std::string& section) {
  if (followed_.insert(section).second) Subscribe({section});
}

void Client::Subscribe(const std::set<std::string>& sections) {
  if (!registered_) return;
  ToMetadata message;
  for (const std::string& name : sections) {
    SectionVersion& wanted = *message.mutable_subscribe()->add_sections();
    wanted.set_section(name);
    const auto known = directory_.section_versions().find(name);
    if (known != directory_.section_versions().end()) wanted.set_version(known->second);
  }
  metadata_.Send(message);
}

bool Client::FollowLines(LineageId lineage, LayerId layer) {
  Follow(absl::StrCat("line/", lineage.value()));
  const Ancestry lines = AncestryOf(directory_, lineage, layer);
  for (const Ancestor& line : lines.lines) {
    Follow(absl::StrCat("line/", line.lineage.value()));
    Follow(absl::StrCat("table/", line.table.value()));
  }
  if (lines.unknown_line != LineageId()) {
    Follow(absl::StrCat("line/", lines.unknown_line.value()));
  }
  if (lines.unknown_table != TableId()) {
    Follow(absl::StrCat("table/", lines.unknown_table.value()));
  }
  return lines.complete();
}

// Only what has changed of the line came, and not since what is known here.
void Client::AskForWhole(LineageId lineage) {
  if (!registered_) return;  // registering subscribes to all
  ToMetadata message;
  message.mutable_subscribe()->add_sections()->set_section(absl::StrCat("line/", lineage.value()));
  metadata_.Send(message);
}

// A line that a member has and we do not, or the other way round: metadata knows.
void Client::OnLineNeeded(LineageId lineage) {
  const Instant now = reactor_.Now();
  Instant& asked = lines_asked_[lineage];
  if (asked != Instant() && now - asked < kRetryMax) return;
  asked = now;
  Subscribe({absl::StrCat("line/", lineage.value())});
}

void Client::SendHeartbeat() {
  if (!registered_) return;
  heartbeat_.StartIn(heartbeat_every_);
  ToMetadata message;
  Heartbeat& heartbeat = *message.mutable_heartbeat();
  heartbeat.set_number(++heartbeat_number_);
  // How new the attachments are that this client acts by: whoever waits for that is told.
  const std::string mine = absl::StrCat("attachments/", options_.id.value());
  const auto known = directory_.section_versions().find(mine);
  if (known != directory_.section_versions().end()) {
    SectionVersion& section = *heartbeat.add_sections();
    section.set_section(mine);
    section.set_version(known->second);
  }
  metadata_.Send(message);
  RepeatSnapshots();
}

void Client::SendReady(const Attached& attached, bool is_attached, const absl::Status& error) {
  if (!registered_) return;
  const Session& session = attached.volume->session();
  ToMetadata message;
  AttachmentReady& ready = *message.mutable_attachment_ready();
  ready.set_volume(session.volume.value());
  ready.set_generation(session.generation.value());
  ready.set_attached(is_attached);
  if (is_attached) ready.set_device(attached.device);
  if (!error.ok()) ready.set_error(std::string(error.message()));
  metadata_.Send(message);
}

// A detach was asked for, and nobody here has the volume: it went with a former life of this client
// or with its session. Without a word the detach would wait for ever.
void Client::SayDetached(const Attachment& attachment) {
  if (!registered_) return;
  ToMetadata message;
  AttachmentReady& ready = *message.mutable_attachment_ready();
  ready.set_volume(attachment.volume());
  ready.set_generation(attachment.generation());
  ready.set_attached(false);
  metadata_.Send(message);
}

}  // namespace storpool::client
