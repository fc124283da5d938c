// storpool_confget: prints the settings of this machine (lib/embed/settings.h), as StorPool's tool
// of that name does for scripts and plug-ins.
//
//   storpool_confget [-S] [-s HOST] [-f FILE] [KEY...]
//
// One KEY=VALUE a line; -S quotes the values for a shell; -s: those of another host; -f: of another
// file. With keys: only these, and the exit code is 1 if one is not set.
#include <unistd.h>

#include <iostream>
#include <string>

#include "lib/embed/settings.h"

namespace {

namespace embed = storpool::embed;

// 'it'\''s'
std::string Quoted(const std::string& value) {
  std::string text = "'";
  for (const char c : value) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

void Print(const std::string& key, const std::string& value, bool quote) {
  std::cout << key << '=' << (quote ? Quoted(value) : value) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  bool quote = false;
  std::string host = embed::HostName(), path(embed::kSettingsPath);
  for (int option; (option = getopt(argc, argv, "Ss:f:")) != -1;) {
    if (option == 'S') quote = true;
    if (option == 's') host = optarg;
    if (option == 'f') path = optarg;
    if (option == '?') {
      std::cerr << "storpool_confget [-S] [-s HOST] [-f FILE] [KEY...]\n";
      return 2;
    }
  }
  absl::StatusOr<embed::Settings> settings = embed::LoadSettings(path, host);
  if (!settings.ok()) {
    std::cerr << "storpool_confget: " << settings.status().message() << "\n";
    return 2;
  }
  embed::AddEnvironment(environ, *settings);
  bool all_set = true;
  if (optind == argc) {
    for (const auto& [key, value] : *settings) Print(key, value, quote);
  }
  for (int i = optind; i < argc; ++i) {
    const auto it = settings->find(argv[i]);
    if (it == settings->end()) {
      all_set = false;
    } else {
      Print(it->first, it->second, quote);
    }
  }
  return all_set ? 0 : 1;
}
