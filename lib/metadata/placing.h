// What placement is asked with: the disks that are up, the chains they have, a table's groups.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/metadata/state.h"
#include "lib/placement/fill.h"

namespace storpool::metadata {

std::vector<placement::Disk> PlaceableDisks(const State& state);
std::map<DiskId, placement::Load> PlacedLoad(const State& state);
// objectDoesNotExist for a group that is not there.
absl::StatusOr<placement::Policy> PolicyOf(const State& state, const Table& table);
// The policy of a template as a table of its own; without an id.
Table PolicyOfTemplate(const Template& t);
// Of replication and groups.
bool SamePolicy(const Table& a, const Table& b);
// For people: the template whose volumes lie there, or the values of their own that they have.
std::string NameOfTable(const State& state, const Table& table);

}  // namespace storpool::metadata
