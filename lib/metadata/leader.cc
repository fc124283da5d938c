#include "lib/metadata/leader.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

constexpr char kComponent[] = "metadata";
constexpr uint64_t kTrimEvery = 1024;  // log entries between two durable states

// What cannot be read again must never be in the log. A text that is no UTF-8 is written by
// protobuf, and refused when it is read.
absl::Status CheckReadable(const std::string& command) {
  Command again;
  if (again.ParseFromString(command)) return absl::OkStatus();
  return InvalidParam("a name or another text of the request is not UTF-8");
}

}  // namespace

Leader::Leader(env::Reactor& reactor, env::KeyValueStore& store, env::ReplicatedLog& log,
               env::LogSink& sink, Options options)
    : reactor_(reactor),
      log_(log),
      sink_(sink),
      options_(options),
      state_(store),
      detection_(options.ejection),
      naming_({options.name_retry, options.name_retry_max, options.settle}),
      next_proposal_(options.term << 32 | 1),
      tick_(reactor, [this] { Tick(); }) {}

Leader::~Leader() { *alive_ = false; }

absl::Status Leader::Start() {
  SP_RETURN_IF_ERROR(state_.Load());
  const Instant now = reactor_.Now();
  live_.started_seconds_ = reactor_.clock().WallSeconds();
  detection_.Start(now);
  expire_from_ = now + kExpiryPause;
  log_.Subscribe(state_.applied() + 1, [this, alive = alive_](const auto& entry) {
    if (*alive) OnLogEntry(entry);
  });
  for (const auto& [id, fence] : state_.fences()) fence_progress_.OnStarted(id, now);
  tick_.StartIn(options_.tick);
  return absl::OkStatus();
}

void Leader::OnLogEntry(const env::ReplicatedLog::LogEntry& entry) {
  if (entry.index <= state_.applied()) return;
  Command command;
  SP_CHECK(command.ParseFromString(entry.command));  // the log is ours and durable
  const Outcome outcome = state_.Apply(entry.index, command);
  SP_CHECK(!absl::IsDataLoss(outcome.status));  // the log has it; the next start applies it again
  if (mine_.erase(command.proposal()) != 0) {
    if (outcome.status.ok()) {
      results_.insert_or_assign(command.proposal(), outcome.result);
    } else {
      results_.insert_or_assign(command.proposal(), outcome.status);
    }
  }
  TellOf(outcome);
  if (entry.index % kTrimEvery == 0 && state_.Sync().ok()) {
    if (const absl::Status s = log_.Trim(entry.index); !s.ok()) {
      sink_.Log(env::LogLevel::kWarning, kComponent, s.ToString());
    }
  }
  Changed();
}

void Leader::TellOf(const Outcome& outcome) {
  const Events& events = outcome.events;
  const Instant now = reactor_.Now();
  for (uint32_t chain : events.named) {
    naming_.OnNamed(chain, now);
    ready_.erase(chain);
  }
  for (uint32_t chain : events.opened) {
    naming_.OnOpened(chain);
    horizons_sent_.erase(chain);  // it counts for one epoch only (5.6)
    ForgetBasesOfOthers(chain);
    bases_changed_ = true;
  }
  lines_changed_.insert(events.lines.begin(), events.lines.end());
  all_lines_changed_ = all_lines_changed_ || !events.named.empty();
  for (uint64_t id : events.operations_over) {
    if (const auto it = holds_.find(id); it != holds_.end()) {
      SendOver(id, it->second);
      holds_.erase(it);
    }
  }
  if (!events.named.empty()) SendNames(events.named);
  if (!events.opened.empty()) SendOpened(events.opened);
  for (uint64_t id : events.fences) {
    fence_progress_.OnStarted(id, now);
    if (const auto fence = state_.fences().find(id); fence != state_.fences().end()) {
      SendRaise(fence->second);
    }
  }
  for (const FenceRecord& fence : events.fences_done) SendEndedSession(fence);
  if (!events.disks_with_drops.empty()) SendDrops(events.disks_with_drops);
  news_.insert(events.sections.begin(), events.sections.end());
}

absl::Status Leader::CheckDown(const ForgetService& forget) const {
  const bool up =
      forget.has_client() ? live_.client(forget.client()).up : live_.node(forget.node()).up;
  if (!up) return absl::OkStatus();
  return Busy(absl::StrCat(forget.has_client() ? "client " : "node ",
                           forget.has_client() ? forget.client() : forget.node(),
                           " is up; stop it first"));
}

absl::Status Leader::CheckLive(const Command& command) const {
  if (command.has_forget_service()) return CheckDown(command.forget_service());
  if (command.what_case() == Command::kDetach) {
    const Detach& detach = command.detach();
    const auto leaves = [&](const Attachment& a) {
      return detach.all() || a.client() == detach.client();
    };
    return detach.force() ? absl::OkStatus() : CheckCanLeave(detach.volume(), leaves);
  }
  for (const ReassignRequest::One& entry : command.reassign().entries()) {
    if (entry.force()) continue;
    const auto leaves = [&](const Attachment& a) {
      const auto has = [&](const auto& list) {
        return std::find(list.begin(), list.end(), a.client()) != list.end();
      };
      const bool rw = has(entry.rw()), ro = has(entry.ro());
      if (has(entry.detach()) || (entry.detach_all() && !rw && !ro)) return true;
      // It closes the volume also to get it with other rights.
      return (rw && a.rights() != READ_WRITE) || (ro && a.rights() != READ_ONLY);
    };
    SP_RETURN_IF_ERROR(CheckCanLeave(entry.volume(), leaves));
  }
  return absl::OkStatus();
}

absl::Status Leader::CheckCanLeave(const std::string& name,
                                   const std::function<bool(const Attachment&)>& leaves) const {
  const absl::StatusOr<Volume> volume = state_.FindVolume(name);
  if (!volume.ok()) return volume.status();
  auto it = state_.attachments().lower_bound({volume->id(), 0});
  for (; it != state_.attachments().end() && it->first.first == volume->id(); ++it) {
    const auto& [key, a] = *it;
    if (a.waits() || !leaves(a.attachment())) continue;
    if (live_.client(static_cast<uint32_t>(key.second)).up) continue;
    return Busy(absl::StrCat("client ", key.second, " is down, so it cannot let go of ",
                             Called(*volume), "; 'force yes' detaches it all the same"));
  }
  return absl::OkStatus();
}

void Leader::Propose(Command command, Done done) {
  const uint64_t proposal = next_proposal_++;
  command.set_proposal(proposal);
  std::vector<std::string> commands = {command.SerializeAsString()};
  absl::Status possible = CheckReadable(commands.front());
  if (possible.ok()) possible = CheckLive(command);
  if (!possible.ok()) {
    reactor_.Post([alive = alive_, done = std::move(done), possible]() mutable {
      if (*alive) done(possible);
    });
    return;
  }
  mine_.insert(proposal);
  log_.Append(std::move(commands), [this, alive = alive_, proposal,
                                    done = std::move(done)](absl::Status status) mutable {
    if (!*alive) return;
    if (!status.ok()) {
      mine_.erase(proposal);
      done(status);
      return;
    }
    const auto result = results_.find(proposal);
    SP_CHECK(result != results_.end());  // the subscriber got it first (env/replicated_log.h)
    absl::StatusOr<CommandResult> answer = std::move(result->second);
    results_.erase(result);
    done(std::move(answer));
  });
}

void Leader::WaitUntil(Condition condition, Duration timeout,
                       absl::AnyInvocable<void(absl::Status)> done, Caller caller) {
  const Instant deadline = timeout == Duration() ? Instant::Max() : reactor_.Now() + timeout;
  waits_.push_back({std::move(condition), deadline, std::move(done), std::move(caller)});
  Changed();
}

void Leader::Changed() {
  if (std::exchange(settle_posted_, true)) return;
  reactor_.Post([this, alive = alive_] {
    if (*alive) Settle();
  });
}

void Leader::Settle() {
  settle_posted_ = false;
  const bool restoring = state_.cluster().restoring();
  if (std::exchange(restoring_, restoring) && !restoring) {
    all_lines_changed_ = true;
    for (const auto& [arrival, peer] : peers_) peer->sections.AskAgain();
  }
  PushSections();
  if (!restoring) {  // else what nodes have may be newer
    if (std::exchange(all_lines_changed_, false)) lines_changed_.merge(LinesWithWork());
    OrderLines(std::exchange(lines_changed_, {}));
  }
  Decide();
  FinishQuestions();
  if (std::exchange(bases_changed_, false)) SendHorizons();
  CheckWaits();
}

void Leader::CheckWaits() {
  std::list<Wait> finished;
  std::vector<absl::Status> results;
  for (auto it = waits_.begin(); it != waits_.end();) {
    const auto next = std::next(it);
    if (it->caller.gone()) {
      results.push_back(absl::CancelledError("whoever waited has gone"));
      finished.splice(finished.end(), waits_, it);
    } else if (it->condition(state_, live_)) {
      results.push_back(absl::OkStatus());
      finished.splice(finished.end(), waits_, it);
    } else if (reactor_.Now() >= it->deadline) {
      results.push_back(absl::DeadlineExceededError("it did not happen in time"));
      finished.splice(finished.end(), waits_, it);
    }
    it = next;
  }
  size_t i = 0;
  for (Wait& wait : finished) wait.done(results[i++]);
}

void Leader::Tick() {
  const Instant now = reactor_.Now();
  tick_.StartAt(now + options_.tick);
  EjectGone(now);
  WatchDisks(now);
  DeleteExpiredSnapshots(now);
  Settle();
}

void Leader::EjectGone(Instant now) {
  std::set<uint32_t> up;
  for (const auto& [id, node] : state_.nodes()) {
    if (node.up()) up.insert(static_cast<uint32_t>(id));
  }
  for (uint32_t id : detection_.Tick(up, now)) {
    if (!ejected_.insert(id).second) continue;
    AddAlarm("metadata",
             absl::StrCat("node ", id, " does not answer: its disks leave their chains"));
  }
}

void Leader::AddAlarm(const std::string& from, const std::string& text) {
  live_.AddAlarm(reactor_.clock().WallSeconds(), from, text);
  sink_.Log(env::LogLevel::kWarning, kComponent, absl::StrCat(from, ": ", text));
}

}  // namespace storpool::metadata
