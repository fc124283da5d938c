#include "lib/http/message.h"

#include "lib/json/changes.h"

namespace storpool::http {

Response ErrorResponse(unsigned status, std::string_view name, std::string_view descr,
                       bool transient, std::optional<uint64_t> generation) {
  ApiError error;
  error.set_name(std::string(name));
  error.set_descr(std::string(descr));
  error.set_transient(transient);
  json::Json body = json::JsonOf(error);
  if (generation) body["generation"] = *generation;
  return {status, json::JsonText(body)};
}

}  // namespace storpool::http
