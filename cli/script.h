// Commands from a file or from standard input, one a line. Words may be quoted as in a shell; a
// line that begins with # is a comment, and so is the rest of a line behind a # that stands alone.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/session.h"

namespace storpool::cli {

// The arguments of a line. kInvalidArgument: a quote that does not end.
absl::StatusOr<std::vector<std::string>> SplitLine(std::string_view line);

// Runs one line, which may have options of its own. `where` stands before errors.
int ExecuteLine(std::string_view line, const Options& options, const std::vector<Command>& commands,
                World& world, const std::string& where);

// Runs all lines; returns the exit code of the first that failed. With -B that one is the last,
// else the others are run too. Errors name `name` and the line.
int RunScript(std::istream& lines, const std::string& name, const Options& options,
              const std::vector<Command>& commands, World& world);

}  // namespace storpool::cli
