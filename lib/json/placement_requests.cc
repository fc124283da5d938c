#include "lib/json/placement_requests.h"

#include <utility>

#include "lib/base/limits.h"
#include "lib/json/fields.h"
#include "lib/json/policy.h"

namespace storpool::json {

absl::StatusOr<PlacementGroupUpdateRequest> ReadPlacementGroupUpdate(const std::string& name,
                                                                     const Json& body) {
  Fields fields(body, "PlacementGroupUpdate");
  PlacementGroupUpdateRequest request;
  request.set_name(name);
  if (auto rename = fields.Text("rename")) request.set_rename(*rename);
  for (const uint32_t id : fields.Ids("addDisks", 0, kDiskIdMax)) request.add_add_disks(id);
  for (const uint32_t id : fields.Ids("rmDisks", 0, kDiskIdMax)) request.add_remove_disks(id);
  return Finished(fields, std::move(request));
}

absl::StatusOr<TemplateCreateRequest> ReadTemplateCreate(const Json& body) {
  Fields fields(body, "VolumeTemplateCreate");
  TemplateCreateRequest request;
  if (auto name = fields.Text("name")) request.set_name(*name);
  if (auto size = fields.Size("size")) request.set_size_bytes(*size);
  if (auto parent = fields.Text("parent")) request.set_parent(*parent);
  ReadPolicy(fields, request);
  fields.Ignore("tags");  // of volumes only
  return Finished(fields, std::move(request));
}

absl::StatusOr<TemplateUpdateRequest> ReadTemplateUpdate(const std::string& name,
                                                         const Json& body) {
  Fields fields(body, "VolumeTemplateUpdate");
  TemplateUpdateRequest request;
  request.set_name(name);
  if (auto rename = fields.Text("rename")) request.set_rename(*rename);
  if (auto size = fields.Size("size")) request.set_size_bytes(*size);
  if (auto parent = fields.Text("parent")) request.set_parent(*parent);
  if (auto propagate = fields.Flag("propagate")) request.set_propagate(*propagate);
  ReadPolicy(fields, request);
  fields.Ignore("tags");
  return Finished(fields, std::move(request));
}

}  // namespace storpool::json
