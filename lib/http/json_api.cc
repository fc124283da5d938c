#include "lib/http/json_api.h"

#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "lib/http/read_call.h"
#include "lib/json/changes.h"

namespace storpool::http {
namespace {

constexpr std::string_view kScheme = "Storpool v1:";

// Takes the same time wherever they differ.
bool SameSecret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char different = 0;
  for (size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned char>(a[i] ^ b[i]);
  return different == 0;
}

// What one cluster has answered, as AllClusters/ shows it.
Json OneOfClusters(const std::string& cluster, uint64_t generation, Json data) {
  Json one = {{"name", cluster}, {"id", cluster}};
  one["response"] = json::Envelope(generation, std::move(data));
  Json json = Json::object();
  json["clusters"] = Json::array({std::move(one)});
  return json;
}

}  // namespace

JsonApi::JsonApi(env::Reactor& reactor, api::Admin& admin, std::function<uint64_t()> generation,
                 Identity identity)
    : reactor_(reactor),
      admin_(admin),
      generation_(std::move(generation)),
      identity_(std::move(identity)) {}

std::optional<Response> JsonApi::Admit(const Head& head) const {
  if (head.method == Method::kOther) {
    return ErrorResponse(405, "invalidParam", "the API has GET and POST only", false);
  }
  const std::string_view sent = head.authorization;
  if (sent.starts_with(kScheme) && SameSecret(sent.substr(kScheme.size()), identity_.token)) {
    return std::nullopt;
  }
  return ErrorResponse(401, "unauthorized",
                       absl::StrCat("the header 'Authorization: ", std::string(kScheme),
                                    "TOKEN' is missing, or its token is not that of this cluster "
                                    "(SP_AUTH_TOKEN)"),
                       false);
}

Response JsonApi::Rendered(Render render, uint64_t generation, bool all_clusters) const {
  Json data = render();
  if (all_clusters) data = OneOfClusters(identity_.cluster, generation, std::move(data));
  return {200, json::JsonText(json::Envelope(generation, std::move(data)))};
}

void JsonApi::Handle(Request request, Reply reply) const {
  std::variant<ReadyCall, Response> read = ReadCall(identity_.cluster, request);
  if (auto* refusal = std::get_if<Response>(&read)) {
    return reply([response = std::move(*refusal)]() mutable { return std::move(response); });
  }
  ReadyCall& call = std::get<ReadyCall>(read);
  auto answer = [this, all = call.all_clusters,
                 reply = std::move(reply)](absl::StatusOr<Render> render) mutable {
    reply([this, all, generation = generation_(), render = std::move(render)]() mutable {
      if (!render.ok()) return ErrorOf(render.status(), generation);
      return Rendered(*std::move(render), generation, all);
    });
  };
  Finish finish(std::move(answer), metadata::Caller(request.caller));
  reactor_.Post([this, run = std::move(call.run), finish = std::move(finish)]() mutable {
    run(admin_, std::move(finish));
  });
}

}  // namespace storpool::http
