// Errors of the library as the numbers of storpool.h.
#pragma once

#include "absl/status/status.h"

namespace storpool::capi {

// The number that says what to do about `status`, of this library or of a metadata daemon.
int ErrorOf(const absl::Status& status);

}  // namespace storpool::capi
