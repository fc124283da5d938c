// Commands about attachments.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::api {
namespace {

using Key = metadata::State::Pair;

// Why nobody needs to wait for the end of a detach: its client has refused it, or is down and does
// not come back soon. OK: it ends by itself, as one that is fenced does without its client.
absl::Status FailureOfDetach(const metadata::AttachmentRecord& record, const metadata::State& state,
                             const metadata::LiveView& live, Instant now) {
  const Attachment& a = record.attachment();
  if (!record.detach_error().empty()) return metadata::Busy(record.detach_error());
  const metadata::PeerFacts client = live.client(a.client());
  if (client.up || state.IsDetachFenced(a.volume(), a.client())) return absl::OkStatus();
  if (now - client.down_since < Duration::Millis(kClientReturnMs)) return absl::OkStatus();
  const std::string what = metadata::Called(*state.FindVolume(a.volume()));
  return metadata::Busy(absl::StrCat("client ", a.client(), " is down: it gives ", what,
                                     " back when it returns; 'detach ", what, " client ",
                                     a.client(), " force yes' does not wait for it"));
}

// Attachments of the volume that the request is about; those that are gone are not among them.
std::vector<const metadata::AttachmentRecord*> LeftOf(const DetachRequest& request, uint64_t volume,
                                                      const metadata::State& state) {
  std::vector<const metadata::AttachmentRecord*> left;
  auto it = state.attachments().lower_bound(Key(volume, 0));
  for (; it != state.attachments().end() && it->first.first == volume; ++it) {
    if (request.all() || it->first.second == request.client()) left.push_back(&it->second);
  }
  return left;
}

absl::Status FailureOfAny(const std::vector<const metadata::AttachmentRecord*>& left,
                          const metadata::State& state, const metadata::LiveView& live,
                          Instant now) {
  for (const metadata::AttachmentRecord* record : left) {
    SP_RETURN_IF_ERROR(FailureOfDetach(*record, state, live, now));
  }
  return absl::OkStatus();
}

}  // namespace

void Admin::Call(const AttachRequest& request, Done<AttachAnswer> done) {
  const absl::StatusOr<Volume> volume =
      state().FindAttachable(request.volume(), request.snapshot());
  if (!volume.ok()) return done(volume.status());
  metadata::Command command;
  metadata::Attach& attach = *command.mutable_attach();
  attach.set_volume(request.volume());
  attach.set_client(request.client());
  attach.set_rights(request.rights());
  attach.set_snapshot(request.snapshot());
  const Key key(volume->id(), request.client());
  auto wait = [this, key, request,
               done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    AttachAnswer answer;
    answer.set_generation(r->generation());
    if (request.no_wait()) return done(std::move(answer));
    metadata::Caller caller = done.caller();
    auto settled = [key](const metadata::State& s, const metadata::LiveView&) {
      const auto it = s.attachments().find(key);
      return it == s.attachments().end() || !it->second.attachment().device().empty();
    };
    auto report = [this, key, request, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      const auto it = state().attachments().find(key);
      if (it == state().attachments().end()) {
        return done(metadata::Busy(
            absl::StrCat("volume ", request.volume(), " was detached again meanwhile")));
      }
      if (!waited.ok()) {
        return done(metadata::BusyForNow(absl::StrCat(
            "volume ", request.volume(), " is not there yet on client ", request.client(),
            "; it will be as soon as that client runs; see service list")));
      }
      answer.set_device(it->second.attachment().device());
      done(std::move(answer));
    };
    leader_.WaitUntil(settled, Duration::Seconds(request.timeout_seconds()), std::move(report),
                      std::move(caller));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

void Admin::Call(const DetachRequest& request, Done<ChangeAnswer> done) {
  const absl::StatusOr<Volume> volume =
      state().FindAttachable(request.volume(), request.snapshot());
  if (!volume.ok()) return done(volume.status());
  metadata::Command command;
  metadata::Detach& detach = *command.mutable_detach();
  detach.set_volume(request.volume());
  detach.set_client(request.client());
  detach.set_all(request.all());
  detach.set_force(request.force());
  detach.set_snapshot(request.snapshot());
  auto wait = [this, id = volume->id(), request,
               done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    ChangeAnswer answer;
    answer.set_generation(r->generation());
    metadata::Caller caller = done.caller();
    auto settled = [this, id, request](const metadata::State& s, const metadata::LiveView& l) {
      const auto left = LeftOf(request, id, s);
      return left.empty() || !FailureOfAny(left, s, l, clock_.Now()).ok();
    };
    auto report = [this, id, request, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      const auto left = LeftOf(request, id, state());
      if (left.empty()) return done(std::move(answer));
      if (!waited.ok()) return done(waited);
      const absl::Status failed = FailureOfAny(left, state(), live(), clock_.Now());
      done(failed.ok() ? metadata::BusyForNow("the detach is under way") : failed);
    };
    leader_.WaitUntil(settled, Duration(), std::move(report), std::move(caller));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

void Admin::Call(const AttachListRequest&, Done<AttachListAnswer> done) {
  AttachListAnswer answer;
  for (const auto& [key, record] : state().attachments()) {
    *answer.add_attachments() = state().Shown(record);
  }
  answer.set_generation(generation());
  done(std::move(answer));
}

namespace {

enum class WaitFor { kDetached, kClientsThere, kAll };

// How far a reassign is. Everything that is waited for is there, or gone, if both are empty.
struct Progress {
  absl::Status failed;
  std::string missing;  // for people: the first thing that is waited for

  bool settled() const { return !failed.ok() || missing.empty(); }
};

void AddProgress(const ReassignRequest::One& entry, WaitFor what, const metadata::State& state,
                 const metadata::LiveView& live, Instant now, Progress& progress) {
  const absl::StatusOr<Volume> volume = state.FindVolume(entry.volume());
  if (!volume.ok()) return;  // deleted meanwhile
  std::string missing;
  const std::set<uint32_t> detach(entry.detach().begin(), entry.detach().end());
  std::map<uint32_t, Rights> wanted;
  for (const uint32_t client : entry.ro()) wanted[client] = READ_ONLY;
  for (const uint32_t client : entry.rw()) wanted[client] = READ_WRITE;
  auto it = state.attachments().lower_bound(Key(volume->id(), 0));
  for (; it != state.attachments().end() && it->first.first == volume->id(); ++it) {
    const uint32_t client = static_cast<uint32_t>(it->first.second);
    const Attachment& a = it->second.attachment();
    const auto named = wanted.find(client);
    const bool changes = named != wanted.end() && (a.detaching() || a.rights() != named->second);
    const bool leaves =
        detach.contains(client) || changes || (entry.detach_all() && named == wanted.end());
    if (!leaves) continue;
    progress.failed.Update(FailureOfDetach(it->second, state, live, now));
    if (!missing.empty()) continue;
    missing =
        absl::StrCat("client ", client, " has not given ", metadata::Called(*volume), " back yet");
  }
  for (const auto& [client, rights] : wanted) {
    if (what == WaitFor::kDetached || !missing.empty()) break;
    const auto attached = state.attachments().find(Key(volume->id(), client));
    if (attached == state.attachments().end()) continue;  // detached again meanwhile
    if (!attached->second.attachment().device().empty()) continue;
    if (what != WaitFor::kAll && !live.client(client).up) continue;
    missing = absl::StrCat(metadata::Called(*volume), " is not there yet on client ", client);
  }
  if (progress.missing.empty()) progress.missing = missing;
}

Progress ProgressOf(const ReassignRequest& request, WaitFor what, const metadata::State& state,
                    const metadata::LiveView& live, Instant now) {
  Progress progress;
  for (const ReassignRequest::One& entry : request.entries()) {
    AddProgress(entry, what, state, live, now, progress);
  }
  return progress;
}

}  // namespace

void Admin::Call(const ReassignRequest& request, Done<ChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_reassign()->mutable_entries() = request.entries();
  auto wait = [this, request,
               done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    ChangeAnswer answer;
    answer.set_generation(r->generation());
    const bool missing = !request.has_timeout_seconds() || request.timeout_seconds() != 0;
    const WaitFor what = !request.wait() ? WaitFor::kDetached
                         : missing       ? WaitFor::kAll
                                         : WaitFor::kClientsThere;
    metadata::Caller caller = done.caller();
    auto settled = [this, request, what](const metadata::State& s, const metadata::LiveView& l) {
      return ProgressOf(request, what, s, l, clock_.Now()).settled();
    };
    auto report = [this, request, what, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      const Progress progress = ProgressOf(request, what, state(), live(), clock_.Now());
      if (!progress.failed.ok()) return done(progress.failed);
      if (waited.ok()) return done(std::move(answer));
      done(metadata::BusyForNow(absl::StrCat(progress.missing, "; it goes on; see attach list")));
    };
    leader_.WaitUntil(settled, Duration::Seconds(request.timeout_seconds()), std::move(report),
                      std::move(caller));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

namespace {

ClientStatusAnswer::One StatusOf(uint32_t client, const metadata::State& state,
                                 const metadata::LiveView& live, Instant now) {
  ClientStatusAnswer::One one;
  const metadata::PeerFacts facts = live.client(client);
  one.set_id(client);
  one.set_generation(state.cluster().generation());
  const uint64_t newest = state.SectionVersion(metadata::AttachmentsSectionName(client));
  const bool current = facts.up && facts.map_version >= newest;
  one.set_client_generation(current ? one.generation() : facts.generation);
  one.set_status(!facts.up ? "down" : current ? "ok" : "updating");
  const int64_t silence_ms = std::max<int64_t>(0, (now - facts.last_heard).millis());
  if (facts.up) one.set_delay_ms(static_cast<uint64_t>(silence_ms));
  return one;
}

}  // namespace

void Admin::Call(const ClientStatusRequest& request, Done<ClientStatusAnswer> done) {
  if (request.client() != 0 && state().FindClient(request.client()) == nullptr) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("client ", request.client(), " does not exist; see service list")));
  }
  const auto all = [this, id = request.client()](const metadata::State& s,
                                                 const metadata::LiveView& l) {
    ClientStatusAnswer answer;
    for (const auto& [client, record] : s.clients()) {
      if (id != 0 && client != id) continue;
      *answer.add_clients() = StatusOf(record.id(), s, l, clock_.Now());
    }
    answer.set_generation(generation());
    return answer;
  };
  if (!request.wait()) return done(all(state(), live()));
  metadata::Caller caller = done.caller();
  leader_.WaitUntil(
      [all](const metadata::State& s, const metadata::LiveView& l) {
        const ClientStatusAnswer answer = all(s, l);
        return std::ranges::none_of(answer.clients(),
                                    [](const auto& c) { return c.status() == "updating"; });
      },
      Duration(),
      [this, all, done = std::move(done)](absl::Status) mutable { done(all(state(), live())); },
      std::move(caller));
}

}  // namespace storpool::api
