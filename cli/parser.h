// From words to a command and its arguments. Errors name the word that was not understood and say
// what would be.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/words.h"

namespace storpool::cli {

struct Parsed {
  const Command* command = nullptr;
  Arguments arguments;
};

// kInvalidArgument for whatever is wrong with the words. The result points into `commands`.
absl::StatusOr<Parsed> Parse(const std::vector<Command>& commands, const std::vector<Word>& words);

}  // namespace storpool::cli
