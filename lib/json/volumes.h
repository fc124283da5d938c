// Volumes and snapshots, their status and space as JSON, in StorPool's shape (reference 3.3). Names
// are as metadata shows them: "~location.cluster.number" of what has none, "*name" in deletion.
#pragma once

#include <cstdint>
#include <string>

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// A volume or a snapshot, saying which it is: Proxmox VE deletes a template's volume before it
// reads that. `cluster` is shown by calls of several clusters; empty: not.
Json JsonOf(const VolumeInfoAnswer& info, const std::string& cluster = "");
Json JsonOf(const VolumeListAnswer& answer, const std::string& cluster = "");

// In the words of `volume status`; what it holds, if that was counted.
Json JsonOf(const VolumeStatus& status, const SpaceListAnswer::One* space);
// StorPool's VolumesGetStatus: by name, each with all that it has of a volume; without `space`,
// VolumesGetStatusQuick. Of several in deletion that have one name all but the first are
// "*globalId".
Json StatusByName(const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots,
                  const VolumeStatusAnswer& status, const SpaceListAnswer* space);
// StorPool's VolumesSpace and SnapshotsSpace.
Json SpaceOf(const VolumeListAnswer& volumes, const SpaceListAnswer& space);
// What VolumesAndSnapshotsList has: all of them in one list.
Json VolumesAndSnapshots(const VolumeListAnswer& volumes, const VolumeListAnswer& snapshots);

// How many chunks lie on a chain of the table: they go round it from first_chain on.
uint64_t ChunksOn(const VolumeDescribeAnswer& answer, uint32_t chain);
// With the disks that it lies on: counted (VolumeGetInfo), or each chunk (VolumeDescribe).
Json LayoutCounts(const VolumeDescribeAnswer& answer, const std::string& cluster);
Json LayoutInFull(const VolumeDescribeAnswer& answer, const std::string& cluster);

// What VolumeCreate answers, and VolumeSnapshot and VolumesGroupSnapshot.
Json JsonOf(const VolumeCreateAnswer& answer);
Json OneSnapshot(const SnapshotCreateAnswer& answer);
Json GroupSnapshot(const SnapshotCreateAnswer& answer);

}  // namespace storpool::json
