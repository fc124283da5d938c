// The cluster's objects as JSON, with StorPool's names and shapes (reference 3.3) where it has
// them. What does not exist here (limits, parents) has the value that means "none" there.
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const StatusAnswer& status);
Json JsonOf(const Service& service);
Json JsonOf(const DiskInfo& disk);
Json JsonOf(const PlacementGroup& group);
Json JsonOf(const TemplateInfo& info);
Json JsonOf(const VolumeInfoAnswer& info);
Json JsonOf(const VolumeStatus& status);
Json JsonOf(const Attachment& attachment);
// Of a change: {"ok": true, "generation": N}, and info if there is any.
Json JsonOfChange(uint64_t generation, const std::string& info);

// A uuid as people write it.
std::string UuidText(const std::string& bytes);

}  // namespace storpool::json
