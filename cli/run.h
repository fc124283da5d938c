// The whole program, but for main: words in, text and an exit code out.
#pragma once

#include <string>
#include <vector>

#include "cli/execute.h"
#include "cli/session.h"

namespace storpool::cli {

// `arguments` without the program's name. Never throws, never exits.
int Run(const std::vector<std::string>& arguments, World& world);

}  // namespace storpool::cli
