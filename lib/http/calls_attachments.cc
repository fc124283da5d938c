// Calls about attachments.
#include "lib/http/calls.h"
#include "lib/json/attachment_requests.h"
#include "lib/json/attachments.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> List(const Input& input) {
  return Ask<AttachListAnswer>(AttachListRequest(),
                               [cluster = input.cluster](const AttachListAnswer& answer) {
                                 return json::JsonOf(answer, cluster);
                               });
}

absl::StatusOr<Run> WithoutWaiting(const Input& input) {
  return Change(json::ReadReassign(input.body, false));
}
absl::StatusOr<Run> Waiting(const Input& input) {
  return Change(json::ReadReassign(input.body, true));
}

}  // namespace

std::vector<Call> AttachmentCalls() {
  return {
      {Method::kGet, "AttachmentsList", 0, List},
      {Method::kPost, "VolumesReassign", 0, WithoutWaiting},
      {Method::kPost, "VolumesReassignWait", 0, Waiting},
  };
}

}  // namespace storpool::http
