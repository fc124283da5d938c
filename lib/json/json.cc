#include "lib/json/json.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/api_limits.h"

namespace storpool::json {
namespace {

// Bounds the shape of a text before it is parsed: how deep arrays and objects are nested, and how
// many keys an object has, counted by its colons. Brackets and colons within strings do not count.
absl::Status CheckShape(std::string_view text) {
  std::array<size_t, kJsonDepthMax + 1> keys = {};
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax) {
        return absl::InvalidArgumentError("the JSON is nested too deep");
      }
      keys[depth] = 0;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    } else if (c == ':' && ++keys[depth] > kJsonKeysMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("an object of the JSON has more than ", kJsonKeysMax, " keys"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string JsonText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ObjectOf(std::map<std::string, Json> members) {
  Json json = Json::object();
  auto& object = json.get_ref<Json::object_t&>();
  object.reserve(members.size());
  for (auto& [name, value] : members) object.emplace_back(name, std::move(value));
  return json;
}

absl::StatusOr<Json> ParseJson(std::string_view text) {
  if (absl::Status shape = CheckShape(text); !shape.ok()) return shape;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return absl::InvalidArgumentError("this is not JSON");
  return json;
}

}  // namespace storpool::json
