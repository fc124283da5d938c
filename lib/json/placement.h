// Placement groups and templates as JSON, in StorPool's shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const PlacementGroup& group);
Json JsonOf(const TemplateInfo& info);

}  // namespace storpool::json
