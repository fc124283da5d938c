// Errors with StorPool's names, which its public clients test (reference 2: error names). The name
// travels as a payload of the status, so that a front end renders it without guessing.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace storpool::metadata {

absl::Status ObjectDoesNotExist(std::string_view text);  // kNotFound
absl::Status ObjectExists(std::string_view text);        // kAlreadyExists
// Until somebody does something about it.
absl::Status Busy(std::string_view text);  // kFailedPrecondition
// Passes by itself: front ends call it transient, and clients try again.
absl::Status BusyForNow(std::string_view text);             // kUnavailable
absl::Status InvalidParam(std::string_view text);           // kInvalidArgument
absl::Status VersionMismatch(std::string_view text);        // kFailedPrecondition
absl::Status InsufficientResources(std::string_view text);  // kResourceExhausted

// StorPool's name of the error: of the payload, or by the code for a status from elsewhere
// ("internalError" when nothing fits); empty for OK.
std::string_view ErrorName(const absl::Status& status);

}  // namespace storpool::metadata
