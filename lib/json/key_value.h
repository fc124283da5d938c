// The key-value store of control planes as JSON, in StorPool's shape (reference 3.3), and requests
// to change it. kInvalidArgument says which field is wrong.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// {"buckets": {name: version}}
Json JsonOf(const KeyValueBucketsAnswer& answer);
// {"name": ..., "version": N, "pairs": {key: value}}
Json BucketJson(const std::string& bucket, const KeyValueReadAnswer& answer);
Json JsonOf(const KeyValueChangeAnswer& answer);

absl::StatusOr<KeyValueChangeRequest> ReadKeyValueSet(const std::string& bucket, const Json& body);

}  // namespace storpool::json
