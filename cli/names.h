// The names that the cluster knows, for completion.
#pragma once

#include "cli/completion.h"
#include "cli/session.h"

namespace storpool::cli {

// Asks metadata each time, and waits a moment at most. `admin` must outlive it.
NameSource NamesOf(AdminClient& admin);

}  // namespace storpool::cli
