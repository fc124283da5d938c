// What stands on the command line beside the words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace storpool::cli {

struct Options {
  std::vector<std::string> metadata;  // addresses, tried in turn; not empty
  bool json = false;
  bool batch = false;
  bool help = false;
  bool man = false;                // the man page, for whoever packages this
  std::vector<std::string> words;  // the other arguments
};

// `environment` is what STORPOOL_METADATA says, or empty. Options may stand anywhere; "--" ends
// them. kInvalidArgument names an option that does not exist.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments,
                                     const std::string& environment);

struct OptionText {
  std::string_view option;
  std::string_view help;
};
const std::vector<OptionText>& OptionTexts();

}  // namespace storpool::cli
