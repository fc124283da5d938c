#include "lib/metadata/errors.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/cord.h"

namespace storpool::metadata {
namespace {

constexpr char kPayloadUrl[] = "storpool.error";

constexpr std::string_view kDoesNotExist = "objectDoesNotExist";
constexpr std::string_view kExists = "objectExists";
constexpr std::string_view kBusy = "busy";
constexpr std::string_view kInvalidParam = "invalidParam";
constexpr std::string_view kInsufficient = "insufficientResources";
constexpr std::string_view kMismatch = "runIfVersionIsMismatch";

absl::Status Make(absl::StatusCode code, std::string_view name, std::string_view text) {
  absl::Status status(code, std::string(text));
  status.SetPayload(kPayloadUrl, absl::Cord(std::string(name)));
  return status;
}

}  // namespace

absl::Status ObjectDoesNotExist(std::string_view text) {
  return Make(absl::StatusCode::kNotFound, kDoesNotExist, text);
}
absl::Status ObjectExists(std::string_view text) {
  return Make(absl::StatusCode::kAlreadyExists, kExists, text);
}
absl::Status Busy(std::string_view text) {
  return Make(absl::StatusCode::kFailedPrecondition, kBusy, text);
}
absl::Status BusyForNow(std::string_view text) {
  return Make(absl::StatusCode::kUnavailable, kBusy, text);
}
absl::Status InvalidParam(std::string_view text) {
  return Make(absl::StatusCode::kInvalidArgument, kInvalidParam, text);
}
absl::Status InsufficientResources(std::string_view text) {
  return Make(absl::StatusCode::kResourceExhausted, kInsufficient, text);
}

absl::Status VersionMismatch(std::string_view text) {
  return Make(absl::StatusCode::kFailedPrecondition, kMismatch, text);
}

std::string_view ErrorName(const absl::Status& status) {
  if (status.ok()) return "";
  if (const auto payload = status.GetPayload(kPayloadUrl)) {
    for (std::string_view name :
         {kDoesNotExist, kExists, kBusy, kInvalidParam, kInsufficient, kMismatch}) {
      if (*payload == std::string(name)) return name;
    }
  }
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kDoesNotExist;
    case absl::StatusCode::kAlreadyExists:
      return kExists;
    case absl::StatusCode::kUnavailable:
      return kBusy;
    case absl::StatusCode::kInvalidArgument:
      return kInvalidParam;
    case absl::StatusCode::kResourceExhausted:
      return kInsufficient;
    default:
      return "internalError";
  }
}

}  // namespace storpool::metadata
