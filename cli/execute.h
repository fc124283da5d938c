// One command: from its words to what is printed and the exit code.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"
#include "cli/words.h"

namespace storpool::cli {

// Part of the contract with scripts (docs/cli.md).
enum ExitCode : int {
  kOk = 0,
  kUsage = 1,         // the words were not understood
  kFailed = 2,        // the cluster, the machine, or whoever was asked, said no
  kDoesNotExist = 3,  // the object that was named is not there
  kNotWell = 4,       // --watch: the work is over, and something is not as it should be
};

// `where` stands before the errors: "line 3: ", or nothing.
int Execute(const Options& options, const std::vector<Command>& commands,
            const std::vector<Word>& words, World& world, const std::string& where = "");

// `code`, unless what was printed could not be written: then complains, and that is no kOk.
int Written(int code, World& world, const std::string& where = "");

// Complains about wrong use.
int ReportUsage(const absl::Status& status, const std::vector<Word>& words, Form form, World& world,
                const std::string& where = "");

}  // namespace storpool::cli
