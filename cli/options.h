// What stands on the command line beside the words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/output.h"

namespace storpool::cli {

struct Options {
  std::vector<std::string> metadata;  // addresses, tried in turn
  Form form = Form::kPeople;
  bool batch = false;
  bool watch = false;
  bool help = false;
  bool version = false;
  bool man = false;                // the man page, for whoever packages this
  bool complete = false;           // what the last word may become, for shells
  std::string file;                // of commands; empty: none
  std::vector<std::string> words;  // the other arguments
};

// What the arguments add to `base`, with words of their own. Options may stand anywhere; "--" ends
// them. kInvalidArgument names an option that does not exist.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments, Options base);

struct OptionText {
  std::string_view option;
  std::string_view help;
};
const std::vector<OptionText>& OptionTexts();

}  // namespace storpool::cli
