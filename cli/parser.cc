#include "cli/parser.h"

#include "cli/walk.h"

namespace storpool::cli {

absl::StatusOr<Parsed> Parse(const std::vector<Command>& commands, const std::vector<Word>& words) {
  Walk walk(commands);
  if (absl::Status status = walk.Take(words); !status.ok()) return status;
  return walk.End();
}

}  // namespace storpool::cli
