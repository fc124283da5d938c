// The whole program, but for main: words in, text and an exit code out.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace storpool::cli {

// Part of the contract with scripts (docs/cli.md).
enum ExitCode : int {
  kOk = 0,
  kUsage = 1,         // the words were not understood
  kFailed = 2,        // the cluster, or the machine, said no
  kDoesNotExist = 3,  // the object that was named is not there
};

// `arguments` without the program's name. Never throws, never exits.
int Run(const std::vector<std::string>& arguments, World& world);

}  // namespace storpool::cli
