// The token of the JSON API: FOLDER/token of metadata's folder, one line, readable by its owner
// only. StorPool's clients want it as SP_AUTH_TOKEN. Whoever has it may do everything with the
// cluster.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/env/entropy.h"

namespace storpool::embed {

std::string TokenFilePath(const std::string& folder);

// The token of that folder; a new one, durable when it returns, if there is none. Refuses a file
// that others may read or that holds no token.
absl::StatusOr<std::string> TakeToken(const std::string& folder, env::Entropy& entropy);

}  // namespace storpool::embed
