// Help and man page, made from the table of commands.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/words.h"

namespace storpool::cli {

// "volume NAME create size SIZE template TEMPLATE": optional parts in brackets.
std::string Usage(const Command& command);

// What exists, one line a command, and the options.
std::string Overview(const std::vector<Command>& commands);
// The commands that begin with these words, values given or left out ("volume create",
// "volume v1 create"); whole pages for few, lines for many. Empty if there is none.
std::string HelpFor(const std::vector<Command>& commands, const std::vector<Word>& words);

// storpoolctl(8), in roff.
std::string ManPage(const std::vector<Command>& commands);

}  // namespace storpool::cli
