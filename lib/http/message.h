// One HTTP request and its response, free of the library that reads and writes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"

namespace storpool::http {

enum class Method { kGet, kPost, kOther };

struct Head {
  Method method = Method::kOther;
  std::string target;         // path and query, as sent
  std::string authorization;  // the header of that name
};

struct Request {
  Head head;
  std::string body;
  // Expires when nobody waits for the response any more.
  std::weak_ptr<const void> caller = {};
};

struct Response {
  unsigned status = 200;
  std::string body;  // JSON, always
};

// Makes the answer to a request; called on the server's thread.
using MakeResponse = absl::AnyInvocable<Response()>;
// Takes the one answer to a request; any thread.
using Reply = absl::AnyInvocable<void(MakeResponse make)>;

// An error as StorPool's clients expect it: JSON with a name, and a status that is not 200. Errors
// of the cluster come with its generation.
Response ErrorResponse(unsigned status, std::string_view name, std::string_view descr,
                       bool transient, std::optional<uint64_t> generation = std::nullopt);

}  // namespace storpool::http
