// JSON that keeps its members in the order they were put in. nlohmann-json rather than protobuf's
// own: StorPool's objects are maps by id with 64-bit numbers, which protobuf writes as strings.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace storpool::json {

using Json = nlohmann::ordered_json;

// One line. Bytes that are no UTF-8 are replaced.
std::string JsonText(const Json& json);

// kInvalidArgument: no JSON, no UTF-8, nested deeper than kJsonDepthMax, or an object of more than
// kJsonKeysMax keys. Of a field that is
// there twice the last counts.
absl::StatusOr<Json> ParseJson(std::string_view text);

// An object of many members. Json searches its objects from their beginning: `json[name] = ...` for
// all volumes of a cluster would take the square of their number.
Json ObjectOf(std::map<std::string, Json> members);

// The array of a repeated field of numbers or texts.
template <class Field>
Json ArrayOf(const Field& field) {
  Json array = Json::array();
  for (const auto& value : field) array.push_back(value);
  return array;
}

}  // namespace storpool::json
