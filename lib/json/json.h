// JSON that keeps its members in the order they were put in. nlohmann-json rather than protobuf's
// own: StorPool's objects are maps by id with 64-bit numbers, which protobuf writes as strings.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace storpool::json {

using Json = nlohmann::ordered_json;

// One line. Bytes that are no UTF-8 are replaced.
inline std::string JsonText(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace storpool::json
