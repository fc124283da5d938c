#include "lib/json/attachments.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace storpool::json {

Json JsonOf(const Attachment& attachment, const std::string& cluster) {
  // The name of a volume; a snapshot's, which may have an "@", is not one to StorPool's clients.
  const std::string& name = attachment.volume_name();
  const bool by_id = name.find_first_of("@*") != std::string::npos;
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

}  // namespace storpool::json
