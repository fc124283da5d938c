#include "lib/json/changes.h"

#include <utility>

namespace storpool::json {

Json Envelope(uint64_t generation, Json data) {
  return {{"generation", generation}, {"data", std::move(data)}};
}

Json JsonOf(const ApiError& error) {
  return {{"error",
           {{"name", error.name()}, {"descr", error.descr()}, {"transient", error.transient()}}}};
}

Json JsonOfChange(uint64_t generation, const std::string& info) {
  Json json = {{"ok", true}, {"generation", generation}};
  if (!info.empty()) json["info"] = info;
  return json;
}

}  // namespace storpool::json
