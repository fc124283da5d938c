#include "lib/http/calls.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace storpool::http {

absl::StatusOr<Run> AskOne(const Input& input, bool snapshot, VolumeToJson to_json) {
  auto request = Named<VolumeInfoRequest>(input);
  request.set_snapshot(snapshot);
  return Ask<VolumeInfoAnswer>(std::move(request),
                               [cluster = input.cluster, to_json](const VolumeInfoAnswer& answer) {
                                 return to_json(answer, cluster);
                               });
}

absl::StatusOr<Run> AskLayout(const Input& input, bool snapshot, LayoutToJson to_json,
                              uint64_t chunks_max) {
  auto request = Named<VolumeDescribeRequest>(input);
  request.set_snapshot(snapshot);
  return Run([request, cluster = input.cluster, to_json, chunks_max](api::Admin& admin,
                                                                     Finish finish) mutable {
    admin.Call(request, [=, name = request.name(), finish = std::move(finish)](
                            absl::StatusOr<VolumeDescribeAnswer> answer) mutable {
      if (!answer.ok()) return finish(answer.status());
      if (const uint64_t chunks = answer->info().chunks(); chunks > chunks_max) {
        return finish(absl::InvalidArgumentError(
            absl::StrCat(name, " has ", chunks, " objects, and at most ", chunks_max,
                         " are listed one by one; VolumeGetInfo and SnapshotGetInfo count them")));
      }
      finish(Render([=, answer = *std::move(answer)] { return to_json(answer, cluster); }));
    });
  });
}

absl::StatusOr<uint32_t> IdOf(const std::string& text, std::string_view what, uint32_t max) {
  uint32_t id = 0;
  if (absl::SimpleAtoi(text, &id) && id <= max) return id;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is no ", std::string(what), " id: 0 to ", max));
}

const std::vector<Call>& AllCalls() {
  static const std::vector<Call>* const all = [] {
    auto* calls = new std::vector<Call>;
    for (auto some : {ClusterCalls, DiskCalls, PlacementCalls, VolumeCalls, SnapshotCalls,
                      AttachmentCalls, WorkCalls, KeyValueCalls, AbsentCalls}) {
      std::ranges::move(some(), std::back_inserter(*calls));
    }
    std::ranges::sort(*calls, {}, &Call::name);
    return calls;
  }();
  return *all;
}

}  // namespace storpool::http
