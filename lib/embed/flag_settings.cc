#include "lib/embed/flag_settings.h"

#include <unistd.h>

#include <string>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/embed/settings.h"

namespace storpool::embed {

absl::Status SetFlags(const std::vector<FlagSetting>& flags) {
  absl::StatusOr<Settings> settings = LoadSettings(std::string(kSettingsPath), HostName());
  if (!settings.ok()) return settings.status();
  AddEnvironment(environ, *settings);
  for (const FlagSetting& one : flags) {
    const auto it = settings->find(std::string(one.setting));
    if (it == settings->end()) continue;
    absl::CommandLineFlag* const flag =
        absl::FindCommandLineFlag(absl::string_view(one.flag.data(), one.flag.size()));
    SP_CHECK(flag != nullptr);
    std::string why;
    if (flag->ParseFrom(it->second, &why)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the setting ", it->first, "=", it->second, " is not understood: ", why));
  }
  return absl::OkStatus();
}

}  // namespace storpool::embed
