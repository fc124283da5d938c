// Attachments, their sessions, and the fences between one session and the next (design 5.8, 5.9).
#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

std::string SectionOf(uint32_t client) { return absl::StrCat("attachments/", client); }

std::string Called(const Volume& volume) {
  return absl::StrCat(volume.snapshot() ? "snapshot " : "volume ", NameOf(volume));
}

bool IsDetach(const FenceRecord& fence) {
  return fence.purpose() == FenceRecord::DETACH || fence.purpose() == FenceRecord::FORCE_DETACH;
}

}  // namespace

// READ_ONLY for a snapshot, READ_WRITE for a volume, unless told otherwise.
absl::StatusOr<Rights> State::RightsFor(const Volume& volume, Rights wanted) const {
  if (wanted != RIGHTS_UNSPECIFIED && wanted != READ_ONLY && wanted != READ_WRITE) {
    return InvalidParam(absl::StrCat("attach ", Called(volume), ": rights are ro or rw"));
  }
  if (!volume.snapshot()) return wanted == RIGHTS_UNSPECIFIED ? READ_WRITE : wanted;
  if (volume.transient()) {
    return InvalidParam(absl::StrCat(Called(volume), " is transient: nobody attaches it"));
  }
  if (wanted == READ_WRITE) {
    return InvalidParam(absl::StrCat(Called(volume), " is read only; clone it to write"));
  }
  return READ_ONLY;
}

absl::Status State::CheckAttach(const Volume& volume, uint32_t client, Rights rights) const {
  if (!clients_.contains(client)) return InvalidParam("No such client registered");
  if (const AttachmentRecord* known = attachments_.Find({volume.id(), client})) {
    if (known->attachment().detaching()) {
      return BusyForNow(absl::StrCat(Called(volume), " is being detached from client ", client));
    }
    if (known->attachment().rights() == rights) return absl::OkStatus();
    return ObjectExists(absl::StrCat(Called(volume), " is attached to client ", client,
                                     " with other rights; detach it first"));
  }
  SP_RETURN_IF_ERROR(CheckWriter(volume, rights));
  const auto used =
      std::distance(by_client_.lower_bound({client, 0}), by_client_.lower_bound({client + 1, 0}));
  if (used < static_cast<int64_t>(kAttachmentsPerClientMax)) return absl::OkStatus();
  return InvalidParam(absl::StrCat("client ", client, " has ", kAttachmentsPerClientMax,
                                   " attachments, no more are possible"));
}

// An operation holds the writers that it knows.
absl::Status State::CheckWriter(const Volume& volume, Rights rights) const {
  if (rights != READ_WRITE || !HasOperation(volume.lineage())) return absl::OkStatus();
  return BusyForNow(absl::StrCat("a snapshot of ", Called(volume), " is being made; try again"));
}

void State::AddAttachment(Volume volume, uint32_t client, Rights rights, bool waits, Outcome& out) {
  std::set<uint32_t> used;
  auto mine = by_client_.lower_bound({client, 0});
  for (; mine != by_client_.end() && mine->first == client; ++mine) {
    used.insert(attachments_.Find({mine->second, mine->first})->attachment().pos());
  }
  uint32_t pos = 0;
  while (used.contains(pos)) ++pos;
  AttachmentRecord record;
  Attachment& a = *record.mutable_attachment();
  a.set_volume(volume.id());
  a.set_client(client);
  a.set_rights(rights);
  a.set_pos(pos);
  a.set_generation(volume.next_generation());
  record.set_waits(waits);
  // No session of this client on this volume is left: the last detach has fenced it. After a
  // restore there may be one, unknown here; then the raise comes first (R22).
  if (!waits) Grant(record);
  if (!waits && !cluster_.restoring()) SetFloors(a);
  volume.set_next_generation(volume.next_generation() + 1);
  PutVolume(volume);
  PutAttachment(record);
  if (cluster_.restoring() && !waits) StartFence(a, FenceRecord::GRANT, out);
  Touch(SectionOf(client), out);
}

uint32_t State::LayerFor(const Volume& volume, Rights rights) const {
  if (volume.snapshot()) return volume.layer();
  return rights == READ_WRITE ? NewestLayer(volume.lineage()) : 0;
}

// From now on, in the newest layer. While a snapshot of a group is being made a writer waits for
// its end: in the new layer of its volume it would be ahead of those that still write the old
// layers of theirs (9.3).
void State::Grant(AttachmentRecord& record) const {
  Attachment& a = *record.mutable_attachment();
  const Volume& volume = *volumes_.Find(a.volume());
  const auto operation = operations_of_.find(volume.lineage());
  record.set_held_back(a.rights() == READ_WRITE && operation != operations_of_.end() &&
                       operations_.Find(operation->second)->snapshots_size() > 1);
  a.set_granted(!record.held_back());
  a.set_layer(LayerFor(volume, a.rights()));
}

void State::GrantHeldBack(uint64_t volume, Outcome& out) {
  std::vector<AttachmentRecord> waiting;
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.held_back()) waiting.push_back(it->second);
  }
  for (AttachmentRecord& record : waiting) {
    Grant(record);
    PutAttachment(record);
    Touch(SectionOf(record.attachment().client()), out);
  }
}

absl::Status State::Do(const Attach& c, Outcome& out) {
  const absl::StatusOr<Volume> found = FindAttachable(c.volume(), c.snapshot());
  if (!found.ok()) return found.status();
  const absl::StatusOr<Rights> rights = RightsFor(*found, c.rights());
  if (!rights.ok()) return rights.status();
  SP_RETURN_IF_ERROR(CheckAttach(*found, c.client(), *rights));
  if (attachments_.contains({found->id(), c.client()})) return absl::OkStatus();
  AddAttachment(*found, c.client(), *rights, false, out);
  BumpGeneration(out);
  return absl::OkStatus();
}

// With `next` it is attached again afterwards, with these rights. By value: what it is of changes
// here.
void State::BeginDetach(Attachment a, bool force, Rights next, Outcome& out) {
  AttachmentRecord record = *attachments_.Find({a.volume(), a.client()});
  if (record.waits()) {  // it never had a session
    RemoveAttachment(a.volume(), a.client(), out);
    AttachNext(a.volume(), a.client(), next, out);
    return;
  }
  record.clear_detach_error();  // of an earlier try
  record.set_next_rights(next);
  if (!force) record.mutable_attachment()->set_detaching(true);
  PutAttachment(record);
  if (force) return StartFence(a, FenceRecord::FORCE_DETACH, out);
  Touch(SectionOf(a.client()), out);
}

void State::AttachNext(uint64_t volume, uint32_t client, Rights next, Outcome& out) {
  if (next == RIGHTS_UNSPECIFIED) return;
  AddAttachment(*volumes_.Find(volume), client, next, IsBeingDetached(volume), out);
}

absl::Status State::Do(const Detach& c, Outcome& out) {
  const absl::StatusOr<Volume> volume = FindAttachable(c.volume(), c.snapshot());
  if (!volume.ok()) return volume.status();
  std::vector<Attachment> chosen;
  auto it = attachments_.all().lower_bound({volume->id(), 0});
  for (; it != attachments_.all().end() && it->first.first == volume->id(); ++it) {
    if (c.all() || it->first.second == c.client()) chosen.push_back(it->second.attachment());
  }
  if (chosen.empty()) {
    if (c.all()) return absl::OkStatus();
    return ObjectDoesNotExist(
        absl::StrCat(Called(*volume), " is not attached to client ", c.client()));
  }
  for (const Attachment& a : chosen) BeginDetach(a, c.force(), RIGHTS_UNSPECIFIED, out);
  BumpGeneration(out);
  return absl::OkStatus();
}

// What an entry asks for, against what is there.
absl::StatusOr<State::Move> State::PlanMove(const ReassignRequest::One& entry) const {
  const absl::StatusOr<Volume> volume = FindAttachable(entry.volume(), entry.snapshot());
  if (!volume.ok()) return volume.status();
  Move move;
  move.volume = volume->id();
  move.force = entry.force();
  for (uint32_t client : entry.ro()) move.attach[client] = READ_ONLY;
  for (uint32_t client : entry.rw()) {
    if (!move.attach.try_emplace(client, READ_WRITE).second) {
      return InvalidParam(absl::StrCat(Called(*volume), ": client ", client, " is named twice"));
    }
  }
  auto it = attachments_.all().lower_bound({volume->id(), 0});
  const std::set<uint32_t> detach(entry.detach().begin(), entry.detach().end());
  for (; it != attachments_.all().end() && it->first.first == volume->id(); ++it) {
    const uint32_t client = static_cast<uint32_t>(it->first.second);
    const bool stays = move.attach.contains(client);
    if (detach.contains(client) && stays) {
      return InvalidParam(absl::StrCat(Called(*volume), " is to be attached to and detached from ",
                                       "client ", client));
    }
    if (detach.contains(client) || (entry.detach_all() && !stays)) move.detach.push_back(client);
  }
  for (uint32_t client : detach) {
    if (attachments_.contains({volume->id(), client})) continue;
    return ObjectDoesNotExist(absl::StrCat(Called(*volume), " is not attached to client ", client));
  }
  for (auto& [client, rights] : move.attach) {
    const absl::StatusOr<Rights> possible = RightsFor(*volume, rights);
    if (!possible.ok()) return possible.status();
    const AttachmentRecord* known = attachments_.Find({volume->id(), client});
    const bool other = known != nullptr && !known->attachment().detaching() &&
                       known->attachment().rights() != *possible;
    SP_RETURN_IF_ERROR(other ? CheckWriter(*volume, *possible)
                             : CheckAttach(*volume, client, *possible));
    if (other) move.change[client] = *possible;
  }
  std::erase_if(move.attach, [&](const auto& wanted) {
    return attachments_.contains({volume->id(), wanted.first});  // it is so already
  });
  return move;
}

absl::Status State::Do(const Reassign& c, Outcome& out) {
  std::vector<Move> moves;
  std::map<uint32_t, int64_t> more;  // by client
  for (const ReassignRequest::One& entry : c.entries()) {
    absl::StatusOr<Move> move = PlanMove(entry);
    if (!move.ok()) return move.status();
    for (const Move& other : moves) {
      if (other.volume == move->volume) {
        return InvalidParam(absl::StrCat(entry.volume(), " has two entries; put them in one"));
      }
    }
    for (const auto& [client, rights] : move->attach) {
      const auto used = std::distance(by_client_.lower_bound({client, 0}),
                                      by_client_.lower_bound({client + 1, 0}));
      if (used + ++more[client] > static_cast<int64_t>(kAttachmentsPerClientMax)) {
        return InvalidParam(absl::StrCat("client ", client, " would have more than ",
                                         kAttachmentsPerClientMax, " attachments"));
      }
    }
    moves.push_back(*std::move(move));
  }
  bool changed = false;
  for (const Move& move : moves) {
    for (uint32_t client : move.detach) {
      BeginDetach(attachments_.Find({move.volume, client})->attachment(), move.force,
                  RIGHTS_UNSPECIFIED, out);
    }
    for (const auto& [client, rights] : move.change) {
      BeginDetach(attachments_.Find({move.volume, client})->attachment(), move.force, rights, out);
    }
    const bool waits = IsBeingDetached(move.volume);
    for (const auto& [client, rights] : move.attach) {
      AddAttachment(*volumes_.Find(move.volume), client, rights, waits, out);
    }
    changed = changed || !move.detach.empty() || !move.attach.empty() || !move.change.empty();
  }
  if (changed) BumpGeneration(out);
  return absl::OkStatus();
}

bool State::IsBeingDetached(uint64_t volume) const {
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.attachment().detaching()) return true;
  }
  return false;
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
  const bool refused = a.detaching() && !c.error().empty();
  if (refused) {
    a.set_detaching(false);
    record.set_detach_error(c.error());
    record.clear_next_rights();
  }
  a.set_device(c.attached() ? c.device() : "");
  PutAttachment(record);
  Touch(SectionOf(c.client()), out);
  if (refused) ForgetWaiting(c.volume(), out);  // the whole move is off
  return absl::OkStatus();
}

void State::ForgetWaiting(uint64_t volume, Outcome& out) {
  std::vector<uint32_t> clients;
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.waits()) clients.push_back(static_cast<uint32_t>(it->first.second));
  }
  for (uint32_t client : clients) RemoveAttachment(volume, client, out);
}

void State::GrantWaiting(uint64_t volume, Outcome& out) {
  if (IsBeingDetached(volume)) return;
  std::vector<AttachmentRecord> waiting;
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.waits()) waiting.push_back(it->second);
  }
  for (AttachmentRecord& record : waiting) {
    Attachment& a = *record.mutable_attachment();
    record.set_waits(false);
    Grant(record);
    if (!cluster_.restoring()) SetFloors(a);
    PutAttachment(record);
    if (cluster_.restoring()) StartFence(a, FenceRecord::GRANT, out);
    Touch(SectionOf(a.client()), out);
  }
}

absl::Status State::Do(const RenewSession& c, Outcome& out) {
  const AttachmentRecord* known = attachments_.Find({c.volume(), c.client()});
  if (known == nullptr || known->attachment().generation() != c.generation()) {
    return absl::OkStatus();
  }
  if (!known->attachment().granted() || known->attachment().detaching()) return absl::OkStatus();
  StartFence(known->attachment(), FenceRecord::RENEW, out);
  return absl::OkStatus();
}

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
  Touch(SectionOf(attachment.client()), out);
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
  Grant(record);
  *record.mutable_attachment()->mutable_floors() = fence.floors();
  PutAttachment(record);
  Touch(SectionOf(client), out);
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

void State::PutAttachment(const AttachmentRecord& record) {
  const Attachment& a = record.attachment();
  attachments_.Put({a.volume(), a.client()}, record);
  by_client_.insert({a.client(), a.volume()});
  FindBehind(a.volume());
}

// Sessions that may still write a layer that is not the newest.
void State::FindBehind(uint64_t volume) {
  behind_.erase(behind_.lower_bound({volume, 0}), behind_.lower_bound({volume + 1, 0}));
  const Volume* known = volumes_.Find(volume);
  if (known == nullptr || known->snapshot()) return;
  const uint32_t newest = NewestLayer(known->lineage());
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    const uint32_t layer = it->second.attachment().layer();
    if (layer != 0 && layer < newest) behind_.insert(it->first);
  }
}

void State::RemoveAttachment(uint64_t volume, uint32_t client, Outcome& out) {
  const uint32_t layer = attachments_.Find({volume, client})->attachment().layer();
  attachments_.Erase({volume, client});
  by_client_.erase({client, volume});
  FindBehind(volume);
  Touch(SectionOf(client), out);
  if (layer != 0) Collect(volumes_.Find(volume)->lineage(), layer, Why::kOther, out);
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
