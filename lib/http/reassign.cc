// VolumesReassign and VolumesReassignWait, as one detach or attach after the other: of each entry
// first those who lose the volume, then those who get it. The first error ends it, and says so.
#include <algorithm>
#include <deque>
#include <memory>
#include <variant>

#include "lib/http/calls.h"
#include "lib/json/changes.h"

namespace storpool::http {
namespace {

struct Reassignment {
  ReassignRequest request;
  std::deque<std::variant<DetachRequest, AttachRequest>> steps;
  uint64_t generation = 0;
  Finish finish;
};

bool Names(const std::string& name, const Attachment& attachment) {
  return name == attachment.volume_name() || name == "~" + attachment.global_id();
}

void AddDetaches(const ReassignRequest::One& entry, const AttachListAnswer& there,
                 Reassignment& work) {
  for (const Attachment& attachment : there.attachments()) {
    if (!Names(entry.volume(), attachment)) continue;
    const uint32_t client = attachment.client();
    const bool stays =
        std::ranges::count(entry.rw(), client) > 0 || std::ranges::count(entry.ro(), client) > 0;
    const bool named = std::ranges::count(entry.detach(), client) > 0;
    if (!named && (!entry.detach_all() || stays)) continue;
    DetachRequest detach;
    detach.set_volume(entry.volume());
    detach.set_client(client);
    detach.set_force(entry.force());
    work.steps.emplace_back(std::move(detach));
  }
}

void AddAttaches(const ReassignRequest::One& entry, Reassignment& work) {
  for (const Rights rights : {READ_WRITE, READ_ONLY}) {
    for (const uint32_t client : rights == READ_WRITE ? entry.rw() : entry.ro()) {
      AttachRequest attach;
      attach.set_volume(entry.volume());
      attach.set_client(client);
      attach.set_rights(rights);
      // A timeout of 0 does not wait for clients that are missing.
      const bool no_timeout = !work.request.has_timeout_seconds();
      attach.set_no_wait(!work.request.wait() ||
                         (!no_timeout && work.request.timeout_seconds() == 0));
      attach.set_timeout_seconds(work.request.timeout_seconds());
      work.steps.emplace_back(std::move(attach));
    }
  }
}

void Next(api::Admin& admin, std::shared_ptr<Reassignment> work) {
  if (work->steps.empty()) {
    const uint64_t generation = work->generation;
    return work->finish(Render([generation] { return json::JsonOfChange(generation, ""); }));
  }
  const auto step = std::move(work->steps.front());
  work->steps.pop_front();
  const auto go_on = [&admin, work](const auto& answer) {
    if (!answer.ok()) return work->finish(answer.status());
    work->generation = std::max(work->generation, answer->generation());
    Next(admin, work);
  };
  std::visit([&](const auto& request) { admin.Call(request, go_on); }, step);
}

// The volumes are looked up first: an entry that names nothing changes nothing.
void LookUp(api::Admin& admin, std::shared_ptr<Reassignment> work, int entry) {
  if (entry < work->request.entries().size()) {
    VolumeInfoRequest info;
    info.set_name(work->request.entries(entry).volume());
    return admin.Call(info, [&admin, work, entry](absl::StatusOr<VolumeInfoAnswer> answer) {
      if (!answer.ok()) return work->finish(answer.status());
      LookUp(admin, work, entry + 1);
    });
  }
  admin.Call(AttachListRequest(), [&admin, work](absl::StatusOr<AttachListAnswer> there) {
    if (!there.ok()) return work->finish(there.status());
    for (const ReassignRequest::One& one : work->request.entries()) {
      AddDetaches(one, *there, *work);
      AddAttaches(one, *work);
    }
    Next(admin, work);
  });
}

}  // namespace

Run Reassign(ReassignRequest request) {
  return [request = std::move(request)](api::Admin& admin, Finish finish) mutable {
    auto work = std::make_shared<Reassignment>();
    work->request = std::move(request);
    work->finish = std::move(finish);
    LookUp(admin, std::move(work), 0);
  };
}

}  // namespace storpool::http
