// Any target and body, as somebody with the token may send them: refused with an error that has a
// name, or understood as some call. The first line is the target, "P" before it makes it a POST.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "lib/http/read_call.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace http = storpool::http;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  http::Request request;
  request.head.method = http::Method::kGet;
  if (text.starts_with('P')) {
    request.head.method = http::Method::kPost;
    text.remove_prefix(1);
  }
  const size_t line = text.find('\n');
  request.head.target = text.substr(0, line);
  if (line != std::string_view::npos) request.body = text.substr(line + 1);
  const auto read = http::ReadCall("local.one", request);
  const auto* refusal = std::get_if<http::Response>(&read);
  if (refusal == nullptr) return 0;
  const auto body = storpool::json::ParseJson(refusal->body);
  if (refusal->status == 200 || !body.ok() || !body->contains("error")) std::abort();
  return 0;
}
