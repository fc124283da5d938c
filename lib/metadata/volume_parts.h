// Parts of a volume's record that have rules of their own: its global id, its tags. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "proto/cluster.pb.h"
#include "proto/metadata.pb.h"

namespace storpool::metadata {

// The model's errors with StorPool's name for them.
absl::Status AsInvalid(const absl::Status& status);

absl::Status NoTemplate(const std::string& name);

// "location.cluster.number", the number in base 36, lower case.
std::string GlobalIdOf(const ClusterRecord& cluster, uint64_t id);

// What people call it: its name, else "~globalId"; behind a "*" while it is in deletion. `volume`
// is as it is kept.
std::string NameOf(const Volume& volume);
// The same behind "volume" or "snapshot".
std::string Called(const Volume& volume);

// Index in its table of the chain that has the lineage's chunk 0.
uint32_t FirstChainOf(uint64_t lineage, uint32_t chains);

using Tags = google::protobuf::RepeatedPtrField<Tag>;

// Names and values of StorPool's characters; a value may be empty.
absl::Status CheckTags(const Tags& tags);
// No more than kTagsPerVolumeMax.
absl::Status CheckTagCount(const Volume& volume);
// By key; an empty value deletes; what remains is sorted by name.
void MergeTags(const Tags& changes, Volume& volume);

}  // namespace storpool::metadata
