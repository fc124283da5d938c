#include "lib/frontends/nbd/request_check.h"

#include "lib/base/limits.h"

namespace storpool::nbd {
namespace {

bool Changes(Command command) {
  return command == Command::kWrite || command == Command::kTrim ||
         command == Command::kWriteZeroes;
}

bool AddsData(Command command) {
  return command == Command::kWrite || command == Command::kWriteZeroes;
}

// Force unit access is allowed everywhere: every change is durable when it is answered.
uint16_t FlagsAllowed(Command command, bool structured_replies) {
  switch (command) {
    case Command::kRead:
      return structured_replies ? kFua | kDontFragment : kFua;
    case Command::kWriteZeroes:
      return kFua | kNoHole | kFastZero;
    case Command::kBlockStatus:
      return kFua | kRequestOne;
    default:
      return kFua;
  }
}

Refusal CheckRange(const Request& request, const block::BlockDeviceInfo& info) {
  if (request.size_bytes == 0) return {Error::kInvalid, "a request for nothing"};
  if (request.offset_bytes % kSectorBytes != 0 || request.size_bytes % kSectorBytes != 0) {
    return {Error::kInvalid, "offset or size is no multiple of 512"};
  }
  if (request.offset_bytes > info.size_bytes ||
      request.size_bytes > info.size_bytes - request.offset_bytes) {
    return {AddsData(request.command) ? Error::kNoSpace : Error::kInvalid,
            "beyond the end of the export"};
  }
  return {};
}

}  // namespace

Refusal CheckRequest(const Request& request, const block::BlockDeviceInfo& info,
                     bool structured_replies, bool allocation_context) {
  switch (request.command) {
    case Command::kRead:
    case Command::kWrite:
      if (request.size_bytes > kNbdRequestBytesMax) {
        return {Error::kInvalid, "more than 32 MiB in one request"};
      }
      break;
    case Command::kTrim:
    case Command::kWriteZeroes:
    case Command::kFlush:
      break;
    case Command::kBlockStatus:
      if (!allocation_context) return {Error::kInvalid, "base:allocation was not negotiated"};
      break;
    default:
      return {Error::kInvalid, "unknown command"};
  }
  if ((request.flags & ~FlagsAllowed(request.command, structured_replies)) != 0) {
    return {Error::kInvalid, "unknown flag for this command"};
  }
  if (Changes(request.command) && info.read_only) {
    return {Error::kPermission, "the export is read-only"};
  }
  if (request.command == Command::kWriteZeroes &&
      (request.flags & (kNoHole | kFastZero)) == (kNoHole | kFastZero)) {
    return {Error::kUnsupported, "zeroes without a hole are no faster than a write"};
  }
  return request.command == Command::kFlush ? Refusal{} : CheckRange(request, info);
}

Error ErrorFor(const absl::Status& status, const Request& request) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Error::kNone;
    case absl::StatusCode::kInvalidArgument:
      return Error::kInvalid;
    case absl::StatusCode::kOutOfRange:
      return AddsData(request.command) ? Error::kNoSpace : Error::kInvalid;
    case absl::StatusCode::kResourceExhausted:
      return Error::kNoSpace;
    case absl::StatusCode::kPermissionDenied:
      return Error::kPermission;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      return Error::kShutdown;
    case absl::StatusCode::kUnimplemented:
      return Error::kUnsupported;
    default:
      return Error::kIo;
  }
}

}  // namespace storpool::nbd
