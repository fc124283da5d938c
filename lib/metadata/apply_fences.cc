// The fences between one session of a client on a volume and the next (design 5.9, S2).
#include <algorithm>
#include <vector>

#include "lib/metadata/state.h"

namespace storpool::metadata {
namespace {

bool IsDetach(const FenceRecord& fence) {
  return fence.purpose() == FenceRecord::DETACH || fence.purpose() == FenceRecord::FORCE_DETACH;
}

}  // namespace

void State::StartFence(Attachment attachment, FenceRecord::Purpose purpose, Outcome& out) {
  const auto key = Pair(attachment.volume(), attachment.client());
  AttachmentRecord record = *attachments_.Find(key);
  Volume volume = *volumes_.Find(attachment.volume());
  Attachment& a = *record.mutable_attachment();
  // A forced detach stays one, also if its client starts again meanwhile.
  const bool grant = purpose == FenceRecord::GRANT || purpose == FenceRecord::RENEW;
  if (grant && IsDetachFenced(key.first, attachment.client())) return;
  DropFencesOf(attachment.volume(), attachment.client());
  a.set_generation(volume.next_generation());
  a.set_granted(false);
  record.clear_held_back();
  a.clear_floors();
  a.clear_device();
  if (!grant) a.set_detaching(true);
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
  PutVolume(volume);
  PutAttachment(record);
  fences_.Put(fence.id(), fence);
  out.events.fences.push_back(fence.id());
  TouchAttachments(attachment.client(), out);
  out.fenced_tables.insert(fence.table());
}

// Chains that are not open are named again at once, with the raises of all fences that the command
// has begun (S2).
void State::NameFenced(Outcome& out) {
  for (uint32_t table : out.fenced_tables) {
    for (uint32_t raw : ChainsOfTable(table)) {
      const ChainRecord* chain = chains_.Find(raw);
      if (!chain->config().named().opened()) NameAgain(*chain, out);
    }
  }
}

// A chain whose raise for an earlier session of the volume rests on its name alone may still be
// used in a lower epoch by members that have not heard that name: the new session does not (S2).
void State::SetFloors(Attachment& a) const {
  a.clear_floors();
  const Volume& volume = *volumes_.Find(a.volume());
  for (uint32_t raw : ChainsOfTable(lines_.Find(volume.lineage())->table())) {
    const NamedConfig& config = chains_.Find(raw)->config();
    if (config.named().opened()) continue;
    const bool raised = std::ranges::any_of(
        config.raises(), [&](const Raise& r) { return r.volume() == a.volume(); });
    if (!raised) continue;
    Attachment::ChainFloor& floor = *a.add_floors();
    floor.set_chain(raw);
    floor.set_epoch(config.named().epoch());
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
  const uint64_t volume = fence.raise().volume();
  const uint32_t client = fence.raise().client();
  if (IsDetach(fence)) {
    const Rights next = attachments_.Find({volume, client})->next_rights();
    RemoveAttachment(volume, client, out);
    AttachNext(volume, client, next, out);
    GrantWaiting(volume, out);
    BumpGeneration(out);
    return absl::OkStatus();
  }
  AttachmentRecord record = *attachments_.Find({volume, client});
  const uint32_t before = record.attachment().layer();
  GrantOrHoldBack(record);
  *record.mutable_attachment()->mutable_floors() = fence.floors();
  PutAttachment(record);
  TouchAttachments(client, out);
  if (before != 0) Collect(volumes_.Find(volume)->lineage(), before, Why::kOther, out);
  return absl::OkStatus();
}

bool State::IsDetachFenced(uint64_t volume, uint32_t client) const {
  for (const auto& [id, fence] : fences_.all()) {
    const bool same = fence.raise().volume() == volume && fence.raise().client() == client;
    if (same && IsDetach(fence)) return true;
  }
  return false;
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
