#include "lib/json/attachment_requests.h"

#include <limits>
#include <utility>

#include "lib/base/limits.h"
#include "lib/json/fields.h"

namespace storpool::json {
namespace {

constexpr char kWhat[] = "VolumesReassign";

void ReadEntry(const Json& element, Fields& all, ReassignRequest& request) {
  Fields fields(element, kWhat);
  ReassignRequest::One& one = *request.add_entries();
  const auto volume = fields.Text("volume"), snapshot = fields.Text("snapshot");
  if (volume.has_value() == snapshot.has_value()) {
    fields.Wrong("volume", "or snapshot must be named, one of them");
  }
  one.set_volume(volume.value_or(snapshot.value_or("")));
  one.set_snapshot(snapshot.has_value());
  if (const Json* detach = fields.Raw("detach"); detach != nullptr && *detach == "all") {
    one.set_detach_all(true);
  } else {
    for (const uint32_t id : fields.Ids("detach", 1, kClientIdMax)) one.add_detach(id);
  }
  for (const uint32_t id : fields.Ids("rw", 1, kClientIdMax)) one.add_rw(id);
  for (const uint32_t id : fields.Ids("ro", 1, kClientIdMax)) one.add_ro(id);
  if (auto force = fields.Flag("force")) one.set_force(*force);
  // Of several clusters: this volume is here.
  fields.Ignore("allowRemoteExported");
  fields.Ignore("onRemoteAttached");
  fields.Ignore("mcMode");
  all.Add(fields.Finish());
}

}  // namespace

absl::StatusOr<ReassignRequest> ReadReassign(const Json& body, bool wait) {
  ReassignRequest request;
  request.set_wait(wait);
  Json wrapped = Json::object();
  if (body.is_array()) wrapped["reassign"] = body;
  Fields fields(body.is_array() ? wrapped : body, kWhat);
  fields.Objects("reassign", [&](const Json& element) { ReadEntry(element, fields, request); });
  if (request.entries().empty()) fields.Wrong("reassign", "names no volume and no snapshot");
  if (auto seconds = fields.Number("attachTimeout", 0, std::numeric_limits<int32_t>::max())) {
    request.set_timeout_seconds(static_cast<uint32_t>(*seconds));
  }
  return Finished(fields, std::move(request));
}

}  // namespace storpool::json
