// What placement is asked with: the disks that are up, the chains they have, a template's groups.
#pragma once

#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/metadata/state.h"
#include "lib/placement/fill.h"

namespace storpool::metadata {

std::vector<placement::Disk> PlaceableDisks(const State& state);
std::map<DiskId, placement::Load> PlacedLoad(const State& state);
// objectDoesNotExist for a group that is not there.
absl::StatusOr<placement::Policy> PolicyOf(const State& state, const Template& wanted);

}  // namespace storpool::metadata
