#include "lib/json/attachments.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
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

Json JsonOf(const Attachment& attachment, const std::string& cluster) {
  // The name of a volume; a snapshot's, which may have an "@", is not one to StorPool's clients.
  const std::string& name = attachment.volume_name();
  const bool by_id = name.empty() || name.find_first_of("@*") != std::string::npos;
  Json json = {{"volume", by_id ? absl::StrCat("~", attachment.global_id()) : name},
               {"globalId", attachment.global_id()},
               {"snapshot", attachment.snapshot()},
               {"client", attachment.client()},
               {"rights", attachment.rights() == READ_ONLY ? "ro" : "rw"},
               {"pos", attachment.pos()},
               {"device", attachment.device()},
               {"ready", attachment.granted() && !attachment.device().empty()},
               {"detaching", attachment.detaching()}};
  if (!cluster.empty()) {
    json["cluster"] = cluster;
    json["clusterId"] = cluster;
  }
  return json;
}

Json JsonOf(const AttachListAnswer& answer, const std::string& cluster) {
  Json json = Json::array();
  for (const Attachment& one : answer.attachments()) json.push_back(JsonOf(one, cluster));
  return json;
}

Json JsonOf(const ClientStatusAnswer& answer) {
  Json json = Json::array();
  for (const ClientStatusAnswer::One& one : answer.clients()) {
    json.push_back({{"id", one.id()},
                    {"generation", one.generation()},
                    {"clientGeneration", one.client_generation()},
                    {"configStatus", one.status()},
                    {"delay", one.delay_ms()}});
  }
  return json;
}

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
  if (absl::Status s = fields.Finish(); !s.ok()) return s;
  return request;
}

}  // namespace storpool::json
