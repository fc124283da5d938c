// Disks as JSON, in StorPool's shape (reference 3.3), with some fields of our own behind it. A disk
// that is down has fewer fields: "generationLeft" tells, -1 says up.
#pragma once

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const DiskInfo& disk);
// Of DiskSetDescription; kInvalidArgument says which field is wrong.
absl::StatusOr<DiskUpdateRequest> ReadDiskDescription(uint32_t disk, const Json& body);
// By id.
Json JsonOf(const DiskListAnswer& answer);

}  // namespace storpool::json
