// The key-value store of control planes: versioned buckets with compare-and-set.
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {
namespace {

absl::Status CheckSet(const KeyValueChangeRequest& change) {
  if (change.bucket().empty() || change.bucket().size() > kBucketNameBytesMax) {
    return InvalidParam(
        absl::StrCat("a bucket's name has 1 to ", kBucketNameBytesMax, " characters"));
  }
  for (const Tag& set : change.set()) {
    if (set.name().empty() || set.name().size() > kBucketNameBytesMax) {
      return InvalidParam(absl::StrCat("bucket ", change.bucket(), ": a key has 1 to ",
                                       kBucketNameBytesMax, " characters"));
    }
    if (set.value().size() > kBucketValueBytesMax) {
      return InvalidParam(absl::StrCat("bucket ", change.bucket(), ": the value of ", set.name(),
                                       " is longer than ", kBucketValueBytesMax, " bytes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const BucketRecord* State::FindBucket(std::string_view name) const {
  for (const auto& [id, bucket] : buckets_.all()) {
    if (bucket.bucket() == name) return &bucket;
  }
  return nullptr;
}

absl::Status State::Do(const KeyValueChangeRequest& c, Outcome& out) {
  SP_RETURN_IF_ERROR(CheckSet(c));
  uint64_t id = 0;
  for (const auto& [number, bucket] : buckets_.all()) {
    if (bucket.bucket() == c.bucket()) id = number;
  }
  const bool create = c.what() == KeyValueChangeRequest::CREATE;
  if (create && id != 0) return ObjectExists(absl::StrCat("bucket ", c.bucket(), " exists"));
  if (!create && id == 0) {
    return ObjectDoesNotExist(absl::StrCat("bucket '", c.bucket(), "' does not exist; create it"));
  }
  BucketRecord bucket;
  if (id != 0) bucket = *buckets_.Find(id);
  if (c.has_run_if_version_is() && c.run_if_version_is() != bucket.version()) {
    return VersionMismatch(absl::StrCat("bucket ", c.bucket(), " has version ", bucket.version(),
                                        ", not ", c.run_if_version_is(), "; nothing was changed"));
  }
  if (c.what() == KeyValueChangeRequest::DELETE) {
    buckets_.Erase(id);
    BumpGeneration(out);
    return absl::OkStatus();
  }
  std::map<std::string, std::string> values;
  for (const Tag& value : bucket.values()) values[value.name()] = value.value();
  for (const Tag& value : c.set()) values[value.name()] = value.value();
  bucket.set_bucket(c.bucket());
  bucket.set_version(bucket.version() + 1);
  bucket.clear_values();
  for (const auto& [name, value] : values) {
    if (value.empty()) continue;
    Tag& kept = *bucket.add_values();
    kept.set_name(name);
    kept.set_value(value);
  }
  if (bucket.ByteSizeLong() > kBucketBytesMax || (create && buckets_.all().size() >= kBucketsMax)) {
    return InsufficientResources(absl::StrCat("bucket ", c.bucket(), ": at most ", kBucketsMax,
                                              " buckets of ", kBucketBytesMax,
                                              " bytes are possible"));
  }
  if (id == 0) {
    ClusterRecord cluster = cluster_;
    id = cluster.last_bucket() + 1;
    cluster.set_last_bucket(id);
    PutCluster(cluster);
  }
  out.result.set_id(bucket.version());
  buckets_.Put(id, bucket);
  BumpGeneration(out);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
