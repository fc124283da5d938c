// Requests about placement groups and templates, read from JSON (reference 3.4). `name` comes from
// the path. kInvalidArgument says which field is wrong.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

absl::StatusOr<PlacementGroupUpdateRequest> ReadPlacementGroupUpdate(const std::string& name,
                                                                     const Json& body);
absl::StatusOr<TemplateCreateRequest> ReadTemplateCreate(const Json& body);
absl::StatusOr<TemplateUpdateRequest> ReadTemplateUpdate(const std::string& name, const Json& body);

}  // namespace storpool::json
