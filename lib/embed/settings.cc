#include "lib/embed/settings.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace storpool::embed {
namespace {

std::string Unquoted(const std::string& value) {
  const bool quoted =
      value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0];
  return quoted ? value.substr(1, value.size() - 2) : value;
}

std::vector<std::string> ConfFilesOf(const std::string& folder) {
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(folder.c_str()), closedir);
  if (entries == nullptr) return paths;
  while (const dirent* entry = readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name[0] != '.' && name.ends_with(".conf")) paths.push_back(folder + "/" + name);
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

absl::Status AddSettings(std::string_view text, const std::string& path, std::string_view host,
                         Settings& settings) {
  Settings of_host;
  std::string section, line;
  int number = 0;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  for (const std::string& piece : lines) {
    ++number;
    line += piece;
    if (line.ends_with('\\')) {  // goes on in the next one
      line.pop_back();
      continue;
    }
    const std::string said(absl::StripAsciiWhitespace(line));
    line.clear();
    if (said.empty() || said[0] == '#' || said[0] == ';') continue;
    if (said[0] == '[' && said.back() == ']') {
      section = std::string(absl::StripAsciiWhitespace(said.substr(1, said.size() - 2)));
      continue;
    }
    const size_t equals = said.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": line ", number, " is not understood: KEY=VALUE, [HOST], or a # and a comment"));
    }
    const std::string key(absl::StripTrailingAsciiWhitespace(said.substr(0, equals)));
    const std::string value(absl::StripLeadingAsciiWhitespace(said.substr(equals + 1)));
    if (section.empty()) {
      settings[key] = Unquoted(value);
    } else if (section == host) {
      of_host[key] = Unquoted(value);
    }
  }
  for (const auto& [key, value] : of_host) settings[key] = value;
  return absl::OkStatus();
}

absl::StatusOr<Settings> LoadSettings(const std::string& path, std::string_view host) {
  std::vector<std::string> paths = ConfFilesOf(path + ".d");
  paths.insert(paths.begin(), path);
  Settings settings;
  for (const std::string& one : paths) {
    std::ifstream file(one, std::ios::binary);
    if (!file) continue;
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (absl::Status s = AddSettings(text, one, host, settings); !s.ok()) return s;
  }
  return settings;
}

void AddEnvironment(const char* const* environment, Settings& settings) {
  for (; *environment != nullptr; ++environment) {
    const std::string variable = *environment;
    const size_t equals = variable.find('=');
    const bool ours = variable.starts_with("SP_") || variable.starts_with("STORPOOL_");
    if (!ours || equals == std::string::npos) continue;
    settings[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
}

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace storpool::embed
