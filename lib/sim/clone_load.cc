#include "lib/sim/clone_load.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::sim {
namespace {

constexpr Duration kRetry = Duration::Millis(200);
constexpr int kUntilDone = 1 << 30;  // tries of what must end
constexpr int kTries = 25;           // of what may be refused for good
constexpr int kReadings = 5;         // a reading may be cut short by the end of its session

Duration Between(Random& random, int64_t low_ms, int64_t high_ms) {
  return Duration::Millis(
      low_ms + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high_ms - low_ms))));
}

}  // namespace

CloneLoad::CloneLoad(Site& site, SimMetadata& metadata, SnapshotLoad& snapshots, ClientId client,
                     const WorkloadOptions& options, std::vector<std::string> templates,
                     EventOrder& clock)
    : site_(site),
      metadata_(metadata),
      snapshots_(snapshots),
      client_(client),
      options_(options),
      templates_(std::move(templates)),
      clock_(clock),
      random_(site.world.random().Fork()) {}

ClientUser* CloneLoad::UserOf(const std::string& volume) {
  return volume == name_ ? load_.get() : nullptr;
}

absl::Status CloneLoad::verdict() const {
  if (!verdict_.ok() || load_ == nullptr || load_->verdict().ok()) return verdict_;
  const absl::Status& status = load_->verdict();
  return absl::Status(status.code(),
                      absl::StrCat("clone ", name_, ": ", std::string(status.message())));
}

void CloneLoad::Fail(const absl::Status& status) {
  if (verdict_.ok()) verdict_ = status;
}

const Volume* CloneLoad::FindClone() const {
  const metadata::State& state = metadata_.leader().state();
  const absl::StatusOr<Volume> volume = state.FindVolume(name_, false);
  return volume.ok() ? state.FindVolume(volume->id()) : nullptr;
}

bool CloneLoad::IsAttached() const {
  const Volume* volume = FindClone();
  return volume != nullptr &&
         metadata_.leader().state().attachments().contains({volume->id(), client_.value()});
}

// ---- Commands -----------------------------------------------------------------------------------

template <class Request>
void CloneLoad::Begin(Step step, const Request& request, std::function<bool()> reached, Step then,
                      Step if_refused, int tries) {
  step_ = step;
  order_ = {};
  order_.ask = [this, request] { return AskApi(metadata_, clock_, request); };
  order_.reached = std::move(reached);
  order_.then = then;
  order_.if_refused = if_refused;
  order_.tries = tries;
}

void CloneLoad::FollowOrder() {
  if (!metadata_.ready()) return;
  Order& o = order_;
  const bool refused = o.answer && o.answer->came && !o.answer->status.ok();
  if (o.reached()) {
    // A detach that is refused may still come: its client went away meanwhile.
    if (refused && step_ != Step::kDetach && step_ != Step::kAttach) {
      Fail(absl::InternalError(absl::StrCat("clone ", name_, ": step ", static_cast<int>(step_),
                                            " was refused (", o.answer->status.ToString(),
                                            "), and is done")));
    }
    return Enter(o.then);
  }
  if (o.answer && !o.answer->IsLost(metadata_) && !refused) {
    if (o.answer->came && step_ != Step::kAttach && step_ != Step::kDetach) {
      Fail(absl::InternalError(absl::StrCat("clone ", name_, ": step ", static_cast<int>(step_),
                                            " was answered well, and is not done")));
    }
    return;
  }
  if (refused) {
    ++counts_.refused;
    // Snapshots come and go: what is gone does not come back.
    if (--o.tries <= 0 || absl::IsNotFound(o.answer->status)) {
      site_.log.Add("clones", absl::StrCat(name_, ": ", o.answer->status.ToString()));
      return Enter(o.if_refused);
    }
    o.answer = nullptr;
    o.next = site_.world.now() + kRetry;
  }
  if (site_.world.now() < o.next) return;
  o.next = site_.world.now() + kRetry;
  o.answer = o.ask();
}

void CloneLoad::Create() {
  std::optional<Known> origin =
      frozen_ ? std::exchange(frozen_, std::nullopt) : snapshots_.PickKnown(random_);
  if (!origin) return;
  origin_ = *std::move(origin);
  if (load_) Fail(verdict());
  load_.reset();
  name_ = absl::StrCat("c.", ++number_);
  rounds_ = 1 + static_cast<int>(random_.Below(4));
  NewWorkload(origin_.picture);
  VolumeCreateRequest request;
  request.set_name(name_);
  request.set_parent(origin_.name);
  if (random_.OneIn(1, 3)) request.set_template_name(templates_[random_.Below(templates_.size())]);
  site_.log.Add("clones", absl::StrCat("makes ", name_, " of ", origin_.name));
  const auto reached = [this] {
    const bool there = FindClone() != nullptr;
    counts_.made += there;
    return there;
  };
  Begin(Step::kCreate, request, reached, Step::kAttach, Step::kNone, kTries);
}

void CloneLoad::Attach() {
  AttachRequest request;
  request.set_volume(name_);
  request.set_client(client_.value());
  request.set_rights(READ_WRITE);
  request.set_no_wait(true);
  const auto reached = [this] { return load_->attached(); };
  Begin(Step::kAttach, request, reached, Step::kWork, Step::kNone, kUntilDone);
}

void CloneLoad::Detach() {
  DetachRequest request;
  request.set_volume(name_);
  request.set_client(client_.value());
  const auto reached = [this] { return !IsAttached() && !load_->attached(); };
  Begin(Step::kDetach, request, reached, Step::kChange, Step::kNone, kUntilDone);
}

void CloneLoad::Snapshot() {
  Known& one = own_.emplace_back();
  one.name = absl::StrCat(name_, ".", ++fork_);
  one.picture = load_->whole();
  SnapshotCreateRequest request;
  request.add_volumes()->set_volume(name_);
  request.mutable_volumes(0)->set_name(one.name);
  const auto reached = [this] {
    const bool there = metadata_.leader().state().FindVolume(own_.back().name, true).ok();
    if (there) ++counts_.snapshots;
    return there;
  };
  Begin(Step::kSnapshot, request, reached, Step::kDetach, Step::kDetach, kTries);
}

// To what it came from, or to one of its own; either may be gone, and then it says so.
void CloneLoad::Revert() {
  const uint64_t dice = random_.Below(own_.size() + 1);
  const Known& to = dice == own_.size() ? origin_ : own_[dice];
  reverted_to_ = to.picture;
  VolumeRevertRequest request;
  request.set_name(name_);
  request.set_to_snapshot(to.name);
  const metadata::State& state = metadata_.leader().state();
  const uint64_t lineage = FindClone()->lineage();
  const uint32_t newest = state.NewestLayer(lineage);
  site_.log.Add("clones", absl::StrCat("reverts ", name_, " to ", to.name));
  const auto reached = [this, lineage, newest] {
    const Volume* volume = FindClone();
    const bool done =
        volume->lineage() != lineage || metadata_.leader().state().NewestLayer(lineage) != newest;
    if (!done) return false;
    ++counts_.reverted;
    NewWorkload(reverted_to_);
    return true;
  };
  Begin(Step::kChange, request, reached, Step::kAttach, Step::kAttach, kTries);
}

void CloneLoad::Move() {
  const size_t now = static_cast<size_t>(
      std::ranges::find(templates_, FindClone()->template_name()) - templates_.begin());
  const size_t others = 1 + random_.Below(templates_.size() - 1);
  const std::string to = templates_[(now + others) % templates_.size()];
  VolumeUpdateRequest request;
  request.set_name(name_);
  request.set_template_name(to);
  const uint64_t lineage = FindClone()->lineage();
  site_.log.Add("clones", absl::StrCat("moves ", name_, " to template ", to));
  const auto reached = [this, to, lineage] {
    const Volume* volume = FindClone();
    if (volume->template_name() != to) return false;
    counts_.moved += volume->lineage() != lineage;
    return true;
  };
  Begin(Step::kChange, request, reached, Step::kAttach, Step::kAttach, kTries);
}

// The snapshots of its own, one after the other.
void CloneLoad::Forget() {
  if (own_.empty()) return FindClone() != nullptr ? Delete() : Enter(Step::kNone);
  VolumeDeleteRequest request;
  request.set_name(own_.back().name);
  request.set_snapshot(true);
  const auto reached = [this] {
    if (metadata_.leader().state().FindVolume(own_.back().name, true).ok()) return false;
    own_.pop_back();
    return true;
  };
  Begin(Step::kForget, request, reached, Step::kForget, Step::kForget, kUntilDone);
}

void CloneLoad::Delete() {
  VolumeDeleteRequest request;
  request.set_name(name_);
  const auto reached = [this] {
    const bool gone = FindClone() == nullptr;
    counts_.deleted += gone;
    return gone;
  };
  Begin(Step::kDelete, request, reached, Step::kForget, Step::kForget, kUntilDone);
}

// It is one of the snapshots of the next clone, which is made of it.
void CloneLoad::Freeze() {
  VolumeFreezeRequest request;
  request.set_name(name_);
  site_.log.Add("clones", absl::StrCat("freezes ", name_));
  const auto reached = [this] {
    if (!metadata_.leader().state().FindVolume(name_, true).ok()) return false;
    ++counts_.frozen;
    own_.push_back({name_, load_->whole()});
    frozen_ = own_.back();
    return true;
  };
  Begin(Step::kFreeze, request, reached, Step::kNone, Step::kForget, kTries);
}

// Its fill runs beside the load, and beside whatever comes next.
void CloneLoad::Promote() {
  VolumeRebaseRequest request;
  request.set_name(name_);
  ++counts_.promoted;
  site_.log.Add("clones", absl::StrCat("promotes ", name_));
  AskApi(metadata_, clock_, request);
}

// What it holds now is known: nobody has it attached.
void CloneLoad::NewWorkload(const WriteLog::Picture& picture) {
  if (load_) Fail(verdict());
  load_ = std::make_unique<Workload>(site_.world, options_, clock_);
  load_->BeginWith(picture, ++fork_ << 32);
}

// ---- Turns --------------------------------------------------------------------------------------

void CloneLoad::Enter(Step step) {
  step_ = step;
  switch (step) {
    case Step::kNone:
      next_ = site_.world.now() + Between(random_, 50, 2000);
      return;
    case Step::kAttach:
      return Attach();
    case Step::kWork:
      work_until_ = site_.world.now() + Between(random_, 300, 4000);
      load_->Run(true);
      if (random_.OneIn(1, 3)) Promote();
      return;
    case Step::kDetach:
      return Detach();
    case Step::kChange:
      return Next();
    case Step::kForget:
      return Forget();
    default:
      return;
  }
}

// Nobody has it.
void CloneLoad::Next() {
  const uint64_t dice = random_.Below(10);
  if (--rounds_ <= 0) {
    if (dice < 4 && load_->has_whole()) return Freeze();
    return dice < 7 ? Forget() : Delete();
  }
  if (dice < 5) return Revert();
  if (dice < 8) return Move();
  Enter(Step::kAttach);
}

void CloneLoad::Act() {
  const bool still = load_ != nullptr && load_->attached() && load_->idle();
  switch (step_) {
    case Step::kNone:
      if (running_ && metadata_.ready() && site_.world.now() >= next_) Create();
      return;
    case Step::kWork:
      if (running_ && site_.world.now() < work_until_) return;
      load_->Run(false);
      step_ = Step::kDrain;
      return;
    case Step::kDrain:
      if (!still) return;
      readings_ = 0;
      step_ = Step::kRead;
      return load_->ReadEverything();
    case Step::kRead: {
      if (!still) return;
      const bool whole = load_->has_whole();
      counts_.read_whole += whole;
      if (!whole && ++readings_ < kReadings) return load_->ReadEverything();
      if (!running_) return Enter(Step::kRest);
      return whole && random_.OneIn(1, 2) ? Snapshot() : Detach();
    }
    case Step::kRest:
      if (running_) Detach();
      return;
    default:
      return FollowOrder();
  }
}

std::string CloneLoad::Describe() const {
  return absl::StrCat("  clone ", name_, " step ", static_cast<int>(step_), ", ", rounds_,
                      " rounds left\n", load_ ? load_->Describe() : "");
}

}  // namespace storpool::sim
