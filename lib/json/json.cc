#include "lib/json/json.h"

#include "lib/base/api_limits.h"

namespace storpool::json {
namespace {

// How deep arrays and objects are nested; brackets within strings do not count.
size_t DepthOf(std::string_view text) {
  size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > deepest) deepest = depth;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

std::string JsonText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Json> ParseJson(std::string_view text) {
  if (DepthOf(text) > kJsonDepthMax) {
    return absl::InvalidArgumentError("the JSON is nested too deep");
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return absl::InvalidArgumentError("this is not JSON");
  return json;
}

}  // namespace storpool::json
