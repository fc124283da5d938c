// Reads one JSON object of a request, field by field: each is asked for by name and type, may be
// absent or null, and is bounded. The first thing that is wrong is kept and says which field it is;
// a field that nobody asked for is wrong too, so that a misspelt one is never ignored.
//
//   Fields fields(body, "VolumeSnapshot");
//   if (auto name = fields.Text("name")) request.set_name(*name);
//   return Finished(fields, std::move(request));
//
// StorPool's clients send ids as numbers or as text, and "-" for no limit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

class Fields {
 public:
  // `object` outlives this; null counts as an object without fields. `what` names it in errors.
  Fields(const Json& object, std::string what);

  std::optional<std::string> Text(std::string_view name);
  // A number, or text that is one; within [min, max].
  std::optional<uint64_t> Number(std::string_view name, uint64_t min, uint64_t max);
  // true, false, 1 or 0.
  std::optional<bool> Flag(std::string_view name);
  // Bytes of a volume: whole sectors, at least one.
  std::optional<uint64_t> Size(std::string_view name);
  // As Number; "-" and 0 are no limit, given as 0.
  std::optional<uint64_t> Limit(std::string_view name, uint64_t max);
  // An array of ids.
  std::vector<uint32_t> Ids(std::string_view name, uint32_t min, uint32_t max);
  // {"name": "value"}; also "", which some clients send for none.
  void Tags(std::string_view name, google::protobuf::RepeatedPtrField<Tag>* tags);
  // Elements of an array of objects, one after the other.
  void Objects(std::string_view name, const std::function<void(const Json& element)>& on_element);
  // The field as it is, or nullptr.
  const Json* Raw(std::string_view name);
  // A field that means nothing here, whatever its value.
  void Ignore(std::string_view name) { Raw(name); }
  bool has(std::string_view name) const;

  // Notes that something is wrong with a field, unless something was already.
  void Wrong(std::string_view name, std::string_view why);
  // Notes an error of a part that was read by others, unless there is one already.
  void Add(const absl::Status& status);
  // kInvalidArgument: what is wrong, or a field that nobody has asked for.
  absl::Status Finish();

 private:
  std::optional<uint64_t> NumberOf(std::string_view name, const Json& value, uint64_t min,
                                   uint64_t max);

  const Json* object_;  // nullptr: no fields
  std::string what_;
  std::set<std::string, std::less<>> asked_;
  absl::Status error_;
};

// What was read, or what is wrong with it.
template <class Request>
absl::StatusOr<Request> Finished(Fields& fields, Request request) {
  if (absl::Status s = fields.Finish(); !s.ok()) return s;
  return request;
}

}  // namespace storpool::json
