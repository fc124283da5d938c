// The key-value store of control planes.
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/api/admin.h"
#include "lib/metadata/errors.h"

namespace storpool::api {

void Admin::Call(const KeyValueBucketsRequest&, Done<KeyValueBucketsAnswer> done) {
  KeyValueBucketsAnswer answer;
  for (const auto& [id, bucket] : state().buckets()) {
    KeyValueBucketsAnswer::One& one = *answer.add_buckets();
    one.set_bucket(bucket.bucket());
    one.set_version(bucket.version());
  }
  done(std::move(answer));
}

void Admin::Call(const KeyValueReadRequest& request, Done<KeyValueReadAnswer> done) {
  const metadata::BucketRecord* bucket = state().FindBucket(request.bucket());
  if (bucket == nullptr) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("bucket '", request.bucket(), "' does not exist")));
  }
  KeyValueReadAnswer answer;
  answer.set_version(bucket->version());
  for (const Tag& value : bucket->values()) {
    if (request.key().empty() || value.name() == request.key()) *answer.add_values() = value;
  }
  if (!request.key().empty() && answer.values().empty()) {
    return done(metadata::ObjectDoesNotExist(
        absl::StrCat("bucket ", request.bucket(), " has no key '", request.key(), "'")));
  }
  done(std::move(answer));
}

void Admin::Call(const KeyValueChangeRequest& request, Done<KeyValueChangeAnswer> done) {
  metadata::Command command;
  *command.mutable_key_value() = request;
  leader_.Propose(std::move(command),
                  [done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
                    if (!r.ok()) return done(r.status());
                    KeyValueChangeAnswer answer;
                    answer.set_version(r->id());
                    answer.set_generation(r->generation());
                    done(std::move(answer));
                  });
}

}  // namespace storpool::api
