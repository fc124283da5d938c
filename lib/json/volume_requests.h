// Requests about volumes and snapshots, read from JSON (reference 3.4). `name` comes from the path.
// kInvalidArgument says which field is wrong.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

absl::StatusOr<VolumeCreateRequest> ReadVolumeCreate(const Json& body);
absl::StatusOr<VolumeUpdateRequest> ReadVolumeUpdate(const std::string& name, const Json& body);
absl::StatusOr<VolumeUpdateRequest> ReadSnapshotUpdate(const std::string& name, const Json& body);
absl::StatusOr<VolumeFreezeRequest> ReadVolumeFreeze(const std::string& name, const Json& body);
absl::StatusOr<VolumeRevertRequest> ReadVolumeRevert(const std::string& name, const Json& body);
absl::StatusOr<VolumeRebaseRequest> ReadRebase(const std::string& name, bool snapshot,
                                               const Json& body);
absl::StatusOr<SnapshotCreateRequest> ReadVolumeSnapshot(const std::string& name, const Json& body);
absl::StatusOr<SnapshotCreateRequest> ReadGroupSnapshot(const Json& body);

// Of VolumeDelete: what to do with a volume that is attached.
enum class OnAttached { kFail, kDetach, kDetachForce };
absl::StatusOr<OnAttached> ReadDelete(const Json& body);

}  // namespace storpool::json
