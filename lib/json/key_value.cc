#include "lib/json/key_value.h"

#include <limits>
#include <map>
#include <utility>

#include "lib/json/changes.h"
#include "lib/json/fields.h"

namespace storpool::json {

Json JsonOf(const KeyValueBucketsAnswer& answer) {
  std::map<std::string, Json> buckets;
  for (const auto& one : answer.buckets()) buckets[one.bucket()] = one.version();
  return {{"buckets", ObjectOf(std::move(buckets))}};
}

Json BucketJson(const std::string& bucket, const KeyValueReadAnswer& answer) {
  std::map<std::string, Json> pairs;
  for (const Tag& value : answer.values()) pairs[value.name()] = value.value();
  return {{"name", bucket}, {"version", answer.version()}, {"pairs", ObjectOf(std::move(pairs))}};
}

Json JsonOf(const KeyValueChangeAnswer& answer) {
  Json json = JsonOfChange(answer.generation(), "");
  json["version"] = answer.version();
  return json;
}

absl::StatusOr<KeyValueChangeRequest> ReadKeyValueSet(const std::string& bucket, const Json& body) {
  Fields fields(body, "KV/Set");
  KeyValueChangeRequest request;
  request.set_what(KeyValueChangeRequest::SET);
  request.set_bucket(bucket);
  if (auto version = fields.Number("runIfVersionIs", 0, std::numeric_limits<int64_t>::max())) {
    request.set_run_if_version_is(*version);
  }
  fields.Tags("set", request.mutable_set());
  return Finished(fields, std::move(request));
}

}  // namespace storpool::json
