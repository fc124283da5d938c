#include "lib/json/fields.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"

namespace storpool::json {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// A whole number that is not negative, also as 1e9 or as text.
std::optional<uint64_t> WholeNumber(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it a double is not exact
    if (number >= 0 && number <= kExact && number == std::floor(number)) {
      return static_cast<uint64_t>(number);
    }
  }
  uint64_t number = 0;
  if (value.is_string() && absl::SimpleAtoi(value.get_ref<const std::string&>(), &number)) {
    return number;
  }
  return std::nullopt;
}

}  // namespace

Fields::Fields(const Json& object, std::string what)
    : object_(object.is_object() ? &object : nullptr), what_(std::move(what)) {
  if (object_ == nullptr && !object.is_null()) {
    error_ = absl::InvalidArgumentError(absl::StrCat(what_, ": an object {...} is needed"));
  }
}

bool Fields::has(std::string_view name) const {
  if (object_ == nullptr) return false;
  const auto it = object_->find(std::string(name));
  return it != object_->end() && !it->is_null();
}

const Json* Fields::Raw(std::string_view name) {
  asked_.emplace(name);
  return has(name) ? &*object_->find(std::string(name)) : nullptr;
}

void Fields::Wrong(std::string_view name, std::string_view why) {
  Add(absl::InvalidArgumentError(absl::StrCat(what_, ": ", ToAbsl(name), " ", ToAbsl(why))));
}

void Fields::Add(const absl::Status& status) {
  if (error_.ok()) error_ = status;
}

std::optional<std::string> Fields::Text(std::string_view name) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  Wrong(name, "must be text");
  return std::nullopt;
}

std::optional<uint64_t> Fields::NumberOf(std::string_view name, const Json& value, uint64_t min,
                                         uint64_t max) {
  const std::optional<uint64_t> number = WholeNumber(value);
  if (number && *number >= min && *number <= max) return number;
  Wrong(name, absl::StrCat("must be a whole number from ", min, " to ", max));
  return std::nullopt;
}

std::optional<uint64_t> Fields::Number(std::string_view name, uint64_t min, uint64_t max) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  return NumberOf(name, *value, min, max);
}

std::optional<bool> Fields::Flag(std::string_view name) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  if (*value == 0 || *value == 1) return *value == 1;
  Wrong(name, "must be true or false");
  return std::nullopt;
}

std::optional<uint64_t> Fields::Size(std::string_view name) {
  const std::optional<uint64_t> size = Number(name, 1, kVolumeBytesMax);
  if (size && *size % kSectorBytes != 0) {
    Wrong(name, absl::StrCat("must be a multiple of ", kSectorBytes));
    return std::nullopt;
  }
  return size;
}

std::optional<uint64_t> Fields::Limit(std::string_view name, uint64_t max) {
  const Json* value = Raw(name);
  if (value == nullptr) return std::nullopt;
  if (*value == "-") return 0;
  return NumberOf(name, *value, 0, max);
}

std::vector<uint32_t> Fields::Ids(std::string_view name, uint32_t min, uint32_t max) {
  std::vector<uint32_t> ids;
  const Json* value = Raw(name);
  if (value == nullptr) return ids;
  if (!value->is_array()) {
    Wrong(name, "must be an array of ids");
    return ids;
  }
  for (const Json& element : *value) {
    if (element.is_null()) continue;
    const std::optional<uint64_t> id = NumberOf(name, element, min, max);
    if (!id) break;
    ids.push_back(static_cast<uint32_t>(*id));
  }
  return ids;
}

void Fields::Tags(std::string_view name, google::protobuf::RepeatedPtrField<Tag>* tags) {
  const Json* value = Raw(name);
  if (value == nullptr || *value == "") return;
  if (!value->is_object()) return Wrong(name, "must be an object of names and values");
  for (const auto& [key, tag_value] : value->items()) {
    if (tag_value.is_null()) continue;
    if (!tag_value.is_string() && !tag_value.is_number()) {
      return Wrong(name, absl::StrCat("has a value of ", key, " that is no text"));
    }
    Tag* tag = tags->Add();
    tag->set_name(key);
    tag->set_value(tag_value.is_string() ? tag_value.get<std::string>() : tag_value.dump());
  }
}

void Fields::Objects(std::string_view name,
                     const std::function<void(const Json& element)>& on_element) {
  const Json* value = Raw(name);
  if (value == nullptr) return;
  if (!value->is_array()) return Wrong(name, "must be an array");
  for (const Json& element : *value) on_element(element);
}

absl::Status Fields::Finish() {
  if (!error_.ok() || object_ == nullptr) return error_;
  for (const auto& [name, value] : object_->items()) {
    if (!asked_.contains(name)) {
      Wrong(name, "is not known here");
      break;
    }
  }
  return error_;
}

}  // namespace storpool::json
