// Parts of a volume's record that have rules of their own: its global id, its tags. Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "proto/cluster.pb.h"
#include "proto/metadata.pb.h"

namespace storpool::metadata {

inline constexpr size_t kTagsMax = 256;               // of one volume
inline constexpr uint32_t kVolumesPerGroupMax = 256;  // snapshots of one instant

// The model's errors with StorPool's name for them.
absl::Status AsInvalid(const absl::Status& status);

absl::Status NoTemplate(const std::string& name);

// "location.cluster.number", the number in base 36, lower case.
std::string GlobalIdOf(const ClusterRecord& cluster, uint64_t id);

// What people call it: its name, else "~globalId".
std::string NameOf(const Volume& volume);

// Index in its table of the chain that has the lineage's chunk 0.
uint32_t FirstChainOf(uint64_t lineage, uint32_t chains);

using Tags = google::protobuf::RepeatedPtrField<Tag>;

// Names and values of StorPool's characters; a value may be empty.
absl::Status CheckTags(const Tags& tags);
// No more than kTagsMax.
absl::Status CheckTagCount(const Volume& volume);
// By key; an empty value deletes; what remains is sorted by name.
void MergeTags(const Tags& changes, Volume& volume);

}  // namespace storpool::metadata
