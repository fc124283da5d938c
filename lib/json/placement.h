// Placement groups, templates and the relocator as JSON, in StorPool's shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const PlacementGroup& group);
// By name.
Json JsonOf(const PlacementGroupListAnswer& answer);

Json JsonOf(const TemplateInfo& info);
// StorPool's VolumeTemplatesStatus: what is in a template, and what would still fit.
Json TemplateStatus(const TemplateInfo& info);

Json JsonOf(const RelocatorStatusAnswer& status);
// What each disk has and will have, by disk.
Json JsonOf(const RelocatorDisksAnswer& answer);

}  // namespace storpool::json
