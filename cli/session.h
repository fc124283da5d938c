// What a command may use while it runs, and how its errors are told apart.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "cli/admin_client.h"
#include "cli/options.h"
#include "lib/env/entropy.h"
#include "proto/admin.pb.h"

namespace storpool::cli {

class LineEditor;

// The world around the program; another one in tests.
struct World {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;  // then progress is shown
  size_t columns = 0;            // of the terminal that `out` is; 0: it is none
  // Of storpool.conf, its folder and the environment (lib/embed/settings.h).
  std::map<std::string, std::string> settings;
  env::Entropy& entropy;
  std::function<std::shared_ptr<grpc::Channel>(const std::string& address)> connect;
  std::function<int64_t()> now_seconds;
  std::function<void(int64_t seconds)> sleep;
  std::function<std::unique_ptr<LineEditor>()> open_editor;  // of the terminal that `in` is

  // Empty if there is no such setting.
  std::string Setting(const std::string& key) const {
    const auto it = settings.find(key);
    return it == settings.end() ? std::string() : it->second;
  }
};

struct Session {
  World& world;
  AdminClient& admin;
  const Options& options;
};

// Asks on a terminal before much is changed. True if nobody is there to be asked: a script that
// says so means it.
bool Confirmed(Session& session, const std::string& question);

// What a command ends with if the answer is no: a plain line, not an error.
absl::Status Declined();
bool IsDeclined(const absl::Status& status);

// Wrong use of the program, found after the words were understood: exit code 1.
absl::Status UsageError(const std::string& text);
bool IsUsageError(const absl::Status& status);

}  // namespace storpool::cli
