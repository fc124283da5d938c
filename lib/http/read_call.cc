#include "lib/http/read_call.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/http/path.h"
#include "lib/json/fields.h"
#include "lib/metadata/errors.h"

namespace storpool::http {
namespace {

unsigned HttpStatus(const absl::Status& status) {
  if (absl::IsUnimplemented(status)) return 501;
  const std::string_view name = metadata::ErrorName(status);
  if (name == "objectDoesNotExist") return 404;
  if (name == "invalidParam") return 400;
  if (name == "objectExists" || name == "busy") return 409;
  if (name == "insufficientResources") return 507;
  return 500;
}

Response UnknownCall(std::string_view query) {
  return ErrorResponse(
      404, "unknownCall",
      absl::StrCat("there is no call ", std::string(query), "; see docs/compatibility.md"), false);
}

// The call whose name the words begin with and whose arguments are the rest.
const Call* FindCall(const std::vector<std::string>& words, Method method) {
  const Call* found = nullptr;
  for (const Call& call : AllCalls()) {
    const size_t in_name = 1 + std::ranges::count(call.name, '/');
    if (words.size() != in_name + call.arguments) continue;
    std::string name = words[0];
    for (size_t i = 1; i < in_name; ++i) absl::StrAppend(&name, "/", words[i]);
    if (name != call.name) continue;
    if (call.method == method) return &call;
    found = &call;
  }
  return found;
}

// What a call gets: the end of the path, and the JSON of body or query.
absl::StatusOr<Input> InputOf(const Call& call, const Path& path, const Request& request,
                              const std::string& cluster) {
  Input input;
  input.arguments.assign(path.words.end() - call.arguments, path.words.end());
  for (const std::string& argument : input.arguments) {
    if (argument.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(call.name), "/ is followed by no name"));
    }
  }
  if (path.multi_cluster) input.cluster = cluster;
  const std::string& text = request.body.empty() ? path.json : request.body;
  if (text.empty()) return input;
  absl::StatusOr<Json> body = json::ParseJson(text);
  if (!body.ok()) return body.status();
  input.body = *std::move(body);
  if (call.body == Body::kFields) return input;
  const absl::Status none = json::Fields(input.body, std::string(call.name)).Finish();
  if (!none.ok()) return none;
  return input;
}

}  // namespace

Response ErrorOf(const absl::Status& status, std::optional<uint64_t> generation) {
  const std::string_view name =
      absl::IsUnimplemented(status) ? "notSupported" : metadata::ErrorName(status);
  return ErrorResponse(HttpStatus(status), name, std::string(status.message()),
                       status.code() == absl::StatusCode::kUnavailable, generation);
}

std::variant<ReadyCall, Response> ReadCall(const std::string& cluster, const Request& request) {
  const absl::StatusOr<Path> path = ParsePath(request.head.target);
  if (absl::IsNotFound(path.status())) return UnknownCall(request.head.target);
  if (!path.ok()) return ErrorOf(path.status());
  const std::string& remote = path->remote_cluster;
  if (!remote.empty() && remote != cluster && remote != "~" + cluster) {
    return ErrorOf(absl::InvalidArgumentError(
        absl::StrCat("this is cluster ", cluster, ", and it knows no cluster ", remote)));
  }
  const Call* call = FindCall(path->words, request.head.method);
  if (call == nullptr) return UnknownCall(request.head.target);
  if (call->method == Method::kPost && request.head.method == Method::kGet) {
    return ErrorResponse(405, "invalidParam",
                         absl::StrCat(std::string(call->name), " changes something: POST it"),
                         false);
  }
  const absl::StatusOr<Input> input = InputOf(*call, *path, request, cluster);
  if (!input.ok()) return ErrorOf(input.status());
  absl::StatusOr<Run> run = call->read(*input);
  if (!run.ok()) return ErrorOf(run.status());
  return ReadyCall{*std::move(run), path->all_clusters};
}

}  // namespace storpool::http
