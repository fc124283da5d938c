// Commands about attachments.
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
  const absl::StatusOr<Volume> volume = state().FindVolume(request.volume());
  if (!volume.ok()) return done(volume.status());
  metadata::Command command;
  metadata::Attach& attach = *command.mutable_attach();
  attach.set_volume(request.volume());
  attach.set_client(request.client());
  attach.set_rights(request.rights());
  const Key key(volume->id(), request.client());
  auto wait = [this, key, request,
               done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
    if (!r.ok()) return done(r.status());
    AttachAnswer answer;
    answer.set_generation(r->generation());
    if (request.no_wait()) return done(std::move(answer));
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
        return done(metadata::Busy(absl::StrCat(
            "volume ", request.volume(), " is not there yet on client ", request.client(),
            "; it will be as soon as that client runs; see service list")));
      }
      answer.set_device(it->second.attachment().device());
      done(std::move(answer));
    };
    leader_.WaitUntil(settled, Duration::Seconds(request.timeout_seconds()), std::move(report));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

void Admin::Call(const DetachRequest& request, Done<ChangeAnswer> done) {
  const absl::StatusOr<Volume> volume = state().FindVolume(request.volume());
  if (!volume.ok()) return done(volume.status());
  metadata::Command command;
  metadata::Detach& detach = *command.mutable_detach();
  detach.set_volume(request.volume());
  detach.set_client(request.client());
  detach.set_all(request.all());
  detach.set_force(request.force());
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
    auto settled = [refused, gone](const metadata::State& s, const metadata::LiveView&) {
      return gone(s) || refused(s) != s.attachments().end();
    };
    auto report = [this, refused, gone, answer,
                   done = std::move(done)](const absl::Status& waited) mutable {
      if (gone(state())) return done(std::move(answer));
      if (!waited.ok()) return done(waited);
      const auto it = refused(state());
      done(metadata::Busy(it == state().attachments().end() ? "the detach is under way"
                                                            : it->second.detach_error()));
    };
    leader_.WaitUntil(settled, Duration(), std::move(report));
  };
  leader_.Propose(std::move(command), std::move(wait));
}

void Admin::Call(const AttachListRequest&, Done<AttachListAnswer> done) {
  AttachListAnswer answer;
  for (const auto& [key, record] : state().attachments()) {
    *answer.add_attachments() = record.attachment();
  }
  done(std::move(answer));
}

}  // namespace storpool::api
