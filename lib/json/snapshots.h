// What a snapshot command answers, and what volumes and snapshots hold, as JSON in StorPool's shape
// (reference 3.3, 3.4).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// Of VolumeSnapshot the one snapshot; of VolumesGroupSnapshot (`group`) all of them.
Json JsonOf(const SnapshotCreateAnswer& answer, bool group);
Json JsonOf(const SpaceListAnswer::One& space);

}  // namespace storpool::json
