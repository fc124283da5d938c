// --watch: a status again and again until the work that it shows is over.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "cli/output.h"
#include "cli/session.h"

namespace storpool::cli {

// Shows what `run` returns: on a terminal in place of what it showed before; else, for people, one
// line whenever it changes (Output::progress), and the whole at the end; for programs the whole
// whenever it changes. Returns the last. Ends at the first error.
absl::StatusOr<Output> Watch(const std::function<absl::StatusOr<Output>()>& run, Session& session);

}  // namespace storpool::cli
