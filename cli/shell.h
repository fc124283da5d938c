// The interactive shell: a prompt, and lines that are commands.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/session.h"

namespace storpool::cli {

// Where lines come from. The real one (terminal_editor.h) edits them, remembers them, and completes
// words.
class LineEditor {
 public:
  // All that the last word of a line may become; `line` ends at the cursor.
  using Complete = std::function<std::vector<std::string>(const std::string& line)>;

  virtual ~LineEditor() = default;
  // Without the end of the line; nothing when there are no more.
  virtual std::optional<std::string> ReadLine(const std::string& prompt,
                                              const Complete& complete) = 0;
};

// "StorPool> ", or what SP_CLI_PROMPT says, with the settings that it names as ${SP_...}.
std::string PromptOf(const World& world);

// What the last word of `line` may become.
std::vector<std::string> CompletionsOfLine(const std::string& line,
                                           const std::vector<Command>& commands,
                                           const NameSource& names);

// Until "exit", "quit" or the end of the input. Errors are told and end nothing. Returns the exit
// code of the last command.
int RunShell(LineEditor& editor, const Options& options, const std::vector<Command>& commands,
             World& world);

}  // namespace storpool::cli
