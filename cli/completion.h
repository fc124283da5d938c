// What a word that is being written may become: for the tab key of the interactive shell, and for
// bash and zsh.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/words.h"

namespace storpool::cli {

// Kinds of names that the cluster knows.
enum class Names {
  kVolumes,
  kSnapshots,
  kTemplates,
  kPlacementGroups,
  kDisks,
  kClients,
};

// Asks the cluster; nothing if it does not answer at once.
using NameSource = std::function<std::vector<std::string>(Names)>;

// All that may stand behind `words` and begins with `partial`, sorted.
std::vector<std::string> Completions(const std::vector<Command>& commands,
                                     const std::vector<Word>& words, const std::string& partial,
                                     const NameSource& names);

}  // namespace storpool::cli
