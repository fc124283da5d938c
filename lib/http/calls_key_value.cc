// Calls of the key-value store that control planes keep their own state in.
#include "lib/http/calls.h"
#include "lib/json/key_value.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> Buckets(const Input&) {
  return Ask<KeyValueBucketsAnswer>(
      KeyValueBucketsRequest(),
      [](const KeyValueBucketsAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> Read(const Input& input) {
  KeyValueReadRequest request;
  request.set_bucket(input.arguments[0]);
  if (input.arguments.size() > 1) request.set_key(input.arguments[1]);
  return Ask<KeyValueReadAnswer>(std::move(request),
                                 [bucket = input.arguments[0]](const KeyValueReadAnswer& answer) {
                                   return json::BucketJson(bucket, answer);
                                 });
}

Run Changing(KeyValueChangeRequest request) {
  return Ask<KeyValueChangeAnswer>(
      std::move(request), [](const KeyValueChangeAnswer& answer) { return json::JsonOf(answer); });
}

Run ChangeOf(KeyValueChangeRequest::What what, const std::string& bucket) {
  KeyValueChangeRequest request;
  request.set_what(what);
  request.set_bucket(bucket);
  return Changing(std::move(request));
}

absl::StatusOr<Run> Create(const Input& input) {
  return ChangeOf(KeyValueChangeRequest::CREATE, input.arguments[0]);
}
absl::StatusOr<Run> Delete(const Input& input) {
  return ChangeOf(KeyValueChangeRequest::DELETE, input.arguments[0]);
}
absl::StatusOr<Run> Set(const Input& input) {
  absl::StatusOr<KeyValueChangeRequest> request =
      json::ReadKeyValueSet(input.arguments[0], input.body);
  if (!request.ok()) return request.status();
  return Changing(*std::move(request));
}

}  // namespace

std::vector<Call> KeyValueCalls() {
  return {
      {Method::kGet, "KV", 0, Buckets},
      {Method::kPost, "KV/Create", 1, Create, Body::kNone},
      {Method::kPost, "KV/Delete", 1, Delete, Body::kNone},
      {Method::kGet, "KV/Get", 2, Read},
      {Method::kGet, "KV/List", 1, Read},
      {Method::kPost, "KV/Set", 1, Set},
  };
}

}  // namespace storpool::http
