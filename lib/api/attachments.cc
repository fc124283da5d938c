// Commands about attachments.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"

namespace storpool::api {
namespace {

using Key = metadata::State::Pair;

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
  // The first attachment of the request that has refused, or the end of the map.
  const auto refused = [id = volume->id(), request](const metadata::State& s) {
    auto it = s.attachments().lower_bound(Key(id, 0));
    for (; it != s.attachments().end() && it->first.first == id; ++it) {
      const bool meant = request.all() || it->first.second == request.client();
      if (meant && !it->second.detach_error().empty()) return it;
    }
    return s.attachments().end();
  };
  const auto gone = [id = volume->id(), request](const metadata::State& s) {
    auto it = s.attachments().lower_bound(Key(id, 0));
    for (; it != s.attachments().end() && it->first.first == id; ++it) {
      if (request.all() || it->first.second == request.client()) return false;
    }
    return true;
  };
  auto wait = [this, refused, gone, request,
               done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    ChangeAnswer answer;
    answer.set_generation(r->generation());
    metadata::Caller caller = done.caller();
    auto settled = [refused, gone](const metadata::State& s, const metadata::LiveView&) {
      return gone(s) || refused(s) != s.attachments().end();
    };
    auto report = [this, refused, gone, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      if (gone(state())) return done(std::move(answer));
      if (!waited.ok()) return done(waited);
      const auto it = refused(state());
      done(it == state().attachments().end() ? metadata::BusyForNow("the detach is under way")
                                             : metadata::Busy(it->second.detach_error()));
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
  done(std::move(answer));
}

namespace {

enum class WaitFor { kDetached, kClientsThere, kAll };

// Everything that is waited for is there, or gone.
bool IsReassigned(const ReassignRequest& request, WaitFor what, const metadata::State& state,
                  const metadata::LiveView& live, std::string* refused) {
  for (const ReassignRequest::One& entry : request.entries()) {
    const absl::StatusOr<Volume> volume = state.FindVolume(entry.volume());
    if (!volume.ok()) continue;  // deleted meanwhile
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
      if (leaves && !it->second.detach_error().empty()) {
        *refused = it->second.detach_error();
        return true;
      }
      if (leaves) return false;
    }
    if (what == WaitFor::kDetached) continue;
    for (const auto& [client, rights] : wanted) {
      const auto attached = state.attachments().find(Key(volume->id(), client));
      if (attached == state.attachments().end()) continue;  // detached again meanwhile
      if (!attached->second.attachment().device().empty()) continue;
      if (what == WaitFor::kAll || live.client(client).up) return false;
    }
  }
  return true;
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
    auto settled = [request, what](const metadata::State& s, const metadata::LiveView& l) {
      std::string refused;
      return IsReassigned(request, what, s, l, &refused);
    };
    auto report = [this, request, what, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      std::string refused;
      IsReassigned(request, what, state(), live(), &refused);
      if (!refused.empty()) return done(metadata::Busy(refused));
      if (waited.ok()) return done(std::move(answer));
      done(metadata::BusyForNow("not everything is attached in time; it goes on; see attach list"));
    };
    leader_.WaitUntil(settled, Duration::Seconds(request.timeout_seconds()), std::move(report),
                      std::move(caller));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

namespace {

ClientStatusAnswer::One StatusOf(uint32_t client, const metadata::State& state,
                                 const metadata::LiveView& live) {
  ClientStatusAnswer::One one;
  const metadata::PeerFacts facts = live.client(client);
  one.set_id(client);
  one.set_generation(state.cluster().generation());
  const uint64_t newest = state.SectionVersion(metadata::AttachmentsSectionName(client));
  const bool current = facts.up && facts.map_version >= newest;
  one.set_client_generation(current ? one.generation() : facts.generation);
  one.set_status(!facts.up ? "down" : current ? "ok" : "updating");
  return one;
}

}  // namespace

void Admin::Call(const ClientStatusRequest& request, Done<ClientStatusAnswer> done) {
  if (request.client() != 0 && state().FindClient(request.client()) == nullptr) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("client ", request.client(), " does not exist; see service list")));
  }
  const auto all = [id = request.client()](const metadata::State& s, const metadata::LiveView& l) {
    ClientStatusAnswer answer;
    for (const auto& [client, record] : s.clients()) {
      if (id == 0 || client == id) *answer.add_clients() = StatusOf(record.id(), s, l);
    }
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
