// What a command may use while it runs, and how its errors are told apart.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "cli/admin_client.h"
#include "lib/env/entropy.h"
#include "proto/admin.pb.h"

namespace storpool::cli {

// The world around the program; another one in tests.
struct World {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;  // then progress is shown
  std::string metadata;          // of the environment: STORPOOL_METADATA
  env::Entropy& entropy;
  std::function<std::shared_ptr<grpc::Channel>(const std::string& address)> connect;
  std::function<int64_t()> now_seconds;
  std::function<void(int64_t seconds)> sleep;
};

struct Session {
  World& world;
  AdminClient& admin;
  bool json = false;
};

// Wrong use of the program, found after the words were understood: exit code 1.
absl::Status UsageError(const std::string& text);
bool IsUsageError(const absl::Status& status);

}  // namespace storpool::cli
