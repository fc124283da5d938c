// Flags of a daemon that the settings of its machine (settings.h) say, unless its command line
// does.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace storpool::embed {

struct FlagSetting {
  std::string_view setting;  // "SP_OURID"
  std::string_view flag;     // "id"
};

// Before the command line is parsed. kInvalidArgument names a setting that the flag does not take.
absl::Status SetFlags(const std::vector<FlagSetting>& flags);

}  // namespace storpool::embed
