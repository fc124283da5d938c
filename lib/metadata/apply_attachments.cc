// Attachments, their sessions, and the fences between one session and the next (design 5.8, 5.9).
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {
namespace {

std::string SectionOf(uint32_t client) { return absl::StrCat("attachments/", client); }

}  // namespace

absl::Status State::Do(const Attach& c, Outcome& out) {
  const absl::StatusOr<Volume> found = FindVolume(c.volume());
  if (!found.ok()) return found.status();
  if (!clients_.contains(c.client())) return InvalidParam("No such client registered");
  if (c.rights() != RIGHTS_UNSPECIFIED && c.rights() != READ_ONLY && c.rights() != READ_WRITE) {
    return InvalidParam(absl::StrCat("attach ", found->name(), ": rights are ro or rw"));
  }
  const Rights rights = c.rights() == RIGHTS_UNSPECIFIED ? READ_WRITE : c.rights();
  if (const AttachmentRecord* known = attachments_.Find({found->id(), c.client()})) {
    if (known->attachment().detaching()) {
      return Busy(
          absl::StrCat("volume ", found->name(), " is being detached from client ", c.client()));
    }
    if (known->attachment().rights() != rights) {
      return ObjectExists(absl::StrCat("volume ", found->name(), " is attached to client ",
                                       c.client(), " with other rights; detach it first"));
    }
    return absl::OkStatus();
  }
  std::set<uint32_t> used;
  for (const auto& [key, a] : attachments_.all()) {
    if (key.second == c.client()) used.insert(a.attachment().pos());
  }
  uint32_t pos = 0;
  while (used.contains(pos)) ++pos;
  if (pos >= kAttachmentsPerClientMax) {
    return InvalidParam(absl::StrCat("client ", c.client(), " has ", kAttachmentsPerClientMax,
                                     " attachments, no more are possible"));
  }
  Volume volume = *found;
  AttachmentRecord record;
  Attachment& a = *record.mutable_attachment();
  a.set_volume(volume.id());
  a.set_volume_name(volume.name());
  a.set_client(c.client());
  a.set_rights(rights);
  a.set_pos(pos);
  a.set_generation(volume.next_generation());
  // No session of this client on this volume is left: the last detach has fenced it. After a
  // restore there may be one, unknown here; then the raise comes first (R22).
  a.set_granted(!cluster_.restoring());
  volume.set_next_generation(volume.next_generation() + 1);
  volumes_.Put(volume.id(), volume);
  attachments_.Put({volume.id(), c.client()}, record);
  if (cluster_.restoring()) StartFence(a, FenceRecord::GRANT, out);
  Touch(SectionOf(c.client()), out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const Detach& c, Outcome& out) {
  const absl::StatusOr<Volume> volume = FindVolume(c.volume());
  if (!volume.ok()) return volume.status();
  std::vector<Attachment> chosen;
  for (const auto& [key, a] : attachments_.all()) {
    if (key.first == volume->id() && (c.all() || key.second == c.client())) {
      chosen.push_back(a.attachment());
    }
  }
  if (chosen.empty()) {
    if (c.all()) return absl::OkStatus();
    return ObjectDoesNotExist(
        absl::StrCat("volume ", volume->name(), " is not attached to client ", c.client()));
  }
  for (const Attachment& a : chosen) {
    if (c.force()) {
      StartFence(a, FenceRecord::FORCE_DETACH, out);
      continue;
    }
    AttachmentRecord record = *attachments_.Find({a.volume(), a.client()});
    record.mutable_attachment()->set_detaching(true);
    record.clear_detach_error();
    attachments_.Put({a.volume(), a.client()}, record);
    Touch(SectionOf(a.client()), out);
  }
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const AttachmentChanged& c, Outcome& out) {
  const AttachmentRecord* known = attachments_.Find({c.volume(), c.client()});
  if (known == nullptr || known->attachment().generation() != c.generation()) {
    return absl::OkStatus();  // of an earlier session
  }
  if (IsDetachFenced(c.volume(), c.client())) return absl::OkStatus();  // said already
  AttachmentRecord record = *known;
  Attachment& a = *record.mutable_attachment();
  if (a.detaching() && !c.attached() && c.error().empty()) {
    // Closed: but copies of its requests may still lie in a socket, so the fence comes first.
    StartFence(a, FenceRecord::DETACH, out);
    return absl::OkStatus();
  }
  if (a.detaching() && !c.error().empty()) {
    a.set_detaching(false);
    record.set_detach_error(c.error());
  }
  a.set_device(c.attached() ? c.device() : "");
  attachments_.Put({c.volume(), c.client()}, record);
  Touch(SectionOf(c.client()), out);
  return absl::OkStatus();
}

void State::StartFence(const Attachment& attachment, FenceRecord::Purpose purpose, Outcome& out) {
  const auto key = Pair(attachment.volume(), attachment.client());
  AttachmentRecord record = *attachments_.Find(key);
  Volume volume = *volumes_.Find(attachment.volume());
  Attachment& a = *record.mutable_attachment();
  // A forced detach stays one, also if its client starts again meanwhile.
  if (purpose == FenceRecord::GRANT && IsDetachFenced(key.first, attachment.client())) return;
  DropFencesOf(attachment.volume(), attachment.client());
  a.set_generation(volume.next_generation());
  a.set_granted(false);
  a.clear_floors();
  a.clear_device();
  if (purpose != FenceRecord::GRANT) a.set_detaching(true);
  volume.set_next_generation(volume.next_generation() + 1);
  FenceRecord fence;
  ClusterRecord cluster = cluster_;
  fence.set_id(cluster.next_fence());
  cluster.set_next_fence(cluster.next_fence() + 1);
  PutCluster(cluster);
  fence.mutable_raise()->set_volume(volume.id());
  fence.mutable_raise()->set_client(attachment.client());
  fence.mutable_raise()->set_generation(a.generation());
  fence.set_lineage(volume.lineage());
  fence.set_table(lines_.Find(volume.lineage())->table());
  fence.set_purpose(purpose);
  volumes_.Put(volume.id(), volume);
  attachments_.Put(key, record);
  fences_.Put(fence.id(), fence);
  out.events.fences.push_back(fence.id());
  Touch(SectionOf(attachment.client()), out);
  // Chains that are not open are named again at once, with the raise (S2).
  for (uint32_t raw : ChainsOfTable(fence.table())) {
    const ChainRecord* chain = chains_.Find(raw);
    if (!chain->config().named().opened()) NameAgain(*chain, out);
  }
}

absl::Status State::Do(const FenceDone& c, Outcome& out) {
  const FenceRecord* known = fences_.Find(c.fence());
  if (known == nullptr) return absl::OkStatus();
  if (cluster_.restoring()) {
    return absl::FailedPreconditionError("the cluster is being restored: no session is granted");
  }
  const FenceRecord fence = *known;
  fences_.Erase(fence.id());
  out.events.fences_done.push_back(fence);
  const auto key = Pair(fence.raise().volume(), fence.raise().client());
  if (fence.purpose() != FenceRecord::GRANT) {
    RemoveAttachment(key.first, fence.raise().client(), out);
    BumpGeneration(out);
    return absl::OkStatus();
  }
  AttachmentRecord record = *attachments_.Find(key);
  record.mutable_attachment()->set_granted(true);
  *record.mutable_attachment()->mutable_floors() = fence.floors();
  attachments_.Put(key, record);
  Touch(SectionOf(fence.raise().client()), out);
  return absl::OkStatus();
}

bool State::IsDetachFenced(uint64_t volume, uint32_t client) const {
  for (const auto& [id, fence] : fences_.all()) {
    const bool same = fence.raise().volume() == volume && fence.raise().client() == client;
    if (same && fence.purpose() != FenceRecord::GRANT) return true;
  }
  return false;
}

void State::RemoveAttachment(uint64_t volume, uint32_t client, Outcome& out) {
  attachments_.Erase({volume, client});
  Touch(SectionOf(client), out);
}

void State::DropFencesOf(uint64_t volume, uint32_t client) {
  std::vector<uint64_t> superseded;
  for (const auto& [id, fence] : fences_.all()) {
    if (fence.raise().volume() == volume && fence.raise().client() == client) {
      superseded.push_back(id);
    }
  }
  for (uint64_t id : superseded) fences_.Erase(id);
}

}  // namespace storpool::metadata
