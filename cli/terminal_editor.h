// Lines from a terminal, with editing, history and completion (libedit).
#pragma once

#include <memory>
#include <string>

#include "cli/shell.h"

namespace storpool::cli {

// `history` is the file that lines are remembered in; empty: they are forgotten at the end.
std::unique_ptr<LineEditor> MakeTerminalEditor(const std::string& history);

}  // namespace storpool::cli
