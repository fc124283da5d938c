// The settings of a machine, in StorPool's files: /etc/storpool.conf, then
// /etc/storpool.conf.d/*.conf in order of their names (not those that begin with a dot). Lines are
// KEY=VALUE; below "[HOST]" they count only on that host. Later ones win, and the environment's
// SP_* and STORPOOL_* over all.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace storpool::embed {

using Settings = std::map<std::string, std::string>;

inline constexpr std::string_view kSettingsPath = "/etc/storpool.conf";

// Adds what `text` says to the settings of `host`. kInvalidArgument names `path` and the line.
absl::Status AddSettings(std::string_view text, const std::string& path, std::string_view host,
                         Settings& settings);

// `path` and `path`.d. Files that are not there, or that this user may not read, say nothing.
absl::StatusOr<Settings> LoadSettings(const std::string& path, std::string_view host);

// What environment variables say; `environment` ends with a null.
void AddEnvironment(const char* const* environment, Settings& settings);

// This machine's name, as sections have it.
std::string HostName();

}  // namespace storpool::embed
