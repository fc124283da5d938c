#include "lib/sim/snapshot_load.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::sim {
namespace {

constexpr Duration kRetry = Duration::Millis(200);
// Longer than metadata tries to make one, with room for a change of leader.
constexpr Duration kPatience = Duration::Seconds(20);
constexpr size_t kKeptMax = 5;

size_t Written(const WriteLog::Picture& picture) {
  return static_cast<size_t>(
      std::ranges::count_if(picture, [](const auto& sector) { return sector.second != 0; }));
}

}  // namespace

SnapshotLoad::SnapshotLoad(Site& site, SimMetadata& metadata, std::vector<Source> sources,
                           ClientId client, EventOrder& clock)
    : site_(site),
      metadata_(metadata),
      sources_(std::move(sources)),
      client_(client),
      clock_(clock),
      random_(site.world.random().Fork()) {}

void SnapshotLoad::Fail(const absl::Status& status) {
  if (verdict_.ok()) verdict_ = status;
}

bool SnapshotLoad::IsThere(const One& one) const {
  return metadata_.leader().state().FindVolume(one.name, true).ok();
}

std::optional<SnapshotLoad::Known> SnapshotLoad::PickKnown(Random& random) const {
  std::vector<const One*> known;
  for (const Taken& taken : taken_) {
    if (!taken.is_there || taken.remove) continue;
    for (size_t i = taken.removed; i < taken.ones.size(); ++i) {
      if (taken.ones[i].known) known.push_back(&taken.ones[i]);
    }
  }
  if (known.empty()) return std::nullopt;
  const One& one = *known[random.Below(known.size())];
  return Known{one.name, one.picture};
}

bool SnapshotLoad::SomeMemberIsAway() const {
  for (const auto& [raw, record] : metadata_.leader().state().chains()) {
    const ChainConfig& named = record.config().named();
    if (!named.opened()) return true;
    for (const ChainMember& m : named.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) return true;
    }
  }
  return false;
}

void SnapshotLoad::Run(bool run) {
  running_ = run;
  next_ = site_.world.now() + kRetry;
}

void SnapshotLoad::Ask() {
  Taken& taken = taken_.emplace_back();
  const uint64_t number = ++number_;
  SnapshotCreateRequest request;
  request.set_group(sources_.size() > 1);
  for (size_t i = 0; i < sources_.size(); ++i) {
    One& one = taken.ones.emplace_back();
    one.name = absl::StrCat(sources_[i].volume, ".", number);
    one.source = i;
    request.add_volumes()->set_volume(sources_[i].volume);
    request.mutable_volumes(static_cast<int>(i))->set_name(one.name);
  }
  ++counts_.asked;
  site_.log.Add("snapshots", absl::StrCat("asks for ", taken.ones[0].name));
  taken.asked = ++clock_;
  taken.create = AskApi(metadata_, clock_, request);
}

void SnapshotLoad::FollowCreate(Taken& taken) {
  const ApiAnswer& answer = *taken.create;
  if (answer.IsLost(metadata_) && taken.patience == Instant()) {
    ++counts_.unknown;
    taken.patience = site_.world.now() + kPatience;
  }
  if (!metadata_.ready() || (!answer.came && taken.patience == Instant())) return;
  const auto there = static_cast<size_t>(
      std::ranges::count_if(taken.ones, [this](const One& one) { return IsThere(one); }));
  const std::string name = taken.ones[0].name;
  if (there != 0 && there != taken.ones.size()) {
    return Fail(absl::InternalError(
        absl::StrCat("9.3: of the group of ", name, " only ", there, " snapshots are there")));
  }
  if (there != 0 && answer.came && !answer.status.ok()) {
    return Fail(absl::InternalError(absl::StrCat("9.3: snapshot ", name, " was refused (",
                                                 answer.status.ToString(), "), and is there")));
  }
  if (there == 0) {
    // It may have been answered by a life whose end came before this look.
    const bool certain = answer.came ? !answer.status.ok() : site_.world.now() >= taken.patience;
    if (!certain) return;
    if (answer.came) ++counts_.refused;
    site_.log.Add("snapshots", absl::StrCat("no ", name, ": ", answer.status.ToString()));
    taken.create = nullptr;
    return;
  }
  ++counts_.made;
  taken.there = answer.came ? answer.at : ++clock_;
  taken.is_there = true;
  taken.create = nullptr;
  site_.log.Add("snapshots", absl::StrCat(name, " is there"));
  for (size_t i = 0; i < taken.ones.size(); ++i) to_check_.emplace_back(&taken, i);
}

// ---- Deleting -----------------------------------------------------------------------------------

void SnapshotLoad::Remove() {
  std::vector<Taken*> kept;
  for (Taken& taken : taken_) {
    const bool waits = std::ranges::any_of(
        to_check_, [&](const auto& waiting) { return waiting.first == &taken; });
    if (taken.is_there && !taken.remove && check_.taken != &taken && !waits) kept.push_back(&taken);
  }
  if (kept.empty()) return;
  Taken& taken = *kept[random_.Below(kept.size())];
  if (SomeMemberIsAway()) ++counts_.deleted_in_resync;
  VolumeDeleteRequest request;
  request.set_name(taken.ones[taken.removed].name);
  request.set_snapshot(true);
  site_.log.Add("snapshots", absl::StrCat("deletes ", request.name()));
  taken.remove = AskApi(metadata_, clock_, request);
}

void SnapshotLoad::FollowRemove(Taken& taken) {
  const ApiAnswer& answer = *taken.remove;
  if (answer.IsLost(metadata_) && taken.patience < site_.world.now() - kPatience) {
    taken.patience = site_.world.now() + kRetry;
  }
  if (!metadata_.ready() || (answer.IsLost(metadata_) && site_.world.now() < taken.patience))
    return;
  if (!answer.came && !answer.IsLost(metadata_)) return;
  One& one = taken.ones[taken.removed];
  const bool gone = !IsThere(one);
  if (gone != answer.status.ok() && answer.came) {
    Fail(absl::InternalError(absl::StrCat("snapshot ", one.name, " was deleted with ",
                                          answer.status.ToString(), ", and is ",
                                          gone ? "gone" : "there")));
  }
  taken.remove = nullptr;
  if (!gone) return;
  one.picture.clear();
  if (++taken.removed < taken.ones.size()) return;
  ++counts_.deleted;
  taken.is_there = false;
}

// ---- Reading ------------------------------------------------------------------------------------

void SnapshotLoad::CheckAll() {
  for (Taken& taken : taken_) {
    for (size_t i = taken.removed; taken.is_there && i < taken.ones.size(); ++i) {
      to_check_.emplace_back(&taken, i);
    }
  }
}

void SnapshotLoad::NextCheck() {
  const auto [taken, index] = to_check_.front();
  to_check_.pop_front();
  if (!taken->is_there || taken->remove || index < taken->removed) return;
  check_ = {};
  check_.taken = taken;
  check_.one = index;
  const One& one = taken->ones[index];
  reader_.Begin(one.name, sources_[one.source].load->areas());
}

void SnapshotLoad::FollowCheck() {
  One& one = check_.taken->ones[check_.one];
  const Instant now = site_.world.now();
  if (!check_.read && reader_.done()) {
    check_.read = true;
    const absl::Status& status = reader_.status();
    if (status.ok()) {
      Compare(*check_.taken, one);
    } else if (!site_.rot || !absl::IsDataLoss(status)) {
      Fail(absl::Status(status.code(),
                        absl::StrCat("snapshot ", one.name, ": ", std::string(status.message()))));
    }
  }
  if (!metadata_.ready() || now < check_.retry) return;
  std::shared_ptr<ApiAnswer>& answer = check_.read ? check_.detach : check_.attach;
  const bool under_way =
      answer && !answer->IsLost(metadata_) && (!answer->came || answer->status.ok());
  if (!check_.read) {
    if (under_way) return;
    AttachRequest attach;
    attach.set_volume(one.name);
    attach.set_client(client_.value());
    attach.set_rights(READ_ONLY);
    attach.set_no_wait(true);
    check_.retry = now + kRetry;
    answer = AskApi(metadata_, clock_, attach);
    return;
  }
  const absl::StatusOr<Volume> volume = metadata_.leader().state().FindVolume(one.name, true);
  const auto& attachments = metadata_.leader().state().attachments();
  const bool attached = volume.ok() && attachments.contains({volume->id(), client_.value()});
  if (!attached && !reader_.attached()) {
    reader_.End();
    check_ = {};
  } else if (attached && !under_way) {
    DetachRequest detach;
    detach.set_volume(one.name);
    detach.set_client(client_.value());
    check_.retry = now + kRetry;
    answer = AskApi(metadata_, clock_, detach);
  }
}

void SnapshotLoad::Compare(Taken& taken, One& one) {
  ++counts_.checked;
  const WriteLog::Picture& picture = reader_.picture();
  if (!one.known) {
    counts_.written += Written(picture);
    one.picture = picture;
    one.known = true;
  } else {
    ++counts_.repeated;
    const auto [now, before] = std::ranges::mismatch(picture, one.picture);
    if (now != picture.end()) {
      Fail(absl::DataLossError(absl::StrCat("9.3: snapshot ", one.name, " has changed: sector ",
                                            now->first, " holds stamp ", now->second, ", and held ",
                                            before == one.picture.end() ? 0 : before->second)));
    }
  }
  Moments moments{.after = taken.asked, .before = taken.there};
  for (size_t i = taken.removed; i < taken.ones.size(); ++i) {
    const One& other = taken.ones[i];
    if (!other.known) continue;
    const absl::Status status = sources_[other.source].load->log().Narrow(other.picture, moments);
    if (status.ok()) continue;
    return Fail(absl::DataLossError(
        absl::StrCat("9.3: snapshot ", other.name, ": ", std::string(status.message()))));
  }
}

// ---- Turns --------------------------------------------------------------------------------------

void SnapshotLoad::Act() {
  for (Taken& taken : taken_) {
    if (taken.create) FollowCreate(taken);
    if (taken.remove) FollowRemove(taken);
  }
  if (check_.taken == nullptr && !to_check_.empty()) NextCheck();
  if (check_.taken != nullptr) FollowCheck();
  if (!running_ || !metadata_.ready() || site_.world.now() < next_) return;
  next_ = site_.world.now() + Duration::Millis(static_cast<int64_t>(200 + random_.Below(2500)));
  const auto kept = static_cast<size_t>(
      std::ranges::count_if(taken_, [](const Taken& taken) { return taken.is_there; }));
  const uint64_t dice = random_.Below(10);
  if (kept >= kKeptMax || dice < 4) return Remove();
  if (dice < 6) return CheckAll();
  if (answered()) Ask();
}

bool SnapshotLoad::answered() const { return taken_.empty() || !taken_.back().create; }

bool SnapshotLoad::idle() const {
  return check_.taken == nullptr && to_check_.empty() &&
         std::ranges::none_of(taken_, [](const Taken& t) { return t.create || t.remove; });
}

std::string SnapshotLoad::Describe() const {
  std::string text;
  for (const Taken& taken : taken_) {
    if (taken.create) absl::StrAppend(&text, "  making ", taken.ones[0].name, "\n");
    if (taken.remove) absl::StrAppend(&text, "  deleting ", taken.ones[taken.removed].name, "\n");
  }
  if (check_.taken != nullptr) {
    absl::StrAppend(&text, check_.read ? "  detaching " : "  reading ",
                    check_.taken->ones[check_.one].name, "\n");
  }
  return text;
}

}  // namespace storpool::sim
