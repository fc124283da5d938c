// Attachments and their sessions (design 5.8). The fences between two sessions: apply_fences.cc.
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {

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
  volume.set_next_generation(volume.next_generation() + 1);
  PutVolume(volume);
  if (waits) {
    PutAttachment(record);
  } else {
    BeginSession(record, out);
  }
  TouchAttachments(client, out);
}

// No session of this client on this volume is left: the last detach has fenced it. After a restore
// there may be one, unknown here; then the raise comes first (R22).
void State::BeginSession(AttachmentRecord record, Outcome& out) {
  Attachment& a = *record.mutable_attachment();
  record.clear_waits();
  record.clear_former_rights();
  GrantOrHoldBack(record);
  if (!cluster_.restoring()) SetFloors(a);
  PutAttachment(record);
  if (cluster_.restoring()) StartFence(a, FenceRecord::GRANT, out);
}

uint32_t State::LayerFor(const Volume& volume, Rights rights) const {
  if (volume.snapshot()) return volume.layer();
  return rights == READ_WRITE ? NewestLayer(volume.lineage()) : 0;
}

// From now on, in the newest layer. While a snapshot of a group is being made a writer waits for
// its end: in the new layer of its volume it would be ahead of those that still write the old
// layers of theirs (9.3).
void State::GrantOrHoldBack(AttachmentRecord& record) const {
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
    GrantOrHoldBack(record);
    PutAttachment(record);
    TouchAttachments(record.attachment().client(), out);
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
  if (record.waits()) {  // it has no session
    RemoveAttachment(a.volume(), a.client(), out);
    if (next == RIGHTS_UNSPECIFIED) return;
    const bool waits = next == READ_WRITE && IsBeingDetached(a.volume());
    return AddAttachment(*volumes_.Find(a.volume()), a.client(), next, waits, out);
  }
  record.clear_detach_error();  // of an earlier try
  record.set_next_rights(next);
  if (!force) record.mutable_attachment()->set_detaching(true);
  PutAttachment(record);
  if (force) return StartFence(a, FenceRecord::FORCE_DETACH, out);
  TouchAttachments(a.client(), out);
}

// After the fence of a session with other rights. A reader is in nobody's way; a writer waits for
// those that are to let go, and reads on if one of them does not.
void State::AttachNext(uint64_t volume, uint32_t client, Rights next, Outcome& out) {
  if (next == RIGHTS_UNSPECIFIED) return;
  const bool waits = next == READ_WRITE && IsBeingDetached(volume);
  AddAttachment(*volumes_.Find(volume), client, next, waits, out);
  if (!waits) return;
  AttachmentRecord record = *attachments_.Find({volume, client});
  record.set_former_rights(READ_ONLY);
  PutAttachment(record);
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
  TouchAttachments(c.client(), out);
  if (refused) ForgetWaiting(c.volume(), out);  // the whole move is off
  return absl::OkStatus();
}

// Whoever has let go of the volume, or still does, in order to write it reads it again; one that
// had nothing gets nothing.
void State::ForgetWaiting(uint64_t volume, Outcome& out) {
  std::vector<AttachmentRecord> chosen;
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.waits() || it->second.next_rights() == READ_WRITE) chosen.push_back(it->second);
  }
  for (AttachmentRecord& record : chosen) {
    const Attachment& a = record.attachment();
    if (!record.waits()) {
      record.set_next_rights(a.rights());
      PutAttachment(record);
      continue;
    }
    RemoveAttachment(volume, a.client(), out);
    if (record.former_rights() == RIGHTS_UNSPECIFIED) continue;  // it had nothing
    AddAttachment(*volumes_.Find(volume), a.client(), record.former_rights(), false, out);
  }
}

void State::GrantWaiting(uint64_t volume, Outcome& out) {
  if (IsBeingDetached(volume)) return;
  std::vector<AttachmentRecord> waiting;
  auto it = attachments_.all().lower_bound({volume, 0});
  for (; it != attachments_.all().end() && it->first.first == volume; ++it) {
    if (it->second.waits()) waiting.push_back(it->second);
  }
  for (const AttachmentRecord& record : waiting) {
    BeginSession(record, out);
    TouchAttachments(record.attachment().client(), out);
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
  TouchAttachments(client, out);
  if (layer != 0) Collect(volumes_.Find(volume)->lineage(), layer, Why::kOther, out);
}

}  // namespace storpool::metadata
