// What names and sizes an operator may choose (StorPool's rules: reference 3.6). Every error says
// what is wrong and what would be right.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace storpool::model {

// 1..199 of [A-Za-z0-9_.:-], optionally behind one '#'; not "list" or "status".
absl::Status ValidateVolumeName(std::string_view name);
// A volume's name with '@' too, so that "volume@ID" is one.
absl::Status ValidateSnapshotName(std::string_view name);
// Both of [A-Za-z0-9_.:-], the name 1..199, the value 0..199.
absl::Status ValidateTag(std::string_view name, std::string_view value);
// 1..127 of [A-Za-z0-9_-]; not "list".
absl::Status ValidateGroupName(std::string_view name);
// At most 30 of [A-Za-z0-9_ -].
absl::Status ValidateDiskDescription(std::string_view text);
// 1..199 of [A-Za-z0-9_-]; not "list".
absl::Status ValidateTemplateName(std::string_view name);
// "location.cluster", each part of [a-z0-9], 1..62 bytes together: the prefix of global ids.
absl::Status ValidateClusterName(std::string_view name);
// A positive multiple of 512, at most kVolumeBytesMax.
absl::Status ValidateVolumeSize(uint64_t size_bytes);

}  // namespace storpool::model
